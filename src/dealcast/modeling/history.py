"""What was known of the opportunities by a day: who was open when, and how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.errors import ModelError
from dealcast.snapshots import DayArray, day_number

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

# What tells groups of opportunities apart, besides the cohort.
ENTITIES = ("sales_agent", "product", "account")
COHORT = "cohort"
COHORT_DAYS = 14
_SEPARATOR = "\x1f"


class Counts(NamedTuple):
    """Person-days at risk, wins and losses (counts): arrays of one shape."""

    at_risk: FloatArray
    won: DayArray
    lost: DayArray


@dataclass(frozen=True, eq=False)
class Traits:
    """What has been known of opportunities since they were engaged, one element each.

    `engaged`: day numbers. `names`: who sells, what, to whom (String; null: not known); an
    entity may be missing altogether.
    """

    engaged: DayArray
    names: Mapping[str, pl.Series] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.engaged)

    def group(self, of: Sequence[str]) -> pl.Series:
        """The name of each one's group; null where a part of it is not known.

        >>> traits = Traits(np.array([17_000]), {"sales_agent": pl.Series(["Ann"])})
        >>> traits.group(["sales_agent"]).to_list(), traits.group(["product"]).to_list()
        (['Ann'], [None])
        """
        parts = [self._part(name) for name in of]
        if len(parts) == 1:
            return parts[0]
        return pl.select(pl.concat_str(*parts, separator=_SEPARATOR)).to_series()

    def take(self, rows: BoolArray | DayArray) -> "Traits":
        """Those at these positions, or where this mask is true."""
        at = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return Traits(self.engaged[at], {n: s.gather(at) for n, s in self.names.items()})

    def _part(self, name: str) -> pl.Series:
        if name == COHORT:
            return pl.Series(self.engaged // COHORT_DAYS).cast(pl.String)
        if name in self.names:
            return self.names[name]
        return pl.repeat(None, len(self), dtype=pl.String, eager=True)


def traits_of(rows: pl.DataFrame) -> Traits:
    """The traits of rows with an engage date and names of entities."""
    names = [name for name in ENTITIES if name in rows.columns]
    return Traits(day_number(rows["engage_date"].to_numpy()), {name: rows[name] for name in names})


@dataclass(frozen=True, eq=False)
class PersonDays:
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
class History:
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


def known_by(opportunities: pl.DataFrame, until: date) -> History:
    """The history as it stood at the end of a day. Reads stage, dates and names only.

    In the order of the ids, so that the same export in another order gives the same to the bit.
    Raises ModelError where nothing had closed by then.
    """
    closed = pl.col("close_date") <= until
    names = [name for name in ENTITIES if name in opportunities.columns]
    known = (
        opportunities.sort("opportunity_id")
        .filter(pl.col("engage_date") <= until)
        .select(
            *names,
            engaged=pl.col("engage_date").to_physical().cast(pl.Int64),
            closed=pl.when(closed).then(pl.col("close_date").to_physical().cast(pl.Int64)),
            won=(closed & (pl.col("deal_stage") == "Won")).fill_null(value=False),
        )
    )
    if known["closed"].count() == 0:
        raise _nothing_closed(until)
    return History(
        known_until=until,
        traits=Traits(known["engaged"].to_numpy(), {n: known[n] for n in names}),
        closed=known["closed"].fill_null(day_number(until) + 1).to_numpy(),
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
    seen = history.at_risk
    if not seen.is_closed.any():
        raise _nothing_closed(history.known_until)
    start = np.maximum(seen.engaged + 1, first) - first
    stop = np.minimum(seen.closed, last) - first
    days = last - first + 1
    cohorts, cohort = np.unique(seen.engaged, return_inverse=True)
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
