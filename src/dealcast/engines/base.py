"""Engine: what computes lazy frames, where their rows are, and how they get into files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import polars as pl

from dealcast.errors import MissingExtraError
from dealcast.settings import EngineSettings
from dealcast.snapshots import Frame

__all__ = ["ENGINES", "Engine", "Frame", "Kernel", "WrittenFile", "open_engine"]

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

    def settled(self, frames: Mapping[str, Frame]) -> dict[str, Frame]:
        """The same frames with their rows computed, once. For what is small and used again."""

    def collect(self, frame: Frame) -> pl.DataFrame:
        """The rows, here. For what is small: counts, figures, dimension tables."""

    def write(self, frame: Frame, folder: str) -> list[WrittenFile]:
        """Write the rows as Parquet files into a folder (path or URL), from where they are."""


ENGINES: dict[str, str] = {
    "polars": "dealcast.engines.polars:PolarsEngine",
    "duckdb": "dealcast.engines.duckdb:DuckdbEngine",
    "spark": "dealcast.engines.spark.engine:SparkEngine",
}


def open_engine(engine: EngineSettings) -> Engine:
    """The engine that the settings choose. Raises MissingExtraError where it is not installed."""
    module, name = ENGINES[engine.name].split(":")
    try:
        kind = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        # Of the extra of that name, not a fault of ours.
        if (error.name or "").startswith("dealcast"):
            raise
        raise MissingExtraError(f"The engine {engine.name}", extra=engine.name) from error
    opened: Engine = kind.opened(engine)
    return opened
