"""Two exports of one CRM: as it was on a day, and some weeks later."""

from pathlib import Path

import polars as pl

from dealcast.settings import SampleSource as SampleSettings
from dealcast.sources.sample import SampleSource

OPPORTUNITIES, DAYS, EARLIER = 300, 330, "2025-07-20"
# Small enough for hundreds of runs; every step still has something to do.
SETTINGS = {
    "features.snapshot_every_days": 28,
    "model.horizons_days": [30],
    "model.min_closed": 40,
    "forecast.origins": 3,
}


def flags() -> list[str]:
    """The settings of all runs."""
    return [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]


def two_exports(into: Path) -> tuple[Path, Path]:
    """The folders of the earlier export and of the later one."""
    folders = into / "earlier", into / "later"
    settings = SampleSettings(opportunities=OPPORTUNITIES, days=DAYS, dirt=1)
    for folder in folders:
        folder.mkdir(parents=True)
        SampleSource(settings).fetch(folder)
    pipeline = folders[0] / "sales_pipeline.csv"
    _as_of(pl.read_csv(pipeline, infer_schema=False), EARLIER).write_csv(pipeline)
    return folders


def _as_of(pipeline: pl.DataFrame, day: str) -> pl.DataFrame:
    """The opportunities that had been engaged by a day; what closed later was still open."""
    closed = pl.col("deal_stage").is_in(["Won", "Lost"]) & (pl.col("close_date") > day)
    return pipeline.filter(pl.col("engage_date").is_null() | (pl.col("engage_date") <= day)).select(
        pl.when(closed.fill_null(value=False))
        .then(pl.lit("Engaging"))
        .otherwise("deal_stage")
        .alias("deal_stage")
        if name == "deal_stage"
        else pl.when(~closed.fill_null(value=False)).then(name).alias(name)
        if name in ("close_date", "close_value")
        else pl.col(name)
        for name in pipeline.columns
    )
