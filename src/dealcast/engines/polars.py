"""Polars: this machine, in a stream, on every core. The engine that is always there."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import narwhals as nw
import polars as pl

from dealcast.engines.base import Frame, Kernel, WrittenFile
from dealcast.features.build import collected
from dealcast.settings import EngineSettings

ROW_GROUP = 500_000


class PolarsEngine:
    """Lazy frames of Polars. Its streaming engine keeps to the memory it needs by itself."""

    name = "polars"

    @classmethod
    def opened(cls, _engine: EngineSettings) -> "PolarsEngine":
        """The engine; nothing of it is set."""
        return cls()

    def from_polars(self, rows: pl.LazyFrame | pl.DataFrame) -> Frame:
        """The rows as they are."""
        return nw.from_native(rows.lazy())

    def read(self, files: Sequence[str]) -> Frame:
        """The rows of Parquet files (paths or URLs) of one schema."""
        return nw.from_native(pl.scan_parquet(list(files)))

    def mapped(self, frame: Frame, kernel: Kernel, schema: pl.Schema) -> Frame:
        """What the kernel makes of the rows, morsel by morsel."""
        native: pl.LazyFrame = frame.to_native()
        return nw.from_native(native.map_batches(kernel, schema=schema, streamable=True))

    def settled(self, frames: Mapping[str, Frame]) -> dict[str, Frame]:
        """The same frames, computed now and together."""
        return collected(frames)

    def collect(self, frame: Frame) -> pl.DataFrame:
        """The rows, here."""
        rows: pl.DataFrame = frame.to_native().collect(engine="streaming")
        return rows

    def write(self, frame: Frame, folder: str) -> list[WrittenFile]:
        """Write the rows, as they come, as one Parquet file."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        file = Path(folder) / "part-0.parquet"
        frame.to_native().sink_parquet(file, row_group_size=ROW_GROUP)
        rows = pl.scan_parquet(file).select(pl.len()).collect().item()
        return [WrittenFile(file.name, file.stat().st_size, rows)]
