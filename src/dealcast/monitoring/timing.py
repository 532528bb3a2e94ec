"""When, within a horizon, wins come: what part of those expected is due by now."""

from datetime import date

import numpy as np
import polars as pl

from dealcast.monitoring.statistics import FloatArray, IntArray
from dealcast.monitoring.windows import WEEKS_OF_QUARTER
from dealcast.snapshots import day_number, week_of_quarter

# Wins in a week of the quarter under which the curve of all weeks together is used.
FEWEST_WINS = 20


def wins_by_lag(
    opportunities: pl.DataFrame,
    horizon_days: int,
    *,
    known_until: date,
    fiscal_year_start_month: int = 1,
) -> IntArray:
    """Week of the quarter x days since: pairs of an open opportunity and a day, won by then.

    Each opportunity won until `known_until` counts once per day on which it was open, from the
    first close on (before, only survivors are known) and only if the horizon had passed by then.
    Column d counts wins at most d days after; the last row is all weeks together.
    """
    # Those engaged and closed on the same days count together: there are few pairs of days.
    won = (
        opportunities.lazy()
        .filter(pl.col("deal_stage") == "Won", pl.col("close_date") <= known_until)
        .group_by("engage_date", "close_date")
        .agg(count=pl.len())
        .collect()
    )
    wins = np.zeros((WEEKS_OF_QUARTER + 1, horizon_days + 1), dtype=np.int64)
    if won.is_empty():
        return wins
    first: date | None = opportunities.select(pl.col("close_date").min()).item()
    engaged, closed = (day_number(won[c].to_numpy()) for c in ("engage_date", "close_date"))
    count = won["count"].to_numpy()
    start, last = day_number(first or known_until), day_number(known_until) - horizon_days
    for lag in range(1, horizon_days + 1):
        day = closed - lag
        counts = (day >= np.maximum(engaged, start)) & (day <= last)
        week = week_of_quarter(day[counts], fiscal_year_start_month=fiscal_year_start_month)
        wins[:-1, lag] = np.bincount(week, count[counts], WEEKS_OF_QUARTER)
    wins[-1] = wins.sum(axis=0)
    return wins.cumsum(axis=1)


def wins_due(
    p_won: FloatArray,
    horizons_days: tuple[int, ...],
    elapsed_days: IntArray,
    week: IntArray,
    wins: IntArray,
) -> FloatArray:
    """Chance of each score to have been won by now, at most its longest horizon; NaN: unknown.

    `p_won` is score x horizon (rising). A horizon that has passed is taken as scored; between two
    of them the chance grows as wins did, on average, after such a week of the quarter. That is an
    estimate: the score itself says nothing of it.
    """
    grid = np.array([0, *horizons_days])
    chances = np.hstack([np.zeros((len(p_won), 1)), p_won])
    elapsed = np.minimum(elapsed_days, grid[-1])
    at = np.minimum(np.searchsorted(grid, elapsed, side="right") - 1, len(horizons_days) - 1)
    row = np.arange(len(p_won))
    low, high = chances[row, at], chances[row, at + 1]
    enough = wins[week, grid[at + 1]] - wins[week, grid[at]] >= FEWEST_WINS
    curve = np.where(enough, week, WEEKS_OF_QUARTER)
    before, after = wins[curve, grid[at]], wins[curve, grid[at + 1]]
    between = np.full(len(p_won), np.nan)
    np.divide(wins[curve, elapsed] - before, after - before, out=between, where=after > before)
    due: FloatArray = low + np.where(elapsed == grid[at], 0.0, between) * (high - low)
    return due
