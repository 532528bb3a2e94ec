"""The export written as files: CSV, or Parquet where it is large; the truth beside it."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from dealcast.errors import SourceError, listed
from dealcast.settings import SampleSource as SampleSettings
from dealcast.sources.sample.company import accounts_table, products_table, sales_teams_table
from dealcast.sources.sample.dirt import misspell_accounts, soil
from dealcast.sources.sample.recording import as_text, record
from dealcast.sources.sample.truth import truth_dates, truth_table
from dealcast.sources.sample.world import World

LARGEST_CSV = 200_000
"""Opportunities (count) up to which the export is CSV; beyond, it is Parquet."""

TRUTH_HORIZONS = (30, 60, 90)
TABLES = ("sales_pipeline", "accounts", "products", "sales_teams")

# Streams 0 and 1 are the World's.
_ACCOUNTS_STREAM, _RECORDING_STREAM, _DIRT_STREAM = 2, 3, 4
_ROW_GROUP = 500_000
# Each thread has a block of arrays in hand, some 60 MB: more threads would cost memory only.
_MOST_THREADS = 8


class SampleSource:
    """Writes a generated export, the same whenever the settings are."""

    def __init__(self, settings: SampleSettings) -> None:
        self.settings = settings

    def fetch(self, into: Path) -> list[Path]:
        """Put the four files of the export into the folder; returns them."""
        return write_sample(into, self.settings)


def write_sample(into: Path, settings: SampleSettings, *, truth: bool = False) -> list[Path]:
    """Write the export's four files into the folder and return them, the truth's files last.

    The truth goes to `truth/FOLDER/` beside the folder, never into it: there it would be ingested.
    Raises SourceError where the folder already holds a file of these names, or cannot be written.
    """
    into = into.resolve()
    beside = into.parent / "truth" / into.name
    _refuse_to_overwrite(into, [f"{table}.*" for table in TABLES])
    if truth:
        _refuse_to_overwrite(beside, ["*.parquet"])
    world = World(settings)
    try:
        return _write_export(into, world) + (_write_truth(beside, world) if truth else [])
    except (OSError, pl.exceptions.ComputeError) as error:
        # Polars reports a full disk as an OSError under CSV, as a ComputeError under Parquet.
        raise SourceError(
            f"The sample cannot be written to {into}: {error}.",
            remedy="choose another folder, or make room in it",
        ) from error


def sales_pipeline(world: World, *, threads: int | None = None) -> pl.LazyFrame:
    """The opportunities as the CRM exports them, as text; the same whatever the threads."""

    def codes(block: int) -> pl.DataFrame:
        settings = world.settings
        clean = record(world.outcomes(block), settings, _rng(settings, _RECORDING_STREAM, block))
        return pl.DataFrame(soil(clean, settings.dirt, _rng(settings, _DIRT_STREAM, block)))

    with ThreadPoolExecutor(threads or min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        frames = list(pool.map(codes, range(world.blocks)))
    return as_text(pl.concat(frames, rechunk=False).lazy(), world.settings)


def dimension_tables(settings: SampleSettings) -> dict[str, pl.DataFrame]:
    """Accounts, products and sales_teams as the CRM exports them."""
    accounts = accounts_table(_rng(settings, _ACCOUNTS_STREAM))
    return {
        "accounts": misspell_accounts(accounts, settings.dirt),
        "products": products_table(),
        "sales_teams": sales_teams_table(),
    }


def _write_export(into: Path, world: World) -> list[Path]:
    as_csv = world.settings.opportunities <= LARGEST_CSV
    names = [f"{table}.{'csv' if as_csv else 'parquet'}" for table in TABLES]
    into.mkdir(parents=True, exist_ok=True)
    frames = {"sales_pipeline": sales_pipeline(world)} | {
        name: frame.lazy().select(pl.all().cast(pl.String))
        for name, frame in dimension_tables(world.settings).items()
    }
    with TemporaryDirectory(dir=into, prefix=".sample-") as draft:
        for table, name in zip(TABLES, names, strict=True):
            _write(frames[table], Path(draft) / name)
        return [(Path(draft) / name).rename(into / name) for name in names]


def _write(frame: pl.LazyFrame, file: Path) -> None:
    if file.suffix == ".csv":
        frame.sink_csv(file)
    else:
        frame.sink_parquet(file, row_group_size=_ROW_GROUP)


def _refuse_to_overwrite(folder: Path, patterns: Sequence[str]) -> None:
    there = [file.name for pattern in patterns for file in sorted(folder.glob(pattern))]
    if there:
        raise SourceError(
            f"{folder} already holds {listed(there)}.",
            remedy="choose an empty folder, or delete these files first",
        )


def _write_truth(into: Path, world: World) -> list[Path]:
    """One file per block, so that memory does not grow with the sample."""
    into.mkdir(parents=True, exist_ok=True)
    dates = truth_dates(world.settings)
    files = [into / f"part-{block:04}.parquet" for block in range(world.blocks)]
    for block, file in enumerate(files):
        truth_table(world, world.outcomes(block), dates, TRUTH_HORIZONS).write_parquet(file)
    return files


def _rng(settings: SampleSettings, stream: int, *block: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, stream, *block])
