"""The closing process: when those that close do so, and which of them are won.

Discrete-time competing risks (Prentice and Gloeckler 1978; Allison 1982): on each day an open
opportunity is won, is lost, or stays open. The chance to close depends on age and week of the
fiscal quarter, the share won on the month of the quarter in which it closes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dealcast.modeling.history import PersonDays
from dealcast.modeling.traits import FloatArray, distinct
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
        cohorts, cohort = distinct(engaged)
        first = int(cohorts[0])
        last = max(first, *(int(d.max()) for d in days))
        summed = self.course(self.cells(cohorts, last))
        return tuple(summed[cohort, np.maximum(d - first, 0)] for d in days)

    def cells(self, cohorts: DayArray, last: int) -> DayArray:
        """The cell of each engage day (row) and day from the first of them to the last (column).

        Counted along the rows of the table; the one after them all: not engaged yet.
        """
        calendar = np.arange(cohorts[0], last + 1)
        week = week_of_quarter(calendar, fiscal_year_start_month=self.fiscal_year_start_month)
        age = calendar - cohorts[:, None]
        oldest = int(self.ages[-1])
        band = np.maximum(np.searchsorted(self.ages, np.arange(oldest + 1), side="right") - 1, 0)
        # Of an age below 1 the last place is taken, as Python counts: it is not at risk yet.
        row = np.append(band * WEEKS, self.closing.size)
        return np.where(age > 0, row[np.clip(age, -1, oldest)] + week, self.closing.size)

    def course(self, cells: DayArray) -> FloatArray:
        """-ln of the chance that one that will close is still open, at the end of each day.

        By engage day and day, as `cells` are.
        """
        summed: FloatArray = np.cumsum(
            np.append(-np.log1p(-self.closing), 0.0).take(cells, mode="clip"), axis=1
        )
        return summed

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
    month = fiscal_year_start_month
    parts = person_days.once(("parts", month), lambda: _Parts.of(person_days, month))
    days = parts.added_up(exposed)

    def drawn(by: str, to: FloatArray, strength: float) -> FloatArray:
        return np.asarray((parts.closed[by] + strength * to) / (days[by] + strength))

    overall = np.full((1, 1), person_days.closed.sum() / exposed.sum())
    hazard = drawn("age", overall, LEAN_ON_OVERALL)
    if calendar:
        by_month = drawn("month", hazard, LEAN_ON_AGE)
        hazard = drawn("week", by_month[:, MONTH_OF_WEEK], LEAN_ON_MONTH)
    won, closed = (n["month"].sum(axis=0) for n in (parts.won, parts.closed))
    return ClosingTable(
        ages=parts.ages,
        closing=np.minimum(np.repeat(hazard, WEEKS // hazard.shape[1], axis=1), LARGEST_HAZARD),
        won=_shares_won(won, closed, calendar=calendar),
        fiscal_year_start_month=month,
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """Which band of ages, month and week of the quarter each person-day is in: told once.

    `cell`: all three in one number. `closed` and `won`: counts by `age` band, by band and `month`,
    and by band and `week`.
    """

    ages: DayArray
    cell: DayArray
    closed: Mapping[str, FloatArray]
    won: Mapping[str, FloatArray]

    @classmethod
    def of(cls, person_days: PersonDays, fiscal_year_start_month: int) -> "_Parts":
        ages, day = _age_bands(person_days), person_days.day
        first, calendar = _calendar(day)
        month = month_of_quarter(calendar, fiscal_year_start_month=fiscal_year_start_month) - 1
        week = week_of_quarter(calendar, fiscal_year_start_month=fiscal_year_start_month)
        band = np.searchsorted(ages, np.arange(ages[-1] + 1), side="right") - 1
        at_age = band[np.minimum(person_days.age, ages[-1])]
        cell = at_age * MONTHS * WEEKS + (month * WEEKS + week)[day - first]
        bare = cls(ages, cell, {}, {})
        return replace(
            bare,
            closed=bare.added_up(person_days.closed),
            won=bare.added_up(person_days.counts.won),
        )

    def added_up(self, numbers: FloatArray | DayArray) -> Mapping[str, FloatArray]:
        """Sums by band of ages (row), and by month or week of the quarter (column)."""
        size = len(self.ages) * MONTHS * WEEKS
        each = np.bincount(self.cell, numbers, size).reshape(-1, MONTHS, WEEKS)
        return {
            "age": each.sum(axis=(1, 2))[:, None],
            "month": each.sum(axis=2),
            "week": each.sum(axis=1),
        }


def _calendar(days: DayArray) -> tuple[int, DayArray]:
    """The first of the days and all from it to the last: each day's week is computed once."""
    first = int(days.min())
    return first, np.arange(first, int(days.max()) + 1)


def _age_bands(person_days: PersonDays) -> DayArray:
    ages = np.repeat(person_days.age, person_days.closed)
    starts = np.quantile(ages, np.linspace(0, 1, AGE_BANDS + 1), method="nearest")
    return np.unique(np.concatenate([[1], starts, [ages.max() + 1]])).astype(np.int64)


def _shares_won(won: FloatArray, closed: FloatArray, *, calendar: bool) -> FloatArray:
    # Half a win and half a loss: what has not come up yet is rare, not impossible.
    overall = (won.sum() + 0.5) / (closed.sum() + 1)
    if not calendar:
        return np.full(MONTHS, overall)
    return np.asarray((won + LEAN_ON_SHARE * overall) / (closed + LEAN_ON_SHARE))
