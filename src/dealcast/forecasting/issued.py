"""What came of the forecasts that were issued."""

from datetime import date

import polars as pl

from dealcast.contracts import ForecastOutcomes
from dealcast.sums import exact_sum

KEY = ("issued_on", "period_kind", "period_start")


def score_issued(
    forecasts: pl.DataFrame, opportunities: pl.DataFrame, *, as_of: date
) -> pl.DataFrame:
    """The contract ForecastOutcomes: one row per issued forecast whose period ended by `as_of`.

    Where a period was forecast twice on the same day, the later row counts. What is booked is
    taken from `opportunities` as they are now.
    """
    ended = forecasts.filter(pl.col("period_end") <= as_of).unique(
        list(KEY), keep="last", maintain_order=True
    )
    error, actual = pl.col("forecast") - pl.col("actual"), pl.col("actual")
    return (
        _with_actual(ended, opportunities, as_of)
        .with_columns(
            error=error,
            relative_error=pl.when(actual > 0).then(error / actual),
            is_inside=actual.is_between("low", "high"),
        )
        .select(ForecastOutcomes.column_names())
    )


def _with_actual(ended: pl.DataFrame, opportunities: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Adds what was won in each period."""
    won = (
        opportunities.lazy()
        .filter(pl.col("deal_stage") == "Won", pl.col("close_date") <= as_of)
        .group_by("close_date")
        .agg(exact_sum(pl.col("close_value")))
        .sort("close_date")
        .with_columns(pl.col("close_value").cum_sum())
        .collect()
    )
    days, until = won["close_date"], pl.concat([pl.Series([0.0]), won["close_value"]])
    before = days.search_sorted(ended["period_start"], side="left")
    by_end = days.search_sorted(ended["period_end"], side="right")
    return ended.with_columns(actual=until.gather(by_end) - until.gather(before))
