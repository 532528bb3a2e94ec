"""How readily open opportunities close."""

from typing import NamedTuple

import numpy as np
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.monitoring.comparison import Comparison, not_applicable, too_few
from dealcast.monitoring.rates import rate_comparison
from dealcast.monitoring.statistics import IntArray, compare_rates
from dealcast.monitoring.windows import PARTS_OF_QUARTER, Windows
from dealcast.snapshots import DayArray, as_known_on

NOT_CLOSED = np.iinfo(np.int64).max


def compare_time_to_close(tables: CrmTables, within: Windows, *, min_rows: int) -> Comparison:
    """How readily open opportunities close, of the same age and in the same part of the quarter.

    A log-rank test on days at risk: those of the reference against those of the current window.
    An opportunity counts in each on the days on which it was open, so recent ones that had little
    time to close (censored), and old ones of which only survivors are known, do no harm.
    """
    days = _engaged_and_closed(tables, within)
    cells = [_days_at_risk(days, within, current=current) for current in (False, True)]
    events = np.stack([closes for closes, _ in cells], axis=1)
    seen = (int(events[:, 0].sum()), int(events[:, 1].sum()))
    if seen[0] < min_rows:
        why = too_few(seen, min_rows, "closes")
        return not_applicable("rate", "time_to_close", "ratio", why or "", rows=seen)
    at_risk = np.stack([exposed for _, exposed in cells], axis=1).astype(float)
    rates = compare_rates(events, at_risk, risk_sets=True)
    return rate_comparison("time_to_close", "log-rank", rates, seen)


class _Days(NamedTuple):
    """How many (`opportunities`) engaged and closed on the same days (day numbers).

    `closed` is NOT_CLOSED where they have not; `oldest`: the greatest age (days) at a close.
    """

    engaged: DayArray
    closed: DayArray
    opportunities: IntArray
    oldest: int


def _engaged_and_closed(tables: CrmTables, within: Windows) -> _Days:
    known = as_known_on(tables, within.as_of).opportunities
    rows = (
        known.filter(pl.col("engage_date").is_not_null())
        .group_by(pl.col("engage_date", "close_date").to_physical().cast(pl.Int64))
        .agg(opportunities=pl.len().cast(pl.Int64))
        .collect()
    )
    closed = pl.col("close_date")
    oldest = rows.select((closed - pl.col("engage_date")).max().fill_null(0)).item()
    days = rows.with_columns(closed.fill_null(NOT_CLOSED))
    return _Days(
        days["engage_date"].to_numpy(),
        days["close_date"].to_numpy(),
        days["opportunities"].to_numpy(),
        oldest,
    )


def _days_at_risk(known: _Days, within: Windows, *, current: bool) -> tuple[IntArray, IntArray]:
    """Closes and opportunities at risk by age (days) and part of the quarter, of one window."""
    engaged, closed, count, oldest = known
    days = within.days(current=current)
    parts = within.part_of_quarter(days)
    size = (oldest + 1) * PARTS_OF_QUARTER
    there = (engaged <= days[-1]) & (closed >= days[0]) if len(days) else engaged < 0
    if not there.any():
        return np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    first = max(int(engaged[there].min()), int(days[0]) - oldest)
    there &= engaged >= first
    seen = _Days(engaged[there] - first, closed[there] - days[0], count[there], oldest)
    closes, at_risk = _by_engage_day(seen, first, days)
    age = days[None, :] - (first + np.arange(len(closes)))[:, None]
    valid = (age >= 0) & (age <= oldest)
    key = (age * PARTS_OF_QUARTER + parts[None, :])[valid]
    return (
        np.bincount(key, closes[valid], size).astype(np.int64),
        np.bincount(key, at_risk[valid], size).astype(np.int64),
    )


def _by_engage_day(seen: _Days, first: int, days: DayArray) -> tuple[IntArray, IntArray]:
    """Closes and opportunities at risk by engage day (from `first`) and day of the window.

    `seen` counts days from these. Before its engage day an opportunity counts as at risk too: its
    age is negative there.
    """
    height, width = int(days[-1]) - first + 1, len(days)
    within = seen.closed < width
    cell = seen.engaged[within] * width + seen.closed[within]
    closed = np.bincount(cell, seen.opportunities[within], height * width)
    closes = closed.reshape(height, width).astype(np.int64)
    engaged = np.bincount(seen.engaged, seen.opportunities, height).astype(np.int64)
    return closes, engaged[:, None] - closes.cumsum(axis=1) + closes
