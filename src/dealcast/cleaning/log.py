"""CleaningLog: what each rule changed or set aside, so that nothing vanishes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import polars as pl

from dealcast.cells import COLUMNS, KEYS
from dealcast.cleaning.spec import Action, Repair, Rule, SetAside
from dealcast.contracts import PROVENANCE
from dealcast.errors import EXAMPLES_SHOWN, DealcastError, quoted, shortened


@dataclass(frozen=True)
class Applied:
    """What one rule did to one table. `rows`: changed, or set aside with this as their reason.

    Each of the examples names a row, and what was there before and after, or why it was set aside.
    """

    code: str
    title: str
    action: Action
    table: str
    rows: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowCount:
    """The account of one table. Raises DealcastError where it does not add up.

    >>> RowCount("accounts", rows_in=85, rows_clean=84, rows_quarantined=0)
    Traceback (most recent call last):
    ...
    dealcast.errors.DealcastError: Cleaning accounts lost count: 85 rows in, but 84 clean + 0 \
quarantined.
    ...
    """

    table: str
    rows_in: int
    rows_clean: int
    rows_quarantined: int

    def __post_init__(self) -> None:
        if self.rows_in != self.rows_clean + self.rows_quarantined:
            raise DealcastError(
                f"Cleaning {self.table} lost count: {self.rows_in:,} rows in, but "
                f"{self.rows_clean:,} clean + {self.rows_quarantined:,} quarantined.",
                remedy="report this as a bug, with `dealcast validate --json`",
            )


class CleanedPart(Protocol):
    """One table, cleaned, wherever its rows are."""

    @property
    def rules(self) -> tuple[Applied, ...]:
        """What each rule did."""

    @property
    def count(self) -> RowCount:
        """The account of its rows."""

    @property
    def corrected(self) -> frozenset[str]:
        """The hashes of the corrected rows."""


@dataclass(frozen=True)
class CleaningLog:
    """Every rule that applies to the export, in their order, and the account of every table.

    `corrections_unmatched` counts corrected rows that this export does not hold (any more).
    """

    rules: tuple[Applied, ...]
    counts: tuple[RowCount, ...]
    corrections_unmatched: int = 0

    @classmethod
    def of(cls, parts: Sequence[CleanedPart], corrections: pl.DataFrame | None) -> "CleaningLog":
        """What was done to each of the tables, of which the opportunities are the first."""
        asked = frozenset[str]() if corrections is None else frozenset(corrections["row_hash"])
        return cls(
            tuple(rule for part in parts for rule in part.rules),
            tuple(part.count for part in parts),
            len(asked.difference(*(part.corrected for part in parts))),
        )

    def rows(self, code: str) -> int:
        """Rows, over all tables, that the rule changed or set aside."""
        return sum(rule.rows for rule in self.rules if rule.code == code)

    @property
    def keys_repaired(self) -> int:
        """Opportunities with a key that was written in another way than its dimension table."""
        return self.rows("CL004")

    def count(self, table: str = "opportunities") -> RowCount:
        """The account of one table."""
        return next(c for c in self.counts if c.table == table)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON, with the opportunities' account on top."""
        totals = {k: v for k, v in asdict(self.count()).items() if k != "table"}
        return {**totals, "keys_repaired": self.keys_repaired, **asdict(self)}


def repaired(rule: Repair, table: str, before: pl.DataFrame, after: pl.DataFrame) -> Applied:
    """What a repair did, found by comparing all cells: the count cannot miss a change."""
    changed = before.select(pl.col(c).ne_missing(after[c]) for c in COLUMNS[table])
    rows = changed.select(pl.any_horizontal(pl.all())).to_series()
    at = rows.arg_true().head(EXAMPLES_SHOWN)
    examples = [
        f"{_named(row[KEYS[table]], row['source_file'], row['source_row'])}: {column} "
        f"{_quoted(old[column])} → {_quoted(row[column])}"
        for old, row, marks in zip(
            before[at].iter_rows(named=True),
            after[at].iter_rows(named=True),
            changed[at].iter_rows(named=True),
            strict=True,
        )
        for column in marks
        if marks[column]
    ]
    return _applied(rule, table, int(rows.sum()), examples)


def set_aside(rule: SetAside, table: str, quarantine: pl.DataFrame) -> Applied:
    """What a reason set aside."""
    rows = quarantine.filter(pl.col("reason") == rule.code)
    first = rows.head(EXAMPLES_SHOWN).select("key", *PROVENANCE, "explanation")
    examples = [f"{_named(*named)}: {why}" for *named, why in first.iter_rows()]
    return _applied(rule, table, rows.height, examples)


def _applied(rule: Rule, table: str, rows: int, examples: list[str]) -> Applied:
    shown = tuple(examples[:EXAMPLES_SHOWN])
    return Applied(rule.code, rule.title, rule.action, table, rows, shown)


def _named(key: str | None, source_file: str, source_row: int) -> str:
    place = f"row {source_row} of {source_file}"
    return f"{shortened(key)} ({place})" if key else place


def _quoted(cell: str | None) -> str:
    return "(blank)" if cell is None else quoted(cell)
