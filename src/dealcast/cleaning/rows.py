"""Rows of one table, cleaned: every repair, then a reason or none for each row.

Opportunities are cleaned in batches, on one machine or on many: given the keys of the dimension
tables, each row is cleaned by itself, but for rows of one id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import dataframely as dy
import polars as pl

from dealcast.cells import COLUMNS, CONTRACTS, KEYS, PLAN_COLUMNS, measures, tidied, usable
from dealcast.cleaning.log import Applied, repaired, set_aside
from dealcast.cleaning.quarantine import (
    CAME,
    quarantined,
    reasons_for,
    row_hash,
    with_marks,
    with_reason,
)
from dealcast.cleaning.repairs import REPAIRS, ROW_HASH, correct
from dealcast.cleaning.spec import Context
from dealcast.contracts import OPEN_STAGES, PROVENANCE, Plans, Quarantine
from dealcast.errors import EXAMPLES_SHOWN


@dataclass(frozen=True)
class Batch:
    """Some rows of a table, cleaned. `kept` still has every cell as text.

    `aside` are the rows that have a reason, repaired and with all marks; their cells as they came
    stand beside, in the struct CAME. `corrected` are the hashes of corrected rows.
    """

    rows: int
    kept: pl.DataFrame
    aside: pl.DataFrame
    rules: tuple[Applied, ...]
    corrected: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CleanedRows:
    """Some opportunities, cleaned: rows in = rows of `opportunities` + rows of `quarantine`.

    `plans` has a row per open opportunity for which something is planned. `corrected` are the
    hashes of corrected rows.
    """

    opportunities: pl.DataFrame
    plans: pl.DataFrame
    quarantine: dy.DataFrame[Quarantine]
    rules: tuple[Applied, ...]
    rows_in: int
    corrected: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RowCleaner:
    """Cleans opportunities that come in batches, rows of one id in one batch; can be pickled.

    `known` has the keys of each clean dimension table, by the column of an opportunity that names
    them; `present` the columns that the export as a whole has. Whether too many rows are set aside
    only all batches can say (`refuse_too_many`).

    >>> cleaner = RowCleaner(known={"product": ("GTX Pro",)}, spelling={}, corrections=None,
    ...     present=frozenset(["opportunity_id", "product", "deal_stage"]))
    >>> rows = {"source_file": ["x.csv"] * 2, "source_row": [2, 3], "opportunity_id": ["A1", "A2"],
    ...         "product": ["GTXPro", "MG"], "deal_stage": ["Prospecting"] * 2}
    >>> cleaned = cleaner(pl.DataFrame(rows))
    >>> cleaned.opportunities["product"].to_list(), cleaned.quarantine["reason"].to_list()
    (['GTX Pro'], ['CL114'])
    """

    known: Mapping[str, tuple[str, ...]]
    spelling: Mapping[str, str]
    corrections: pl.DataFrame | None
    present: frozenset[str]

    @property
    def context(self) -> Context:
        """What it cleans by."""
        corrections = self.corrections
        return Context(
            "opportunities",
            self.present,
            self.spelling,
            None if corrections is None or corrections.is_empty() else corrections,
            {c: pl.Series(c, keys, pl.String) for c, keys in self.known.items()},
        )

    def __call__(self, raw: pl.DataFrame) -> CleanedRows:
        """The rows of the batch, which are text with their PROVENANCE."""
        context = self.context
        batch = clean_rows(raw, context)
        quarantine = quarantined(batch.aside, context.table, context.keys)
        return CleanedRows(
            typed(batch.kept, context.table),
            plans(batch.kept),
            quarantine,
            (*batch.rules, *set_aside_by_reason(context.table, quarantine)),
            batch.rows,
            batch.corrected,
        )


def clean_rows(raw: pl.DataFrame, context: Context, repeats: pl.DataFrame | None = None) -> Batch:
    """The rows, repaired, each with its reason or none.

    `repeats` has the marks of rows that share a key (cells.with_repeats), where the table has more
    rows than these; by default they are looked for among these.
    """
    table = context.table
    rows, applied = mended(raw, context)
    rows = with_reason(with_marks(rows, table, context.keys, repeats), table)
    came = [c for c in COLUMNS[table] if c in raw.columns]
    bad = rows["reason"].is_not_null().arg_true()
    aside = rows[bad].hstack(raw[bad].select(pl.struct(came).alias(CAME)))
    kept = rows.filter(pl.col("reason").is_null())
    return Batch(raw.height, kept, aside, applied, _corrected(rows, context.corrections))


def mended(raw: pl.DataFrame, context: Context) -> tuple[pl.DataFrame, tuple[Applied, ...]]:
    """The rows after every repair, and what each did."""
    rows, applied = prepared(raw, context), []
    for rule in REPAIRS:
        if context.table in rule.tables:
            after = rule.repair(rows, context)
            applied.append(repaired(rule, context.table, rows, after))
            rows = after
    return rows, tuple(applied)


def tidy_keys(raw: pl.DataFrame, context: Context) -> pl.Series:
    """The key of each row, corrected and tidy, as it will be: no other repair writes it."""
    key = KEYS[context.table]
    return tidied(correct(prepared(raw, context), context).select(key), [key])[key]


def prepared(raw: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The rows with every column of the table, and named by their hash if some are corrected."""
    table, columns = context.table, COLUMNS[context.table]
    return raw.select(
        *PROVENANCE,
        *(pl.col(c) if c in context.present else pl.lit(None, pl.String).alias(c) for c in columns),
        *([] if context.corrections is None else [row_hash(raw, table)]),
    )


def typed(kept: pl.DataFrame, table: str) -> pl.DataFrame:
    """The rows in the types of their contract."""
    numbers = measures(table)
    return kept.select(usable(c) if c in numbers else pl.col(c) for c in CONTRACTS[table].columns())


def plans(kept: pl.DataFrame) -> pl.DataFrame:
    """One row per open opportunity for which something is planned."""
    return (
        kept.filter(pl.col("deal_stage").is_in(OPEN_STAGES))
        .select(*Plans.primary_key(), *(usable(c) for c in PLAN_COLUMNS))
        .filter(pl.any_horizontal(pl.col(PLAN_COLUMNS).is_not_null()))
    )


def set_aside_by_reason(table: str, quarantine: pl.DataFrame) -> tuple[Applied, ...]:
    """What each reason of the table set aside."""
    return tuple(set_aside(rule, table, quarantine) for rule in reasons_for(table))


def added_up(batches: Iterable[tuple[Applied, ...]]) -> tuple[Applied, ...]:
    """What the rules did to all batches together, with the first examples."""
    return tuple(
        replace(
            of_a_rule[0],
            rows=sum(applied.rows for applied in of_a_rule),
            examples=tuple(e for applied in of_a_rule for e in applied.examples)[:EXAMPLES_SHOWN],
        )
        for of_a_rule in zip(*batches, strict=True)
    )


def _corrected(rows: pl.DataFrame, corrections: pl.DataFrame | None) -> frozenset[str]:
    if corrections is None:
        return frozenset()
    asked = corrections[ROW_HASH].unique()
    return frozenset(asked.filter(asked.is_in(rows[ROW_HASH].unique().implode())))
