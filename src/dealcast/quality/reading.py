"""An export made ready for checking: tidy text, with a mark for what the tidying would hide."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from dealcast.cells import (
    COLUMNS,
    KEYS,
    REFERENCES,
    key_variants,
    tidy,
    usable,
    with_repeats,
    words,
)
from dealcast.contracts import RawExport
from dealcast.quality.spec import Reading

# Marks: text of the first cell of the row that is so, else null.
STRAY_SPACE, MISSPELT = "stray_space", "misspelt"
AS_OF = "as_of"


def read(export: RawExport, spelling: Mapping[str, str], as_of: date | None) -> Reading:
    """Tidy frames with marks, so that every row check is one expression over one frame.

    A defect that has a check of its own (white space, a known misspelling) is marked and mended
    here, so that later checks do not count it again. `as_of` is by default the latest date on
    which something happened; null where no date can be read.
    """
    tables = {
        table: _marked(frame, table, spelling)
        for table, frame in export.tables.items()
        if table in COLUMNS
    }
    opportunities = tables["opportunities"]
    end = as_of or _latest(opportunities)
    keys = {table: frame[KEYS[table]] for table, frame in tables.items() if KEYS[table] in frame}
    tables["opportunities"] = opportunities.with_columns(
        pl.lit(end, pl.Date).alias(AS_OF), *_references(opportunities, keys)
    )
    if "accounts" in tables:
        tables["accounts"] = tables["accounts"].with_columns(*_parents(tables["accounts"]))
    return Reading(tables, end)


def variant(column: str) -> str:
    """Name of the mark: the key is in the dimension table, but written in another way."""
    return f"{column}_variant"


def unknown(column: str) -> str:
    """Name of the mark: the key is not in the dimension table in any way of writing."""
    return f"{column}_unknown"


def _marked(frame: pl.DataFrame, table: str, spelling: Mapping[str, str]) -> pl.DataFrame:
    cells = [c for c in COLUMNS[table] if c in frame.columns]
    text = [c for c in words(table) if c in frame.columns]
    none, wrong = pl.lit(None, pl.String), list(spelling)
    stray = [pl.when(tidy(c) != pl.col(c)).then(c) for c in cells]
    misspelt = [pl.when(pl.col(c).is_in(wrong)).then(c) for c in text]
    marked = (
        frame.lazy()
        .with_columns(pl.coalesce(none, *stray).alias(STRAY_SPACE), *(tidy(c) for c in cells))
        .with_columns(
            pl.coalesce(none, *misspelt).alias(MISSPELT),
            *(pl.col(c).replace(spelling) for c in text),
        )
        .collect()
    )
    return with_repeats(marked, table) if KEYS[table] in marked.columns else marked


def _references(opportunities: pl.DataFrame, keys: Mapping[str, pl.Series]) -> list[pl.Expr]:
    marks = []
    for column, table in REFERENCES.items():
        if column in opportunities.columns and table in keys:
            variants = key_variants(opportunities[column], keys[table])
            found = pl.col(column)
            is_variant = found.is_in(list(variants))
            marks += [
                is_variant.alias(variant(column)),
                (~is_variant & _is_not_in(found, keys[table])).alias(unknown(column)),
            ]
    return marks


def _parents(accounts: pl.DataFrame) -> list[pl.Expr]:
    if not {"account", "subsidiary_of"} <= set(accounts.columns):
        return []
    parent = _is_not_in(pl.col("subsidiary_of"), accounts["account"])
    return [parent.alias(unknown("subsidiary_of"))]


def _is_not_in(found: pl.Expr, keys: pl.Series) -> pl.Expr:
    return found.is_not_null() & ~found.is_in(keys.drop_nulls().unique().implode())


def _latest(opportunities: pl.DataFrame) -> date | None:
    dates = [c for c in ("engage_date", "close_date") if c in opportunities.columns]
    if not dates:
        return None
    latest: date | None = opportunities.select(
        pl.max_horizontal(*(usable(c).max() for c in dates))
    ).item()
    return latest
