"""What was known of the opportunities by a day: who was open when, and how it ended."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl

from dealcast.errors import ModelError
from dealcast.modeling.traits import ENTITIES, BoolArray, FloatArray, Traits
from dealcast.snapshots import DayArray, day_number

Made = TypeVar("Made")

# The day on which those that are still open close: after any other.
NEVER = 2**40


class Counts(NamedTuple):
    """Person-days at risk, wins and losses (counts): arrays of one shape."""

    at_risk: FloatArray
    won: DayArray
    lost: DayArray


class Once:
    """What keeps that which others make of it and of nothing else."""

    @cached_property
    def made(self) -> dict[Hashable, Any]:
        """What was made of this so far, by key."""
        return {}

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is made of this and the key: made once, however many ask for it."""
        if key not in self.made:
            self.made[key] = make()
        made: Made = self.made[key]
        return made


Keeper = TypeVar("Keeper", bound=Once)


def once_each(
    keepers: Sequence[Keeper], key: Hashable, make: Callable[[Sequence[Keeper]], Sequence[Made]]
) -> list[Made]:
    """The same of several of them: what is lacking is made at a time."""
    lacking = [keeper for keeper in keepers if key not in keeper.made]
    for keeper, made in zip(lacking, make(lacking), strict=True):
        keeper.made[key] = made
    return [keeper.made[key] for keeper in keepers]


@dataclass(frozen=True, eq=False)
class PersonDays(Once):
    """Person-days counted by age (days since engaging) and calendar day; open ones included.

    These are the daily snapshots of every opportunity, added up. One element per pair of age and
    day on which at least one opportunity was at risk of closing.
    """

    age: DayArray
    day: DayArray
    counts: Counts
    _cells: DayArray
    _start: DayArray
    _stop: DayArray
    _shape: tuple[int, int]

    @property
    def closed(self) -> DayArray:
        """Closes (counts), won or lost."""
        return self.counts.won + self.counts.lost

    @cached_property
    def oldest_closed_age(self) -> int:
        """The greatest age (days) at which an opportunity closed."""
        return int(self.age[self.closed > 0].max())

    def at_risk(self, weights: FloatArray) -> FloatArray:
        """The person-days at risk where each opportunity counts for its weight.

        `weights` has one element per opportunity of the history that was ever at risk.
        """
        return _at_risk(self._start, self._stop, self._shape, weights)[self._cells]


@dataclass(frozen=True, eq=False)
class History(Once):
    """Opportunities engaged by `known_until`, one element each; what came later is erased.

    Day numbers count from 1970-01-01. `closed` is the day after `known_until`, and `won` false,
    where the opportunity was still open.
    """

    known_until: date
    traits: Traits
    closed: DayArray
    won: BoolArray
    _first_close: int | None = None

    @property
    def engaged(self) -> DayArray:
        """Day numbers of engaging."""
        return self.traits.engaged

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
        return int(self.closed.min()) if self._first_close is None else self._first_close

    @property
    def entered(self) -> DayArray:
        """The day at whose end each was first seen open: that of engaging, or the first of all."""
        return np.maximum(self.engaged, self.first_close - 1)

    @cached_property
    def at_risk(self) -> "History":
        """Those that were open at the end of a day that is seen: the ones to learn from."""
        seen = np.minimum(self.closed, self.last_day) > self.entered
        return History(
            self.known_until,
            self.traits.take(seen),
            self.closed[seen],
            self.won[seen],
            # The first to close may have done so on its first day: never at risk, and yet seen.
            self.first_close,
        )

    @cached_property
    def person_days(self) -> PersonDays:
        """The person-days; counted once, however many estimators ask."""
        return count_person_days(self)

    @cached_property
    def cohorts(self) -> tuple[DayArray, DayArray]:
        """The engage days (day numbers), in order, and the place among them of each one's."""
        days, place = np.unique(self.engaged, return_inverse=True)
        return days, place


@dataclass(frozen=True, eq=False)
class Record:
    """All dated opportunities of an export, from which follows what was known by any day.

    In the order of the ids, so that the same export in another order gives the same to the bit.
    `closed`: the day number of the close, or `NEVER`.
    """

    traits: Traits
    closed: DayArray
    is_won: BoolArray

    @classmethod
    def of(cls, opportunities: pl.DataFrame) -> "Record":
        """The record of an export. Reads stage, dates and names only."""
        names = [name for name in ENTITIES if name in opportunities.columns]
        dated = (
            opportunities.lazy()
            .filter(pl.col("engage_date").is_not_null())
            .sort("opportunity_id")
            .select(
                *names,
                engaged=pl.col("engage_date").to_physical().cast(pl.Int64),
                closed=pl.col("close_date").to_physical().cast(pl.Int64).fill_null(NEVER),
                won=(pl.col("deal_stage") == "Won").fill_null(value=False),
            )
            .collect()
        )
        traits = Traits(dated["engaged"].to_numpy(), {n: dated[n] for n in names})
        return cls(traits, dated["closed"].to_numpy(), dated["won"].to_numpy())

    def known_by(self, until: date) -> History:
        """The history as it stood at the end of a day.

        Raises ModelError where nothing had closed by then.
        """
        day = day_number(until)
        known = self.traits.engaged <= day
        traits, closed, is_won = self.traits, self.closed, self.is_won
        if not known.all():
            traits, closed, is_won = traits.take(known), closed[known], is_won[known]
        is_closed = closed <= day
        if not is_closed.any():
            raise _nothing_closed(until)
        return History(until, traits, np.where(is_closed, closed, day + 1), is_won & is_closed)


def known_by(opportunities: pl.DataFrame, until: date) -> History:
    """The history as it stood at the end of a day; of many days, by a `Record`.

    Raises ModelError where nothing had closed by then.
    """
    return Record.of(opportunities).known_by(until)


def count_person_days(history: History) -> PersonDays:
    """Person-days at risk, won and lost by age and calendar day.

    An opportunity is at risk from the day after engaging until it closes. As no close before the
    first one is in the export, nobody is counted before it (delayed entry): those who were still
    open then stand for themselves only (Klein and Moeschberger 2003, section 4.6). Takes time in
    proportion to opportunities + engage days x calendar days: one difference array per engage day.
    Raises ModelError where none closed after the day it was engaged.
    """
    first, last = history.first_close, history.last_day
    seen = history.at_risk
    if not seen.is_closed.any():
        raise _nothing_closed(history.known_until)
    start = np.maximum(seen.engaged + 1, first) - first
    stop = np.minimum(seen.closed, last) - first
    days = last - first + 1
    cohorts, cohort = seen.cohorts
    shape = len(cohorts), days + 1
    start, after = cohort * (days + 1) + start, cohort * (days + 1) + stop + 1
    at_risk = _at_risk(start, after, shape, np.ones(len(start)))
    cell = np.flatnonzero(at_risk > 0)

    def events(which: BoolArray) -> DayArray:
        return np.bincount((after - 1)[which], minlength=at_risk.size)[cell]

    row, column = np.divmod(cell, days + 1)
    return PersonDays(
        age=first + column - cohorts[row],
        day=first + column,
        counts=Counts(at_risk[cell], events(seen.won), events(seen.is_closed & ~seen.won)),
        _cells=cell,
        _start=start,
        _stop=after,
        _shape=shape,
    )


def _at_risk(
    start: DayArray, stop: DayArray, shape: tuple[int, int], weights: FloatArray
) -> FloatArray:
    """Weight at risk by engage day (row) and day (column), flat; `start` and `stop` are cells."""
    size = shape[0] * shape[1]
    change = np.bincount(start, weights, size) - np.bincount(stop, weights, size)
    summed: FloatArray = change.reshape(shape).cumsum(axis=1).ravel()
    return summed


def _nothing_closed(until: date) -> ModelError:
    return ModelError(
        f"No opportunity had closed after its first day by {until}: there is nothing to learn.",
        remedy="give an export with closed opportunities, a later data.as_of where it is set, and "
        "check which stages the mapping counts as Won and Lost",
    )
