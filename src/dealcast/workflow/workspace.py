"""Workspace: what a step may use. Loads come from the versions that earlier steps recorded."""

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dataframely as dy
import polars as pl

from dealcast.contracts import CrmTables, RawExport
from dealcast.errors import ModelError, StoreError
from dealcast.settings import Settings
from dealcast.snapshots import as_known_on
from dealcast.sources.reading import ReadingOptions, read_export
from dealcast.tracking.base import Registry, Tracker
from dealcast.workflow.manifest import StepRecord
from dealcast.workflow.parts import PartWriter
from dealcast.workflow.store import Store

DIMENSIONS = ("accounts", "products", "sales_agents", "plans")
CLEAN_TABLES = ("crm_data_processed", *DIMENSIONS)
# Larger tables (bytes) are not kept for the next step, but for the one that most steps need.
NEEDED_BY_ALL, KEPT_BYTES = "crm_data_processed", 200_000_000

# Called with what is done and how much there is of it: ("origin 2 of 6", 0.33).
Progress = Callable[[str, float], None]


@dataclass
class Made:
    """What a step made: table versions by name, objects by name, and figures for the summary."""

    tables: dict[str, int] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass
class Workspace:
    """The store, the settings and the records of the steps before, for one run."""

    store: Store
    settings: Settings
    run_id: str
    tracker: Tracker
    registry: Registry
    records: dict[str, StepRecord]
    progress: Progress
    memo: dict[str, Any] = field(default_factory=dict)

    def save(
        self, made: Made, name: str, frame: pl.DataFrame, contract: type[dy.Schema] | None = None
    ) -> None:
        """Save a table, note its version, and keep the frame for later steps of this run."""
        made.tables[name] = self.store.save(name, frame, run_id=self.run_id, contract=contract)
        self._keep(name, made.tables[name], frame)

    @contextmanager
    def parts(
        self,
        made: Made,
        name: str,
        contract: type[dy.Schema] | None = None,
        *,
        kept: Collection[str] = (),
    ) -> Iterator[PartWriter]:
        """Save a table part by part, and note its version; nobody keeps the rows."""
        with self.store.parts(name, run_id=self.run_id, contract=contract, kept=kept) as table:
            yield table
        made.tables[name] = table.version

    def load(self, name: str, made_by: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """A table in the version that the step made, whatever has been written since.

        `columns`: only these.
        """
        return self.at_version(name, self.record(made_by).tables[name], columns)

    def at_version(
        self, name: str, version: int, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """A table, or some columns of it, in one version; read only if it was not kept."""
        kept: pl.DataFrame | None = self.memo.get(f"{name}@{version}")
        if kept is not None:
            return kept if columns is None else kept.select(columns)
        frame = self.store.load(name, version=version, columns=columns)
        if columns is not None:
            return frame
        self._keep(name, version, frame)
        return frame

    def _keep(self, name: str, version: int, frame: pl.DataFrame) -> None:
        if name == NEEDED_BY_ALL or frame.estimated_size() <= KEPT_BYTES:
            self.memo[f"{name}@{version}"] = frame

    def record(self, step: str) -> StepRecord:
        """What a step made when it last completed. Raises StoreError where it never did."""
        return recorded(self.records, step, self.store)

    def export(self) -> RawExport:
        """The raw export that `ingest` kept."""
        raw_hash = self.record("ingest").objects["raw"]
        if raw_hash not in self.memo:
            options = ReadingOptions.from_dict(self.record("ingest").figures["reading"])
            with self.store.raw_files(raw_hash) as files:
                self.memo[raw_hash] = read_export(files, options)
        export: RawExport = self.memo[raw_hash]
        return export

    def forget_export(self) -> None:
        """Give its memory back; `export` reads it again."""
        self.memo.pop(self.record("ingest").objects["raw"], None)

    def crm_tables(self) -> CrmTables:
        """The clean tables that `clean` made."""
        return clean_tables(self.record("clean").tables, lambda name: self.load(name, "clean"))

    def known_tables(self) -> CrmTables:
        """The clean tables as they were known on `as_of`; all of them at the export's own end."""
        if self.is_at_export_end:
            return self.crm_tables()
        return as_known_on(self.crm_tables(), self.as_of)

    @property
    def is_at_export_end(self) -> bool:
        """Whether all that the export knows is known on `as_of`."""
        return self.as_of >= self._last_date

    @property
    def as_of(self) -> date:
        """The last day that the export knows, or is to be taken to know."""
        return self.settings.data.as_of or self._last_date

    @property
    def _last_date(self) -> date:
        last = self.record("clean").figures["last_date"]
        if last is None:
            raise ModelError(
                "No clean opportunity has an engage or close date: there is no time to learn from.",
                remedy="map the columns of the dates (docs/mapping.md)",
            )
        return date.fromisoformat(last)


def clean_tables(made: Container[str], load: Callable[[str], pl.DataFrame]) -> CrmTables:
    """The clean tables among those that a step made."""
    frames = {name: load(name).lazy() for name in DIMENSIONS if name in made}
    # Checked when they were saved; a second check would cost as much as reading them. Cast now, as
    # a cast that is left for later is done again by every query.
    opportunities = load("crm_data_processed").lazy()
    return CrmTables.cast({"opportunities": opportunities, **frames}).collect_all()


def recorded(records: Mapping[str, StepRecord], step: str, store: Store) -> StepRecord:
    """What a step made when it last completed. Raises StoreError where it never did."""
    if step not in records:
        raise StoreError(
            f"The step '{step}' has not been run on '{store.root}' yet.",
            remedy=f"`dealcast {step} --root {store.root}`, or `dealcast run` for all",
        )
    return records[step]
