"""Reading a Delta table into a frame, from a folder or from S3."""

import io
from concurrent.futures import ThreadPoolExecutor

import polars as pl
from deltalake import DeltaTable

from dealcast.errors import StoreError
from dealcast.workflow.commits import opened, table_name
from dealcast.workflow.location import Location
from dealcast.workflow.objects import fetched
from dealcast.workflow.retries import patiently

AT_ONCE = 8
VERSIONS = "`dealcast export TABLE --versions` lists the versions there are"


def read_frame(
    location: Location, path: str, version: int | None, where: pl.Expr | None = None
) -> pl.DataFrame | None:
    """The table at a version (default: the latest), or None where there is none.

    `where`: only these rows, without ever holding the others all at once.
    """
    table = opened(location, path, version)
    if table is None:
        return None
    if not location.is_local:
        return _from_s3(location, path, table, where)
    doing = f"Table '{table_name(path)}' could not be read"

    def read() -> pl.DataFrame:
        wanted = pl.scan_delta(table)
        return (wanted if where is None else wanted.filter(where)).collect()

    return patiently(location, doing, read, remedy=VERSIONS)


def _from_s3(
    location: Location, path: str, table: DeltaTable, where: pl.Expr | None
) -> pl.DataFrame:
    # Polars' own S3 client takes no certificate file and no profile; obstore's is set up already.
    if table.protocol().min_reader_version > 1:
        raise StoreError(
            f"Table '{location.place(path)}' was rewritten by another program in a way that "
            "this version does not read (Delta reader version "
            f"{table.protocol().min_reader_version}).",
            remedy="restore a former version with that program",
        )
    schema = pl.Schema(table.schema().to_arrow())
    keys = [uri.removeprefix(f"{location.root}/") for uri in table.file_uris()]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(pool.map(lambda key: _read_part(location, key, where), keys))
    # Files of before a column was added lack it.
    frame = pl.concat([pl.DataFrame(schema=schema), *parts], how="diagonal_relaxed")
    return frame.select(schema.names()).cast(schema)


def _read_part(location: Location, key: str, where: pl.Expr | None) -> pl.DataFrame:
    content, _ = fetched(location, key)
    if content is None:
        raise StoreError(
            f"'{location.place(key)}' is gone, though the table's log lists it.",
            remedy="see that no other program removes files of the store; read a former version",
        )
    part = pl.read_parquet(io.BytesIO(content))
    return part if where is None else part.filter(where)
