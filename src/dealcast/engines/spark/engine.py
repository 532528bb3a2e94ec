"""SparkEngine: rows stay in the cluster; what is asked for comes here, files go from there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import narwhals as nw
import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from dealcast.engines.base import Frame, Kernel, WrittenFile
from dealcast.engines.spark.arrow import on_batches, on_partitions, spark_schema
from dealcast.engines.spark.failures import translated
from dealcast.engines.spark.session import session
from dealcast.settings import EngineSettings


class SparkEngine:
    """Data frames of one Spark session, which is left running: others may use it too."""

    name = "spark"

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark

    @classmethod
    def opened(cls, engine: EngineSettings) -> "SparkEngine":
        """The engine on the active session, or on one by the settings."""
        return cls(session(engine))

    def from_polars(self, rows: pl.LazyFrame | pl.DataFrame) -> Frame:
        """The rows, sent to the cluster. Only for what is small."""
        local = rows.lazy().collect()
        schema = spark_schema(local.schema)
        table = local.to_arrow(compat_level=pl.CompatLevel.oldest())
        return nw.from_native(self.spark.createDataFrame(table, schema=schema))

    def read(self, files: Sequence[str]) -> Frame:
        """The rows of Parquet files (paths or URLs) of one schema."""
        return nw.from_native(self.spark.read.parquet(*map(spark_url, files)))

    def mapped(self, frame: Frame, kernel: Kernel, schema: pl.Schema) -> Frame:
        """What the kernel makes of the rows, in the tasks where they are, batch by batch."""
        return nw.from_native(
            native(frame).mapInArrow(on_batches(kernel, schema), spark_schema(schema))
        )

    def mapped_together(
        self, frame: Frame, key: str, kernel: Kernel, schema: pl.Schema, *, partitions: int
    ) -> Frame:
        """The same, with all rows of one key in one call: they are brought together first."""
        together = native(frame).repartition(partitions, key)
        return nw.from_native(
            together.mapInArrow(on_partitions(kernel, schema), spark_schema(schema))
        )

    def in_one_task(self, frame: Frame, kernel: Kernel, schema: pl.Schema) -> Frame:
        """What the kernel makes of all rows, in one task that is given all of them.

        For a bounded number of rows in, and a report out.
        """
        single = native(frame).repartition(1)
        return nw.from_native(
            single.mapInArrow(on_partitions(kernel, schema), spark_schema(schema))
        )

    def sampled(self, frame: Frame, key: str, *, at_most: int, seed: int) -> Frame:
        """So many rows at most, always the same: those whose keys have the least hashes."""
        order = f.xxhash64(f.col(key), f.lit(seed))
        return nw.from_native(native(frame).orderBy(order, key).limit(at_most))

    def sampled_keys(self, frame: Frame, key: str, *, share: float, seed: int) -> Frame:
        """About that share (0-1) of the keys with all of their rows, always the same."""
        part = f.pmod(f.xxhash64(f.col(key), f.lit(seed)), f.lit(1_000_000))
        return nw.from_native(native(frame).filter(part < int(share * 1_000_000)))

    def spread(self, frame: Frame, parts: int) -> Frame:
        """The same rows in so many parts."""
        return nw.from_native(native(frame).repartition(parts))

    def settled(self, frames: Mapping[str, Frame]) -> dict[str, Frame]:
        """The same frames, computed once, kept in the cluster and sent to every node to be joined.

        So no row of a snapshot is moved to find what is known of its agent, however many of all
        rows are that agent's.
        """
        # Not persist(): the plan that led here would be planned again with all that uses it.
        kept = {
            name: self._done("A table of totals", native(frame).localCheckpoint)
            for name, frame in frames.items()
        }
        return {name: nw.from_native(f.broadcast(rows)) for name, rows in kept.items()}

    @property
    def parallel(self) -> int:
        """In how many parts rows are shuffled (count)."""
        return int(self.spark.conf.get("spark.sql.shuffle.partitions") or 1)

    def kept(self, frame: Frame) -> Frame:
        """The same frame, computed when first used, and then kept in the cluster."""
        return nw.from_native(native(frame).persist())

    @contextmanager
    def keeping(self, frame: Frame) -> Iterator[Frame]:
        """The same frame, kept as long as the block goes on, also where it fails."""
        kept = self.kept(frame)
        try:
            yield kept
        finally:
            self.release(kept)

    def release(self, frame: Frame) -> None:
        """Keep it no longer."""
        native(frame).unpersist()

    def collect(self, frame: Frame) -> pl.DataFrame:
        """The rows, here. For what is small: counts, figures, dimension tables."""
        table = self._done("A result", native(frame).toArrow)
        return pl.DataFrame(pl.from_arrow(table))

    def write(self, frame: Frame, folder: str) -> list[WrittenFile]:
        """Write the rows as Parquet files into a new folder; each task writes its own."""
        target = spark_url(folder)
        writer = native(frame).write.mode("error").option("compression", "zstd")
        self._done(f"Writing to '{folder}'", lambda: writer.parquet(target))
        written = self.spark.read.parquet(target).select(
            "_metadata.file_name", "_metadata.file_size"
        )
        files = self.collect(nw.from_native(written.groupBy("file_name", "file_size").count()))
        return [WrittenFile(*row) for row in files.sort("file_name").iter_rows()]

    def plan(self, frame: Frame) -> str:
        """The physical plan, as Spark prints it: which joins, which rows are moved."""
        return str(native(frame)._jdf.queryExecution().toString())  # noqa: SLF001 - explain() prints

    def _done(self, doing: str, action: Any) -> Any:
        try:
            return action()
        except Exception as error:  # py4j, gRPC and PySpark each have their own
            raise translated(error, doing) from error


def native(frame: Frame) -> DataFrame:
    """The frame as Spark's own."""
    rows: DataFrame = frame.to_native()
    return rows


def spark_url(path: str) -> str:
    """The path as Spark knows it: its S3 client is called s3a."""
    return f"s3a://{path.removeprefix('s3://')}" if path.startswith("s3://") else path
