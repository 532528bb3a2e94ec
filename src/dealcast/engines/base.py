"""Engine: what computes lazy frames, where their rows are, and how they get into files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import narwhals as nw
import polars as pl

from dealcast.settings import EngineSettings, SparkSettings

Frame = nw.LazyFrame[Any]
# Rows of a batch -> as many rows, or others: what is done to each row by itself.
Kernel = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class WrittenFile:
    """One Parquet file: its name within the folder, its size (bytes) and rows (count)."""

    name: str
    size: int
    rows: int


class Engine(Protocol):
    """Lazy Narwhals frames in; files, small results and other frames out."""

    name: str

    def from_polars(self, rows: pl.LazyFrame | pl.DataFrame) -> Frame:
        """The rows as a frame of this engine. For what is small, such as dimension tables."""

    def read(self, files: Sequence[str]) -> Frame:
        """The rows of Parquet files (paths or URLs) of one schema."""

    def mapped(self, frame: Frame, kernel: Kernel, schema: pl.Schema) -> Frame:
        """What the kernel makes of the rows, batch by batch where they are; in that schema."""

    def collect(self, frame: Frame) -> pl.DataFrame:
        """The rows, here. For what is small: counts, figures, dimension tables."""

    def write(self, frame: Frame, folder: str) -> list[WrittenFile]:
        """Write the rows as Parquet files into a folder (path or URL), from where they are."""


ENGINES: dict[str, str] = {
    "polars": "dealcast.engines.polars:PolarsEngine",
    "duckdb": "dealcast.engines.duckdb:DuckdbEngine",
    "spark": "dealcast.engines.spark.engine:SparkEngine",
}


def open_engine(engine: EngineSettings, spark: SparkSettings) -> Engine:
    """The engine that the settings choose. Raises MissingExtraError where it is not installed."""
    module, name = ENGINES[engine.name].split(":")
    opened: Engine = getattr(import_module(module), name).opened(engine, spark)
    return opened
