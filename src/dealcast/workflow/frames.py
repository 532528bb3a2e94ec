"""Reading a Delta table into a frame, from a folder or from S3."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import polars as pl
from deltalake import DeltaTable

from dealcast.errors import StoreError
from dealcast.workflow.commits import opened, table_name
from dealcast.workflow.location import Location
from dealcast.workflow.migrations.tables import as_now, is_older
from dealcast.workflow.objects import fetched
from dealcast.workflow.retries import patiently

AT_ONCE = 8


def read_frame(
    location: Location,
    path: str,
    version: int | None,
    where: pl.Expr | None = None,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame | None:
    """The table at a version (default: the latest), or None where there is none.

    `where`: only these rows; `columns`: only these, by name or pattern (`^p_.*$`). The others are
    never held in memory all at once. Rows of an older schema come in the present one; they are all
    read first.
    """
    table = opened(location, path, version)
    if table is None:
        return None
    name = table_name(path)
    if is_older(name, table):
        rows = as_now(name, _rows(location, path, table, None, None), table)
        return _wanted(rows.lazy(), where, columns).collect()
    return _rows(location, path, table, where, columns)


def _rows(
    location: Location,
    path: str,
    table: DeltaTable,
    where: pl.Expr | None,
    columns: Sequence[str] | None,
) -> pl.DataFrame:
    if not location.is_local:
        return _from_s3(location, path, table, where, columns)
    doing = f"Table '{table_name(path)}' could not be read"

    def read() -> pl.DataFrame:
        return _wanted(pl.scan_delta(table), where, columns).collect()

    try:
        return patiently(location, doing, read, remedy=_versions(path))
    except FileNotFoundError:
        raise _gone(path, table) from None


def _wanted(
    rows: pl.LazyFrame, where: pl.Expr | None, columns: Sequence[str] | None
) -> pl.LazyFrame:
    some = rows if where is None else rows.filter(where)
    return some if columns is None else some.select(columns)


def _from_s3(
    location: Location,
    path: str,
    table: DeltaTable,
    where: pl.Expr | None,
    columns: Sequence[str] | None,
) -> pl.DataFrame:
    # Polars' own S3 client takes no certificate file and no profile; obstore's is set up already.
    if table.protocol().min_reader_version > 1:
        raise StoreError(
            f"Table '{location.place(path)}' was rewritten by another program in a way that "
            "this version does not read (Delta reader version "
            f"{table.protocol().min_reader_version}).",
            remedy="restore a former version with that program",
        )
    every = pl.LazyFrame(schema=pl.Schema(table.schema().to_arrow()))
    schema = _wanted(every, None, columns).collect_schema()
    keys = [uri.removeprefix(f"{location.root}/") for uri in table.file_uris()]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(pool.map(lambda key: _read_part(location, key, where, schema.names()), keys))
    there = [part for part in parts if part is not None]
    if len(there) < len(keys):
        raise _gone(path, table)
    # Files of before a column was added lack it.
    frame = pl.concat([pl.DataFrame(schema=schema), *there], how="diagonal_relaxed")
    return frame.select(schema.names()).cast(schema)


def _read_part(
    location: Location, key: str, where: pl.Expr | None, columns: Sequence[str]
) -> pl.DataFrame | None:
    """The rows of a file; None where it is gone."""
    content, _ = fetched(location, key)
    if content is None:
        return None
    part = pl.scan_parquet(io.BytesIO(content))
    there = [name for name in part.collect_schema() if name in columns]
    return _wanted(part, where, there).collect()


def _gone(path: str, table: DeltaTable) -> StoreError:
    return StoreError(
        f"Files of version {table.version()} of table '{table_name(path)}' are gone, though its "
        "log lists them.",
        remedy=f"{_versions(path)}; what `dealcast store vacuum` removes, it removes for good",
    )


def _versions(path: str) -> str:
    return f"`dealcast store history {table_name(path)}` lists the versions there are"
