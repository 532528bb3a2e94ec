"""METHODS: the ways to forecast, from the plainest on. One entry to add one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from dealcast.errors import SettingsError, listed, nearest
from dealcast.forecasting.evidence import Evidence
from dealcast.forecasting.outlook import FloatArray
from dealcast.forecasting.periods import ONE_DAY, Period, period_before, period_of, periods_after

# The same month of the quarter before.
MONTHS_OF_QUARTER = 3

Daily = Callable[[Evidence], FloatArray]


@dataclass(frozen=True)
class Method:
    """One way: bookings to expect on each day after the origin, NaN where it cannot tell.

    One that is no candidate is shown for comparison only.
    """

    name: str
    about: str
    daily: Daily
    is_candidate: bool = True


def _mean_of_last(months: int) -> Daily:
    def daily(evidence: Evidence) -> FloatArray:
        """The mean of the last whole months, spread evenly over each month to come."""
        month = period_of("month", evidence.origin + ONE_DAY)
        totals = []
        for _ in range(months):
            month = period_before(month)
            totals.append(_booked(evidence, month))
        days = [
            np.full(m.days_after(evidence.origin), np.mean(totals) / m.days)
            for m in _months_after(evidence)
        ]
        return np.concatenate(days)

    return daily


def _same_month_last_quarter(evidence: Evidence) -> FloatArray:
    """The same month of the latest fiscal quarter that has it, day by day.

    Where the months differ in length, the course of the one is stretched to the other's days.
    """
    return np.concatenate(
        [
            _stretched(evidence, m)[m.days - m.days_after(evidence.origin) :]
            for m in _months_after(evidence)
        ]
    )


def _stretched(evidence: Evidence, month: Period) -> FloatArray:
    source = month
    while source.end > evidence.origin:
        for _ in range(MONTHS_OF_QUARTER):
            source = period_before(source)
    if not evidence.bookings.covers(source):
        return np.full(month.days, np.nan)
    each = [source.start + day * ONE_DAY for day in range(source.days)]
    course = np.cumsum([0.0, *(evidence.bookings.total(day, day) for day in each)])
    share = np.linspace(0, 1, month.days + 1)
    stretched: FloatArray = np.diff(np.interp(share, np.linspace(0, 1, source.days + 1), course))
    return stretched


def _list_value(evidence: Evidence) -> FloatArray:
    """All that is open x the share won of what closed, in the first month; no day after it."""
    won = evidence.bookings.won / evidence.bookings.closed
    days = period_of("month", evidence.origin + ONE_DAY).days_after(evidence.origin)
    daily = np.full(len(evidence.pipeline), np.nan)
    daily[:days] = evidence.open_amount * won / days
    return daily


def _model(evidence: Evidence) -> FloatArray:
    return evidence.model


def _corrected(evidence: Evidence) -> FloatArray:
    return evidence.model * evidence.bias_factor


def _blend(evidence: Evidence) -> FloatArray:
    """The mean of two that err differently (Bates and Granger 1969; equal weights: Clemen 1989)."""
    return (evidence.model + _same_month_last_quarter(evidence)) / 2


def _booked(evidence: Evidence, period: Period) -> float:
    return evidence.booked(period) if evidence.bookings.covers(period) else np.nan


def _months_after(evidence: Evidence) -> Iterator[Period]:
    return periods_after("month", evidence.origin, evidence.until)


MODEL, BLEND, SEASONAL_NAIVE = "model", "blend", "same month last quarter"
# The plainest first: among those that cannot be told apart it is preferred.
METHODS: Mapping[str, Method] = MappingProxyType(
    {
        m.name: m
        for m in (
            Method(
                "list value x win rate",
                "all that is open x the share won of what closed; knows no time",
                _list_value,
                is_candidate=False,
            ),
            Method("last month", "the last whole month", _mean_of_last(1)),
            Method(
                "mean of three months", "the mean of the last three whole months", _mean_of_last(3)
            ),
            Method(
                SEASONAL_NAIVE,
                "the same days of the latest fiscal quarter that has them",
                _same_month_last_quarter,
            ),
            Method(MODEL, "open pipeline and new business by the win model", _model),
            Method(
                "model x bias factor",
                "the model times what it was short, or too high, by of late",
                _corrected,
            ),
            Method(BLEND, "the mean of model and same month last quarter", _blend),
        )
    }
)


def method_named(name: str) -> Method:
    """The method of that name that can be issued. Raises SettingsError with the nearest one.

    >>> method_named("blend").about
    'the mean of model and same month last quarter'
    """
    if name in METHODS and METHODS[name].is_candidate:
        return METHODS[name]
    candidates = [m.name for m in METHODS.values() if m.is_candidate]
    near = nearest(name, candidates)
    raise SettingsError(
        f"There is no forecast method '{name}' that can be issued.",
        remedy=f"did you mean '{near}'?" if near else f"one of {listed(candidates, shown=9)}",
    )
