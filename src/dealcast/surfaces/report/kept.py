"""What a run kept: its figures, objects and tables, in the versions that it recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl

from dealcast.workflow.manifest import RunManifest, StepRecord
from dealcast.workflow.store import Store


@dataclass(frozen=True)
class Kept:
    """A run in the store, step by step; a step that it did not take is read from the run before."""

    manifest: RunManifest
    store: Store
    read: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def records(self) -> Mapping[str, StepRecord]:
        """What each step made, by name; one that was never done is absent."""
        return {r.name: r for r in (*self.manifest.earlier, *self.manifest.steps)}

    @property
    def currency(self) -> str:
        """Of all amounts."""
        return str(self.manifest.settings["data"]["currency"])

    @property
    def known_until(self) -> date | None:
        """The last day that the run knows; None where nothing was cleaned or nothing is dated."""
        chosen = self.manifest.settings["data"]["as_of"] or self.figures("clean").get("last_date")
        return date.fromisoformat(str(chosen)[:10]) if chosen else None

    def figures(self, step: str) -> Mapping[str, Any]:
        """The figures of a step; empty where it was not done."""
        return self.records[step].figures if step in self.records else {}

    def is_earlier(self, step: str) -> bool:
        """Whether the step was last done by another run, before this one, which left it out."""
        return step in {r.name for r in self.manifest.earlier}

    def has_table(self, step: str, name: str) -> bool:
        """Whether a step made the table."""
        return step in self.records and name in self.records[step].tables

    def rows(
        self,
        step: str,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        where: pl.Expr | None = None,
    ) -> pl.DataFrame:
        """These columns and rows of a table that may be large, as the step made it; read anew.

        Raises StoreError where it is gone.
        """
        version = self.records[step].tables[name]
        return self.store.load(name, version=version, columns=columns, where=where)

    def table(self, step: str, name: str) -> pl.DataFrame:
        """A table as the step made it, read once. Raises StoreError where it is gone."""
        version = self.records[step].tables[name]
        key = f"{name}@{version}"
        if key not in self.read:
            self.read[key] = self.store.load(name, version=version)
        frame: pl.DataFrame = self.read[key]
        return frame

    def has_object(self, step: str, name: str) -> bool:
        """Whether a step made the object."""
        return step in self.records and name in self.records[step].objects

    def object(self, step: str, name: str) -> Any:
        """A JSON object of a step, read once. Raises StoreError where it is gone."""
        key = self.records[step].objects[name]
        if key not in self.read:
            self.read[key] = self.store.require_json(key)
        return self.read[key]
