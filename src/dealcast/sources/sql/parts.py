"""Batches of rows on disk, and joined to one Parquet file: memory holds a few of them at a time."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from dealcast.sources.sql.values import Value, as_type, batch_frame, common_type

Batches = Iterable[tuple[Sequence[str], Sequence[Sequence[Value]]]]


def write_parts(batches: Batches, table: str, folder: Path) -> list[Path]:
    """A Parquet file per batch, each in the types that its own values have."""
    parts = []
    for number, (names, rows) in enumerate(batches):
        parts.append(folder / f"{number:06}.parquet")
        batch_frame(names, rows, table).write_parquet(parts[-1], compression="lz4")
    return parts


def join_parts(parts: Sequence[pl.LazyFrame], file: Path, *, sort_by: str | None = None) -> Path:
    """The rows of all parts in one file, a column in the type that fits every part.

    `sort_by`: a column that orders them, so that the same rows give the same file.
    """
    schemas = [part.collect_schema() for part in parts]
    types = {name: common_type(schema[name] for schema in schemas) for name in schemas[0]}
    alike = [
        part.select(as_type(name, wanted, schema[name]) for name, wanted in types.items())
        for part, schema in zip(parts, schemas, strict=True)
    ]
    rows = pl.concat(alike)
    ordered = rows.sort(sort_by, nulls_last=True) if sort_by else rows
    ordered.sink_parquet(file, compression="zstd", row_group_size=100_000)
    return file
