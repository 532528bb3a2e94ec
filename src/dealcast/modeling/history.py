"""What was known of the opportunities by a day: who was open when, and how it ended."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.errors import ModelError
from dealcast.snapshots import DayArray, day_number, month_of_quarter

BoolArray = npt.NDArray[np.bool_]


class Counts(NamedTuple):
    """Person-days at risk, wins and losses (counts): arrays of one shape."""

    at_risk: DayArray
    won: DayArray
    lost: DayArray


@dataclass(frozen=True, eq=False)
class PersonDays:
    """Person-days counted by age (days since engaging) and calendar day; open ones included.

    These are the daily snapshots of every opportunity, added up. One element per pair of age and
    day on which at least one opportunity was at risk of closing.
    """

    age: DayArray
    day: DayArray
    counts: Counts

    @cached_property
    def oldest_closed_age(self) -> int:
        """The greatest age (days) at which an opportunity closed."""
        return int(self.age[self.counts.won + self.counts.lost > 0].max())

    def by_age_and_month(self, *, fiscal_year_start_month: int) -> Counts:
        """Sums by age (row: days) and month of the fiscal quarter (column).

        The last row holds every age beyond the oldest that closed.
        """
        rows = self.oldest_closed_age + 2
        month = month_of_quarter(self.day, fiscal_year_start_month=fiscal_year_start_month)
        at = np.minimum(self.age, rows - 1) * 3 + month - 1
        return Counts(
            *(
                np.bincount(at, weights=n, minlength=rows * 3).astype(np.int64).reshape(rows, 3)
                for n in self.counts
            )
        )


@dataclass(frozen=True, eq=False)
class History:
    """Opportunities engaged by `known_until`, one element each; what came later is erased.

    Day numbers count from 1970-01-01. `closed` is the day after `known_until`, and `won` false,
    where the opportunity was still open.
    """

    known_until: date
    engaged: DayArray
    closed: DayArray
    won: BoolArray

    @property
    def last_day(self) -> int:
        """Day number of `known_until`."""
        return day_number(self.known_until)

    @property
    def is_closed(self) -> BoolArray:
        """Whether it had closed by then."""
        return self.closed <= self.last_day

    @cached_property
    def first_close(self) -> int:
        """Day number of the first close: who closed before it is not in the export."""
        return int(self.closed.min())

    @cached_property
    def person_days(self) -> PersonDays:
        """The person-days; counted once, however many estimators ask."""
        return count_person_days(self)


def known_by(opportunities: pl.DataFrame, until: date) -> History:
    """The history as it stood at the end of a day. Reads stage, engage and close date only.

    Raises ModelError where nothing had closed by then.
    """
    closed = pl.col("close_date") <= until
    known = opportunities.filter(pl.col("engage_date") <= until).select(
        pl.col("engage_date").to_physical().cast(pl.Int64),
        pl.when(closed).then(pl.col("close_date").to_physical().cast(pl.Int64)),
        won=(closed & (pl.col("deal_stage") == "Won")).fill_null(value=False),
    )
    if known["close_date"].count() == 0:
        raise _nothing_closed(until)
    return History(
        known_until=until,
        engaged=known["engage_date"].to_numpy(),
        closed=known["close_date"].fill_null(day_number(until) + 1).to_numpy(),
        won=known["won"].to_numpy(),
    )


def count_person_days(history: History) -> PersonDays:
    """Person-days at risk, won and lost by age and calendar day.

    An opportunity is at risk from the day after engaging until it closes. As no close before the
    first one is in the export, nobody is counted before it (delayed entry): those who were still
    open then stand for themselves only (Klein and Moeschberger 2003, section 4.6). Takes time in
    proportion to opportunities + engage days x calendar days: one difference array per engage day.
    Raises ModelError where none closed after the day it was engaged.
    """
    first, last = history.first_close, history.last_day
    start = np.maximum(history.engaged + 1, first)
    stop = np.minimum(history.closed, last)
    seen = stop >= start
    start, stop = start[seen] - first, stop[seen] - first
    ended, won = history.is_closed[seen], history.won[seen]
    if not ended.any():
        raise _nothing_closed(history.known_until)
    days = last - first + 1
    cohorts, cohort = np.unique(history.engaged[seen], return_inverse=True)

    change = np.bincount(cohort * (days + 1) + start, minlength=len(cohorts) * (days + 1))
    np.subtract.at(change, cohort * (days + 1) + stop + 1, 1)
    at_risk = change.reshape(len(cohorts), days + 1).cumsum(axis=1)[:, :-1].ravel()
    cell = np.flatnonzero(at_risk)

    def events(which: BoolArray) -> DayArray:
        at = (cohort * days + stop)[which]
        return np.bincount(at, minlength=len(cohorts) * days)[cell]

    day = first + cell % days
    return PersonDays(
        age=day - cohorts[cell // days],
        day=day,
        counts=Counts(at_risk[cell], events(ended & won), events(ended & ~won)),
    )


def _nothing_closed(until: date) -> ModelError:
    return ModelError(
        f"No opportunity had closed after its first day by {until}: there is nothing to learn.",
        remedy="give an export with closed opportunities, and check which stages the mapping "
        "counts as Won and Lost",
    )
