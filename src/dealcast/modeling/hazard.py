"""The closing process: when those that close do so, and which of them are won.

Discrete-time competing risks (Prentice and Gloeckler 1978; Allison 1982): on each day an open
opportunity is won, is lost, or stays open. The chance to close depends on age and week of the
fiscal quarter, the share won on the month of the quarter in which it closes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dealcast.modeling.history import FloatArray, PersonDays
from dealcast.snapshots import DayArray, month_of_quarter, week_of_quarter

# Ages that split the closes into so many equal shares; the last band starts a day beyond them.
AGE_BANDS = 40
WEEKS, MONTHS = 14, 3
# The month of the quarter that most of a week's days fall in.
MONTH_OF_WEEK = np.minimum(2, (np.arange(WEEKS) * 7 + 3) // 31)

# How strongly a cell leans on the next coarser one: person-days for hazards, closes for shares.
LEAN_ON_OVERALL, LEAN_ON_AGE, LEAN_ON_MONTH, LEAN_ON_SHARE = 5.0, 60.0, 60.0, 20.0
LARGEST_HAZARD = 0.95


@dataclass(frozen=True, eq=False)
class ClosingTable:
    """Daily chance to close by age band (row) and week of the quarter (column), and share won.

    `ages`: first age (days) of each band; the last holds for all older ones. `won`: share won
    (0-1) of what closes in month 1, 2 and 3 of the fiscal quarter.
    """

    ages: DayArray
    closing: FloatArray
    won: FloatArray
    fiscal_year_start_month: int

    def without_calendar(self) -> "ClosingTable":
        """The same with every week and month of the quarter alike: their plain mean."""
        every_week = np.repeat(self.closing.mean(axis=1, keepdims=True), WEEKS, axis=1)
        return replace(self, closing=every_week, won=np.full(MONTHS, self.won.mean()))

    def closing_hazard(self, ages: DayArray, days: DayArray) -> FloatArray:
        """Chance to close on each calendar day (day numbers) at each age (days, from 1)."""
        first, calendar = _calendar(days)
        week = week_of_quarter(calendar, fiscal_year_start_month=self.fiscal_year_start_month)
        oldest = int(self.ages[-1])
        band = np.searchsorted(self.ages, np.arange(oldest + 1), side="right") - 1
        at_age = np.maximum(band, 0)[np.clip(ages, 0, oldest)]
        hazard: FloatArray = self.closing[at_age, week[days - first]]
        return hazard

    def share_won(self, days: DayArray) -> FloatArray:
        """Share won (0-1) of what closes on each calendar day (day numbers)."""
        share: FloatArray = self.won[self.month(days)]
        return share

    def month(self, days: DayArray) -> DayArray:
        """Month of the fiscal quarter of each calendar day, counted from 0."""
        first, calendar = _calendar(days)
        month = month_of_quarter(calendar, fiscal_year_start_month=self.fiscal_year_start_month)
        return np.asarray(month - 1)[days - first]

    def cumulative(self, engaged: DayArray, *days: DayArray) -> tuple[FloatArray, ...]:
        """-ln of the chance that one that will close is still open at the end of each day.

        One array for each array of days (day numbers, one element per engage day).
        """
        if not len(engaged):
            return tuple(np.zeros(0) for _ in days)
        cohorts, cohort = np.unique(engaged, return_inverse=True)
        first = int(cohorts[0])
        calendar = np.arange(first, max(first, *(int(d.max()) for d in days)) + 1)
        age = calendar - cohorts[:, None]
        hazard = self.closing_hazard(age, np.broadcast_to(calendar, age.shape))
        summed = np.cumsum(np.where(age > 0, -np.log1p(-hazard), 0.0), axis=1)
        return tuple(summed[cohort, np.maximum(d - first, 0)] for d in days)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives the same table back."""
        arrays = {"ages": self.ages, "closing": self.closing, "won": self.won}
        return {
            "fiscal_year_start_month": self.fiscal_year_start_month,
            **{name: array.tolist() for name, array in arrays.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "ClosingTable":
        """The table that `to_dict` wrote."""
        return cls(
            ages=np.asarray(content["ages"], dtype=np.int64),
            closing=np.asarray(content["closing"], dtype=np.float64),
            won=np.asarray(content["won"], dtype=np.float64),
            fiscal_year_start_month=content["fiscal_year_start_month"],
        )


def fit_closing_table(
    person_days: PersonDays,
    *,
    fiscal_year_start_month: int,
    at_risk: FloatArray | None = None,
    calendar: bool = True,
) -> ClosingTable:
    """Observed shares, each cell drawn to a coarser one: week to month, month to age, age to all.

    `at_risk` replaces the person-days at risk (one element per cell). Without `calendar` only
    age counts: the life table of Kaplan and Meier 1958, and one share won.
    """
    exposed = person_days.counts.at_risk if at_risk is None else at_risk
    ages = _age_bands(person_days)
    band = np.searchsorted(ages, person_days.age, side="right") - 1
    month = month_of_quarter(person_days.day, fiscal_year_start_month=fiscal_year_start_month) - 1
    week = week_of_quarter(person_days.day, fiscal_year_start_month=fiscal_year_start_month)

    def drawn(column: DayArray, columns: int, to: FloatArray, strength: float) -> FloatArray:
        events, days = (
            np.bincount(band * columns + column, n, len(ages) * columns).reshape(-1, columns)
            for n in (person_days.closed, exposed)
        )
        return np.asarray((events + strength * to) / (days + strength))

    overall = np.full((1, 1), person_days.closed.sum() / exposed.sum())
    hazard = drawn(np.zeros_like(band), 1, overall, LEAN_ON_OVERALL)
    if calendar:
        by_month = drawn(month, MONTHS, hazard, LEAN_ON_AGE)
        hazard = drawn(week, WEEKS, by_month[:, MONTH_OF_WEEK], LEAN_ON_MONTH)
    return ClosingTable(
        ages=ages,
        closing=np.minimum(np.repeat(hazard, WEEKS // hazard.shape[1], axis=1), LARGEST_HAZARD),
        won=_shares_won(person_days, month, calendar=calendar),
        fiscal_year_start_month=fiscal_year_start_month,
    )


def _calendar(days: DayArray) -> tuple[int, DayArray]:
    """The first of the days and all from it to the last: each day's week is computed once."""
    first = int(days.min())
    return first, np.arange(first, int(days.max()) + 1)


def _age_bands(person_days: PersonDays) -> DayArray:
    ages = np.repeat(person_days.age, person_days.closed)
    starts = np.quantile(ages, np.linspace(0, 1, AGE_BANDS + 1), method="nearest")
    return np.unique(np.concatenate([[1], starts, [ages.max() + 1]])).astype(np.int64)


def _shares_won(person_days: PersonDays, month: DayArray, *, calendar: bool) -> FloatArray:
    closed, won = (
        np.bincount(month, n, MONTHS) for n in (person_days.closed, person_days.counts.won)
    )
    # Half a win and half a loss: what has not come up yet is rare, not impossible.
    overall = (won.sum() + 0.5) / (closed.sum() + 1)
    if not calendar:
        return np.full(MONTHS, overall)
    return np.asarray((won + LEAN_ON_SHARE * overall) / (closed + LEAN_ON_SHARE))
