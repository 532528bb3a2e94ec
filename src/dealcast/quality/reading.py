"""An export made ready for checking: tidy text, with a mark for what the tidying would hide."""

from collections.abc import Mapping
from datetime import date

import polars as pl
from polars import selectors as cs

from dealcast.cells import (
    COLUMNS,
    KEYS,
    REFERENCES,
    distinct,
    key_variants,
    untidy,
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
    """The table, mended, with its marks. Column by column: all as plain text would take much."""
    cells = [c for c in COLUMNS[table] if c in frame.columns]
    none = pl.lit(None, pl.String)
    wrong, right = (pl.Series(list(s), dtype=pl.String) for s in (spelling, spelling.values()))
    marked = frame.with_columns(
        cs.by_dtype(pl.Null).cast(pl.String), none.alias(STRAY_SPACE), none.alias(MISSPELT)
    )
    for column, values in untidy(frame, cells).items():
        marked = _mended(marked, column, values["found"], values["tidy"], STRAY_SPACE)
    for column in words(table):
        if column in cells and distinct(marked[column]).is_in(wrong.implode()).any():
            marked = _mended(marked, column, wrong, right, MISSPELT)
    return with_repeats(marked, table) if KEYS[table] in marked.columns else marked


def _mended(
    frame: pl.DataFrame, column: str, wrong: pl.Series, right: pl.Series, mark: str
) -> pl.DataFrame:
    """The frame with one column right, and a mark where it was not, unless one is there already.

    A cell that is right once it is blank gets no mark: it says nothing.
    """
    found = pl.col(column).cast(pl.String)
    is_wrong = found.is_in(wrong.filter(right.is_not_null()).implode())
    return frame.with_columns(
        found.replace(wrong, right).cast(frame.schema[column]).alias(column),
        pl.coalesce(mark, pl.when(is_wrong).then(found)).alias(mark),
    )


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
    return found.is_not_null() & ~found.is_in(keys.drop_nulls().unique().cast(pl.String).implode())


def _latest(opportunities: pl.DataFrame) -> date | None:
    dates = [c for c in ("engage_date", "close_date") if c in opportunities.columns]
    if not dates:
        return None
    # A date stands in many rows: parse it once.
    ends = [opportunities.select(pl.col(c).unique()).select(usable(c).max()).item() for c in dates]
    return max((end for end in ends if end is not None), default=None)
