"""Cohorts by month of engaging: which are mature, which are survivors only."""

from datetime import date

import polars as pl

from dealcast.modeling.history import known_by
from dealcast.snapshots import EPOCH


def cohorts(opportunities: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per month of engaging, oldest first.

    `opportunities`, `won`, `lost`, `open` (counts) as known on `as_of`. `is_mature`: even the
    youngest is older than any that ever closed, so what is open will hardly close. `is_truncated`:
    engaged before the first close that the export has, so those that closed before are missing.
    """
    history = known_by(opportunities, as_of)
    oldest = history.person_days.oldest_closed_age
    frame = pl.DataFrame(
        {"engaged": history.engaged, "closed": history.is_closed, "won": history.won}
    ).with_columns(engaged_in=(pl.lit(EPOCH) + pl.duration(days="engaged")).dt.truncate("1mo"))
    return (
        frame.group_by("engaged_in")
        .agg(
            opportunities=pl.len(),
            won=pl.col("won").sum(),
            lost=(pl.col("closed") & ~pl.col("won")).sum(),
            open=(~pl.col("closed")).sum(),
            is_mature=pl.col("engaged").max() + oldest < history.last_day,
            is_truncated=pl.col("engaged").min() < history.first_close,
        )
        .sort("engaged_in")
    )
