"""Expected wins against those that came, over time: on matured scores, and estimated before."""

from datetime import date

import numpy as np
import polars as pl

from dealcast.contracts import CalibrationOverTime
from dealcast.monitoring.issued import long_scores, with_outcomes
from dealcast.monitoring.statistics import IntArray, wilson
from dealcast.monitoring.timing import wins_by_lag, wins_due
from dealcast.snapshots import day_number, week_of_quarter
from dealcast.sums import exact_mean, exact_sum

# A certain forecast that fails would cost an infinite log loss.
SMALLEST_P = 1e-6
MATURED, ESTIMATE = "matured", "estimate"
KEY = ("period", "horizon_days", "basis")


def calibration_over_time(
    scores: pl.DataFrame,
    opportunities: pl.DataFrame,
    *,
    as_of: date,
    trained_until: date | None = None,
    fiscal_year_start_month: int = 1,
) -> pl.DataFrame:
    """The contract CalibrationOverTime: by month of scoring and horizon, what came of the scores.

    `scores`: as issued, or the backtest predictions of one estimator. One score per opportunity
    and row counts, its first of the month: those of the weeks after are about the same outcome.
    Scores whose horizon has not passed are rows of basis 'estimate': the wins due by now, by the
    timing of wins known at `trained_until` (`as_of` where null), against those that came. Without
    any such timing they are left out. The interval is Wilson's for the observed share, by the
    mean chance; it knows neither the error of the timing nor that a quarter's wins come together.
    """
    rows = with_outcomes(long_scores(scores), opportunities, as_of=as_of)
    wins = wins_by_lag(
        opportunities,
        rows.select(pl.col("horizon_days").max().fill_null(1)).item(),
        known_until=trained_until or as_of,
        fiscal_year_start_month=fiscal_year_start_month,
    )
    within = pl.col("days_to_win") <= pl.col("horizon_days")
    judged = [
        rows.filter("is_mature").with_columns(basis=pl.lit(MATURED), expected=pl.col("p_won")),
        _not_matured(rows, wins, fiscal_year_start_month).with_columns(basis=pl.lit(ESTIMATE)),
    ]
    return _by_period(
        pl.concat(judged, how="diagonal").with_columns(came=within.fill_null(value=False))
    )


def _not_matured(rows: pl.DataFrame, wins: IntArray, fiscal_year_start_month: int) -> pl.DataFrame:
    """Scores whose horizon has not passed, with the chance `expected` to be won by now."""
    horizons = tuple(rows["horizon_days"].unique().sort())
    waiting = rows.filter(~pl.col("is_mature"))
    if waiting.is_empty():
        return waiting.with_columns(expected=pl.col("p_won"))
    key = ["opportunity_id", "scored_on", "elapsed_days"]
    wide = rows.pivot("horizon_days", index=key, values="p_won")
    days = day_number(wide["scored_on"].to_numpy())
    due = wins_due(
        wide.select(str(h) for h in horizons).to_numpy().astype(np.float64),
        horizons,
        wide["elapsed_days"].cast(pl.Int64).to_numpy(),
        week_of_quarter(days, fiscal_year_start_month=fiscal_year_start_month),
        wins,
    )
    expected = wide.select(*key, expected=pl.Series(due, nan_to_null=True)).drop("elapsed_days")
    return waiting.join(expected, on=key[:2], maintain_order="left").filter(
        pl.col("expected").is_not_null()
    )


def _by_period(judged: pl.DataFrame) -> pl.DataFrame:
    first = (
        judged.with_columns(period=pl.col("scored_on").dt.month_start())
        .sort("scored_on")
        .unique(["opportunity_id", *KEY], keep="first", maintain_order=True)
    )
    came, p = pl.col("came"), pl.col("expected").clip(SMALLEST_P, 1 - SMALLEST_P)
    matured = pl.col("basis").first() == MATURED
    periods = (
        first.group_by(KEY)
        .agg(
            n=pl.len().cast(pl.Int64),
            expected_wins=exact_sum(pl.col("expected")),
            observed_wins=came.sum().cast(pl.Int64),
            log_loss=pl.when(matured).then(
                exact_mean(-pl.when(came).then(p).otherwise(1 - p).log())
            ),
            brier=pl.when(matured).then(exact_mean((pl.col("expected") - came) ** 2)),
        )
        .sort("horizon_days", "period", "basis")
    )
    limits = [wilson(*row) for row in periods.select("observed_wins", "n").iter_rows()]
    bounds = pl.DataFrame(limits, schema={"low": pl.Float64, "high": pl.Float64}, orient="row")
    expected = pl.col("expected_wins")
    return CalibrationOverTime.cast(
        periods.hstack(bounds).with_columns(
            ratio=_by(pl.col("observed_wins"), expected),
            ratio_low=_by(pl.col("low") * pl.col("n"), expected),
            ratio_high=_by(pl.col("high") * pl.col("n"), expected),
        )
    )


def _by(wins: pl.Expr, expected: pl.Expr) -> pl.Expr:
    """Null where nothing was expected."""
    return pl.when(expected > 0).then(wins / expected)
