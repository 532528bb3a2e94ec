"""Exports of one CRM: as it was on a day, some weeks later, and at last."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dealcast.settings import SampleSource as SampleSettings
from dealcast.sources.sample import SampleSource

OPPORTUNITIES, DAYS, EARLIER, BETWEEN = 300, 330, "2025-07-20", "2025-08-08"
# Small enough for hundreds of runs; every step still has something to do.
SETTINGS = {
    "features.snapshot_every_days": 28,
    "model.horizons_days": [30],
    "model.min_closed": 40,
    "model.first_origin_after_days": 240,
    "forecast.origins": 3,
    "audit.rebuilt_dates": 1,
}


def flags() -> list[str]:
    """The settings of all runs."""
    return [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]


@dataclass(frozen=True)
class Exports:
    """Their folders."""

    earlier: Path
    between: Path
    later: Path


def exports_in(folder: Path) -> Exports:
    """All three, written to the folder."""
    found = Exports(folder / "earlier", folder / "between", folder / "later")
    settings = SampleSettings(opportunities=OPPORTUNITIES, days=DAYS, dirt=1)
    for into, day in ((found.earlier, EARLIER), (found.between, BETWEEN), (found.later, None)):
        into.mkdir(parents=True)
        SampleSource(settings).fetch(into)
        if day is not None:
            pipeline = into / "sales_pipeline.csv"
            _as_of(pl.read_csv(pipeline, infer_schema=False), day).write_csv(pipeline)
    return found


def _as_of(pipeline: pl.DataFrame, day: str) -> pl.DataFrame:
    """The opportunities that had been engaged by a day; what closed later was still open."""
    open_then = (pl.col("close_date") > day).fill_null(value=False)
    known = pipeline.filter((pl.col("engage_date") <= day).fill_null(value=True))
    return known.with_columns(
        pl.when(open_then).then(pl.lit("Engaging")).otherwise("deal_stage").alias("deal_stage"),
        pl.when(~open_then).then("close_date").alias("close_date"),
        pl.when(~open_then).then("close_value").alias("close_value"),
    )
