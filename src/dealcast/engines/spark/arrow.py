"""Kernels of Polars in tasks of Spark: rows go there and back as Arrow."""

from collections.abc import Callable, Iterable, Iterator

import polars as pl
import pyarrow as pa
from pyspark.sql import types as spark
from pyspark.sql.pandas.types import to_arrow_schema

from dealcast.engines.base import Kernel

# Spark has no unsigned numbers: a larger type holds all of them.
_TYPES: dict[type[pl.DataType], spark.DataType] = {
    pl.String: spark.StringType(),
    pl.Boolean: spark.BooleanType(),
    pl.Date: spark.DateType(),
    pl.Int8: spark.ByteType(),
    pl.Int16: spark.ShortType(),
    pl.Int32: spark.IntegerType(),
    pl.Int64: spark.LongType(),
    pl.UInt8: spark.ShortType(),
    pl.UInt16: spark.IntegerType(),
    pl.UInt32: spark.LongType(),
    pl.Float32: spark.FloatType(),
    pl.Float64: spark.DoubleType(),
    pl.Binary: spark.BinaryType(),
}

Batches = Iterable[pa.RecordBatch]


def spark_schema(schema: pl.Schema) -> spark.StructType:
    """The same columns in Spark's types."""
    return spark.StructType(
        [spark.StructField(name, _TYPES[kind.base_type()]) for name, kind in schema.items()]
    )


def on_batches(kernel: Kernel, schema: pl.Schema) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """The kernel for mapInArrow: batch by batch, as they come."""

    def mapped(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from given_back(kernel(_rows([batch])), schema)

    return mapped


def on_partitions(
    kernel: Kernel, schema: pl.Schema
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """The kernel for mapInArrow: all rows of a partition at once, where there are any."""

    def mapped(batches: Batches) -> Iterator[pa.RecordBatch]:
        every = list(batches)
        if every:
            rows = _rows(every)
            del every
            yield from given_back(kernel(rows), schema)

    return mapped


def given_back(rows: pl.DataFrame, schema: pl.Schema) -> Iterator[pa.RecordBatch]:
    """The rows in the very types that Spark expects."""
    wanted = to_arrow_schema(spark_schema(schema))
    ordered = rows.select(schema.names())
    yield from ordered.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(wanted).to_batches()


def _rows(batches: list[pa.RecordBatch]) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(batches))
