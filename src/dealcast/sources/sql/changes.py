"""What a cursor column needs, and the kept opportunities without those that were read again."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from dealcast.errors import SourceError, listed, nearest
from dealcast.sources.sql.values import Value


def last_value(kept: Path, column: str) -> Value:
    """The largest value of the cursor column in the kept export; None where there is none."""
    rows = pl.scan_parquet(kept)
    if column not in rows.collect_schema().names():
        return None
    return rows.select(pl.max(column)).collect().item()


def not_read_again(kept: Path, parts: Sequence[pl.LazyFrame], key: str) -> pl.LazyFrame:
    """The kept rows whose key is in none of the parts: they did not change."""
    again = pl.concat([part.select(pl.col(key).cast(pl.String)) for part in parts]).collect()
    return pl.scan_parquet(kept).filter(
        ~pl.col(key).cast(pl.String).is_in(again[key].drop_nulls().implode())
    )


def refuse_missing_cursor(column: str, names: Sequence[str]) -> None:
    """Raise SourceError where the query does not give the cursor column."""
    if column in names:
        return
    near = nearest(column, names)
    raise SourceError(
        f"The query for 'opportunities' gives no column '{column}', which source.cursor_column "
        f"names; it gives {listed(names, shown=25)}.",
        remedy=f"set source.cursor_column to '{near}'"
        if near
        else "add the column to source.queries.opportunities, or leave out source.cursor_column",
    )


def refuse_unclear_keys(file: Path, key: str) -> None:
    """Raise SourceError where an opportunity has no key, or several rows: none can be replaced."""
    keys = pl.scan_parquet(file).select(key).collect()[key]
    blank, repeated = keys.null_count(), keys.filter(keys.is_duplicated()).drop_nulls()
    if not blank and repeated.is_empty():
        return
    facts = [f"{blank:,} rows have no '{key}'"] if blank else []
    if len(repeated):
        examples = listed(repeated.unique().sort(), shown=2)
        facts.append(f"{len(repeated):,} rows share their '{key}' with another ({examples})")
    raise SourceError(
        f"With source.cursor_column, a changed opportunity replaces the kept one by its key, "
        f"but {' and '.join(facts)}.",
        remedy="make source.queries.opportunities give one row per opportunity, or leave out "
        "source.cursor_column: then everything is read each time, and the checks name such rows",
    )
