"""Files of an export, read in tasks: each file by the same code as on one machine."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from dealcast.cells import COLUMNS, DIMENSIONS, KEYS
from dealcast.contracts import PROVENANCE
from dealcast.engines.base import Frame
from dealcast.engines.spark.engine import SparkEngine
from dealcast.sources.reading import ReadingOptions
from dealcast.sources.reading.export import files_by_table, read_file
from dealcast.sources.reading.refusals import refuse_repeated_ids, refuse_unknown_stages
from dealcast.workflow.workspace import Workspace

ABOUT = "about_the_file"
# Text as in a RawExport; the first row of each file also says how the file is written.
RAW = pl.Schema(
    {PROVENANCE[0]: pl.String, PROVENANCE[1]: pl.UInt32}
    | dict.fromkeys(COLUMNS["opportunities"], pl.String)
    | {ABOUT: pl.String}
)


@dataclass(frozen=True)
class ReadFiles:
    """A kernel: paths of files in, their rows out."""

    options: ReadingOptions

    def __call__(self, paths: pl.DataFrame) -> pl.DataFrame:
        """The rows of these files of opportunities. Raises SourceError as `read_export` does."""
        parts = [self._rows(Path(path)) for path in paths["path"]]
        return pl.concat([RAW.to_frame(), *parts], how="diagonal")

    def _rows(self, path: Path) -> pl.DataFrame:
        frame, written = read_file(path, "opportunities", self.options.mapping, self.options, None)
        refuse_unknown_stages(frame, self.options.mapping)
        refuse_repeated_ids(frame)
        about = json.dumps({"format": asdict(written), "columns": frame.columns})
        first = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(about))
        return frame.with_columns(first.alias(ABOUT))


@dataclass(frozen=True)
class RawRows:
    """A raw export whose opportunities are in the cluster, kept there; dimension tables are here.

    `present`: the columns of opportunities that some file has.
    """

    opportunities: Frame
    dimensions: Mapping[str, pl.DataFrame]
    present: frozenset[str]
    formats: tuple[Mapping[str, Any], ...]
    rows: int


def raw_rows(ws: Workspace, engine: SparkEngine) -> RawRows:
    """The raw export that `ingest` kept; read once in a run."""
    kept = ws.record("ingest")
    key = f"cluster {kept.objects['raw']}"
    if key not in ws.memo:
        options = ReadingOptions.from_dict(kept.figures["reading"])
        ws.memo[key] = read_raw(ws, engine, kept.objects["raw"], options)
    rows: RawRows = ws.memo[key]
    return rows


def forget_raw(ws: Workspace, engine: SparkEngine) -> None:
    """Give the cluster its memory back."""
    rows = ws.memo.pop(f"cluster {ws.record('ingest').objects['raw']}", None)
    if rows is not None:
        engine.release(rows.opportunities)


def read_raw(ws: Workspace, engine: SparkEngine, raw: str, options: ReadingOptions) -> RawRows:
    """The kept export of that hash: a task for each file of opportunities."""
    with ws.store.raw_files(raw) as files:
        found = files_by_table([file.resolve() for file in files], options)
    paths = pl.DataFrame({"path": [str(path) for path in found["opportunities"]]})
    spread = engine.spread(engine.from_polars(paths), paths.height)
    rows = engine.kept(engine.mapped(spread, ReadFiles(options), RAW))
    told = engine.collect(rows.filter(~nw.col(ABOUT).is_null()).select(ABOUT))[ABOUT]
    about = sorted((json.loads(text) for text in told), key=lambda a: str(a["format"]["file"]))
    formats = [a["format"] for a in about]
    dimensions = {}
    for table in DIMENSIONS:
        if table not in found:
            continue
        keys = _keys(engine, rows, table)
        parts = [read_file(p, table, options.mapping, options, keys) for p in found[table]]
        dimensions[table] = pl.concat([frame for frame, _ in parts], how="diagonal")
        formats += [asdict(written) for _, written in parts]
    return RawRows(
        rows.drop(ABOUT),
        dimensions,
        frozenset(COLUMNS["opportunities"]) & frozenset(c for a in about for c in a["columns"]),
        tuple(formats),
        sum(a["format"]["rows"] for a in about),
    )


def _keys(engine: SparkEngine, rows: Frame, table: str) -> pl.Series | None:
    key = KEYS[table]
    if key not in rows.columns:
        return None
    return engine.collect(rows.select(key).unique())[key]
