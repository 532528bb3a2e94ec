"""The vocabulary of checks: what a check is, what it may find, and what a failing row costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import polars as pl

Dimension = Literal[
    "completeness",
    "uniqueness",
    "validity",
    "consistency",
    "integrity",
    "timeliness",
    "suspicion",
]
Severity = Literal["critical", "major", "minor", "notice"]

# What the share of failing rows is multiplied by to give the deduction from the score.
WEIGHTS: Mapping[Severity, float] = {
    "critical": 1.0,  # the row cannot be used: cleaning sets it aside
    "major": 0.5,  # the row can be used, but something is lost or has to be decided
    "minor": 0.25,  # cleaning repairs it, and nothing is lost
    "notice": 0.0,  # nothing is wrong with the rows; know it before you conclude from them
}


@dataclass(frozen=True)
class Reading:
    """An export made ready for checking: tidy text, marks (reading.py), and its last day."""

    tables: Mapping[str, pl.DataFrame]
    as_of: date | None

    @property
    def opportunities(self) -> pl.DataFrame:
        """The one table that every export has."""
        return self.tables["opportunities"]


@dataclass(frozen=True)
class Finding:
    """How many of how many fail, and in words where the count does not say it all."""

    rows: int
    of: int
    note: str | None = None


@dataclass(frozen=True)
class NotApplicable:
    """Why a check says nothing about this export; it counts as neither passed nor failed."""

    why: str


@dataclass(frozen=True, eq=False)
class Check:
    """One question to an export, and what to do where the answer is bad.

    `fails` is an expression that is true on failing rows of the table, or a function of the whole
    export. `columns` must be there for the check to apply, and are shown in its examples, or
    `shows` is; `needs` is another table that must be there and have keys.
    """

    code: str
    title: str
    dimension: Dimension
    severity: Severity
    table: str
    columns: tuple[str, ...]
    fails: pl.Expr | Callable[[Reading], Finding | NotApplicable] = field(repr=False)
    remedy: str
    unit: str = "rows"
    shows: tuple[str, ...] = ()
    needs: str | None = None

    @property
    def weight(self) -> float:
        """What a share of 1 deducts from the score."""
        return WEIGHTS[self.severity]
