"""DuckDB: this machine, in SQL; what does not fit into memory goes to the disk meanwhile."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

import duckdb
import narwhals as nw
import polars as pl

from dealcast.engines.base import Frame, Kernel, WrittenFile
from dealcast.settings import EngineSettings

BATCH = 500_000
"""Rows that a kernel is given at a time, and rows of a Parquet row group."""


class DuckdbEngine:
    """Relations of one connection, which lives as long as the engine."""

    name = "duckdb"

    def __init__(self, *, memory_gb: float | None = None) -> None:
        self._spill = Path(mkdtemp(prefix="dealcast-duckdb-"))
        finalize(self, rmtree, self._spill, ignore_errors=True)
        # No order of rows is promised, and to keep one costs memory.
        config = {"preserve_insertion_order": "false", "temp_directory": str(self._spill)}
        if memory_gb is not None:
            config["memory_limit"] = f"{memory_gb * 1e3:.0f}MB"
        self._connection = duckdb.connect(config=dict(config))
        self._kept: list[object] = []

    @classmethod
    def opened(cls, engine: EngineSettings) -> "DuckdbEngine":
        """An engine in the memory that the settings allow."""
        return cls(memory_gb=engine.memory_gb)

    def from_polars(self, rows: pl.LazyFrame | pl.DataFrame) -> Frame:
        """The rows as a relation over the same memory."""
        return self._relation(rows.lazy().collect().to_arrow())

    def read(self, files: Sequence[str]) -> Frame:
        """The rows of Parquet files (paths or URLs) of one schema."""
        return nw.from_native(self._connection.read_parquet(list(files)))

    def mapped(self, frame: Frame, kernel: Kernel, schema: pl.Schema) -> Frame:
        """What the kernel makes of the rows, batch by batch; on the disk as long as the engine is.

        DuckDB cannot ask Python for rows which itself has yet to compute, so they are made now.
        """
        folder = Path(mkdtemp(dir=self._spill))
        schema.to_frame().write_parquet(folder / "none.parquet")
        for number, batch in enumerate(_native(frame).to_arrow_reader(BATCH)):
            rows = pl.DataFrame(pl.from_arrow(batch))
            kernel(rows).select(schema.names()).cast(schema).write_parquet(
                folder / f"{number}.parquet"
            )
        return self.read([str(file) for file in sorted(folder.iterdir())])

    def settled(self, frames: Mapping[str, Frame]) -> dict[str, Frame]:
        """The same frames, computed now."""
        return {name: self._relation(_native(f).to_arrow_table()) for name, f in frames.items()}

    def collect(self, frame: Frame) -> pl.DataFrame:
        """The rows, here."""
        rows: pl.DataFrame = _native(frame).pl()
        return rows

    def write(self, frame: Frame, folder: str) -> list[WrittenFile]:
        """Write the rows as one Parquet file."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        file = Path(folder) / "part-0.parquet"
        _native(frame).to_parquet(str(file), compression="zstd", row_group_size=BATCH)
        [(rows,)] = self._connection.read_parquet(str(file)).count("*").fetchall()
        return [WrittenFile(file.name, file.stat().st_size, rows)]

    def _relation(self, rows: object) -> Frame:
        # A relation does not keep alive what it reads.
        self._kept.append(rows)
        return nw.from_native(self._connection.from_arrow(rows))


def _native(frame: Frame) -> duckdb.DuckDBPyRelation:
    relation: duckdb.DuckDBPyRelation = frame.to_native()
    return relation
