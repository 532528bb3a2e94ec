"""Reading a Delta table into a frame, from a folder or from S3."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable

from dealcast.errors import StoreError
from dealcast.workflow.commits import opened, table_name
from dealcast.workflow.location import Location
from dealcast.workflow.migrations.tables import as_now, is_older
from dealcast.workflow.objects import fetched
from dealcast.workflow.retries import patiently

AT_ONCE = 8


class Wanted(NamedTuple):
    """What is wanted of a table: some rows, some columns by name or pattern; None: all."""

    where: pl.Expr | None
    columns: Sequence[str] | None

    def of(self, table: pl.LazyFrame) -> pl.LazyFrame:
        """That of the table."""
        rows = table if self.where is None else table.filter(self.where)
        return rows if self.columns is None else rows.select(self.columns)


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
    table, wanted = opened(location, path, version), Wanted(where, columns)
    if table is None:
        return None
    name = table_name(path)
    if is_older(name, table):
        rows = as_now(name, _rows(location, path, table, Wanted(None, None)), table)
        return wanted.of(rows.lazy()).collect()
    return _rows(location, path, table, wanted)


def _rows(location: Location, path: str, table: DeltaTable, wanted: Wanted) -> pl.DataFrame:
    if not location.is_local:
        return _from_s3(location, path, table, wanted)
    doing = f"Table '{table_name(path)}' could not be read"

    def read() -> pl.DataFrame:
        return wanted.of(_scanned(location, path, table)).collect()

    try:
        return patiently(location, doing, read, remedy=_versions(path))
    except FileNotFoundError:
        raise _gone(path, table) from None


def _scanned(location: Location, path: str, table: DeltaTable) -> pl.LazyFrame:
    """The table in a folder, read when it is collected."""
    files = table.file_uris()
    places = [unquote(file) for file in files]
    if places == files:
        return pl.scan_delta(table)
    # Where the path has a space, or a letter with an accent, deltalake writes it as URLs do, and
    # Polars looks for a file of that very name.
    _require_plain(location, path, table)
    schema = pl.Schema(table.schema().to_arrow())
    return pl.scan_parquet(places, schema=schema, missing_columns="insert", glob=False)


def _require_plain(location: Location, path: str, table: DeltaTable) -> None:
    """Raise StoreError where its files alone do not say what its rows are."""
    if table.protocol().min_reader_version > 1:
        raise StoreError(
            f"Table '{location.place(path)}' was rewritten by another program in a way that "
            "this version does not read (Delta reader version "
            f"{table.protocol().min_reader_version}).",
            remedy="restore a former version with that program",
        )


def _from_s3(location: Location, path: str, table: DeltaTable, wanted: Wanted) -> pl.DataFrame:
    # Polars' own S3 client takes no certificate file and no profile; obstore's is set up already.
    _require_plain(location, path, table)
    every = pl.LazyFrame(schema=pl.Schema(table.schema().to_arrow()))
    schema = Wanted(None, wanted.columns).of(every).collect_schema()
    keys = [uri.removeprefix(f"{location.root}/") for uri in table.file_uris()]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(
            pool.map(lambda key: _read_part(location, key, wanted.where, schema.names()), keys)
        )
    there = [part for part in parts if part is not None]
    if len(there) < len(keys):
        raise _gone(path, table)
    # Files of before a column was added lack it.
    frame = pl.concat([pl.DataFrame(schema=schema), *there], how="diagonal_relaxed")
    return frame.select(schema.names()).cast(schema)


def _read_part(
    location: Location, key: str, where: pl.Expr | None, columns: Sequence[str]
) -> pl.DataFrame | None:
    """The rows of a file, with those columns that it has; None where it is gone."""
    content, _ = fetched(location, key)
    if content is None:
        return None
    part = pl.scan_parquet(io.BytesIO(content))
    there = [name for name in part.collect_schema() if name in columns]
    return Wanted(where, there).of(part).collect()


def _gone(path: str, table: DeltaTable) -> StoreError:
    return StoreError(
        f"Files of version {table.version()} of table '{table_name(path)}' are gone, though its "
        "log lists them.",
        remedy=f"{_versions(path)}; what `dealcast store vacuum` removes, it removes for good",
    )


def _versions(path: str) -> str:
    return f"`dealcast store history {table_name(path)}` lists the versions there are"
