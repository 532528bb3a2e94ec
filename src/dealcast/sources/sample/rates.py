"""The base rates of the sample, measured on the public CRM data set, and the calendar they follow.

`calendar` (a setting) scales what depends on the quarter: 1 as measured, 0 no calendar at all.
"""

from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dealcast.sources.sample.effects import Floats, log_odds, logistic

Ints = NDArray[np.int64]

OLDEST_CLOSE_DAYS = 138
NEVER_CLOSES = 0.199
PROSPECTING = 500 / 8_800
WIN_RATE = 0.6315
WIN_RATE_BY_MONTH = (0.490, 0.547, 0.806)
DISCOUNT_MEAN, DISCOUNT_SD = 0.9965, 0.0989
ACCOUNT_BLANK_WHILE_OPEN = 0.682

# New opportunities a day by week of the quarter, against the mean day; from whole quarters only,
# so that no week is counted more often than another.
ARRIVALS_BY_WEEK = (1.16, 1.05, 1.31, 1.33, 0.98, 0.88, 0.90, 0.80, 0.90, 0.88, 0.84, 0.93, 1.04,
                    1.14)  # fmt: skip

# A CRM taken into use fills over its first months, so few very old ones are open later.
RAMP_UP_DAYS = 120

_HAZARD_FILE = Path(__file__).with_name("close_hazard.csv")
_LARGEST_HAZARD = 0.95


class Calendar(NamedTuple):
    """The quarter around each day (first engage date: 0), long enough for the last one to close."""

    week: Ints
    """Week of the quarter, 0-13."""
    month: Ints
    """Month of the quarter, 0-2."""
    month_end: Ints
    """The last day of its month that the calendar has."""


def calendar_of(start: date, days: int) -> Calendar:
    """The calendar of `days` days of engaging and the days in which the last of them may close.

    >>> calendar = calendar_of(date(2025, 3, 31), days=2)
    >>> calendar.week[:2].tolist(), calendar.month[:2].tolist(), calendar.month_end[:2].tolist()
    ([12, 0], [2, 0], [0, 30])
    """
    day = np.datetime64(start, "D") + np.arange(days + OLDEST_CLOSE_DAYS + 1)
    months = day.astype("datetime64[M]").astype(np.int64)
    quarter_start = (months // 3 * 3).astype("datetime64[M]").astype("datetime64[D]")
    ends = np.append(np.flatnonzero(np.diff(months)), len(day) - 1)
    return Calendar(
        week=(day - quarter_start).astype(np.int64) // 7,
        month=months % 3,
        month_end=ends[np.searchsorted(ends, np.arange(len(day)))],
    )


def arrivals(calendar: Calendar, days: int, strength: float) -> Floats:
    """Share (0-1) of all engagements on each of the days; the first RAMP_UP_DAYS are a ramp."""
    rate = np.maximum(1 + strength * (np.array(ARRIVALS_BY_WEEK) - 1), 0)[calendar.week[:days]]
    rate *= np.minimum((np.arange(days) + 1) / RAMP_UP_DAYS, 1)
    shares: Floats = rate / rate.sum()
    return shares


def win_rates(strength: float) -> Floats:
    """Share won (0-1) among those that close in month 0, 1 and 2 of the quarter.

    >>> win_rates(1.0).round(3).tolist(), win_rates(0.0).round(2).tolist()
    ([0.49, 0.547, 0.806], [0.63, 0.63, 0.63])
    """
    overall = log_odds(np.array(WIN_RATE))
    return logistic(overall + strength * (log_odds(np.array(WIN_RATE_BY_MONTH)) - overall))


def cumulative_hazard(calendar: Calendar, days: int, strength: float) -> Floats:
    """Cumulative hazard of closing by engage day (row) and age in days (column, from 0).

    The last column is the day before OLDEST_CLOSE_DAYS, when all that close have closed.
    """
    hazard = _hazard_by_age_and_week(strength)
    ages = np.arange(1, OLDEST_CLOSE_DAYS)
    daily = -np.log1p(-hazard[ages, calendar.week[np.arange(days)[:, None] + ages]])
    return np.hstack([np.zeros((days, 1)), daily.cumsum(axis=1)])


def _hazard_by_age_and_week(strength: float) -> Floats:
    table = pl.read_csv(_HAZARD_FILE, comment_prefix="#")
    weeks = table.drop("age_from", "any")
    first_weeks = np.array([int(name.removeprefix("week_")) for name in weeks.columns])
    column = np.searchsorted(first_weeks, np.arange(len(ARRIVALS_BY_WEEK)), side="right") - 1
    # Age 0 is before the first row: nothing closes on the day it engages.
    row = np.searchsorted(table["age_from"].to_numpy(), np.arange(OLDEST_CLOSE_DAYS), side="right")
    any_week = table["any"].to_numpy()[:, None]
    scaled = any_week + strength * (weeks.to_numpy() - any_week)
    by_age = np.vstack([np.zeros_like(scaled[:1]), scaled.clip(0, _LARGEST_HAZARD)])
    return by_age[row][:, column]
