"""How opportunities go on from a day: the chance to have closed, and to be won, by any day ahead.

The share won of what closes is the same on all days of a month of the quarter. So chances up to a
day follow from those to have closed by the ends of months, and the days between need no look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.never_close import logistic
from dealcast.modeling.recalibration import Recalibration
from dealcast.modeling.traits import FloatArray, combined, distinct, first_of_each
from dealcast.snapshots import DayArray


class Incidence(NamedTuple):
    """P(won) and P(lost) within each horizon: one row per opportunity, one column per horizon."""

    won: FloatArray
    lost: FloatArray


@dataclass(frozen=True, eq=False)
class Course:
    """Opportunities (rows) open at the end of `days` (day numbers), engaged on `engaged`.

    `never`: chance to never close. `speed`: how many times the usual hazard; None: the usual one.
    `winning`: log-odds of being won when closing in month 1, 2 and 3 of the quarter (columns).
    """

    table: ClosingTable
    days: DayArray
    engaged: DayArray
    never: FloatArray
    speed: FloatArray | None
    winning: FloatArray
    longest: int
    recalibration: Recalibration
    # Those engaged on one day and looked at on one differ in speed only: each such pair (row) once.
    # -ln of the chance to be open still so many days ahead (column), of those that will close.
    _cumulative: FloatArray
    _pair: DayArray
    _pair_days: DayArray

    @classmethod
    def of(  # noqa: PLR0913 - what a course depends on
        cls,
        table: ClosingTable,
        days: DayArray,
        engaged: DayArray,
        *,
        never: FloatArray,
        speed: FloatArray | None,
        winning: FloatArray,
        longest: int,
        recalibration: Recalibration,
    ) -> "Course":
        """The courses for so many days ahead."""
        pair = combined([days, engaged])
        first = first_of_each(pair)
        pair_days = days[first]
        ahead = pair_days[:, None] + np.arange(1, longest + 1)
        cumulative: FloatArray = np.zeros((len(first), longest + 1))
        if len(first):
            hazard = table.closing_hazard(ahead - engaged[first, None], ahead)
            np.cumsum(-np.log1p(-hazard), axis=1, out=cumulative[:, 1:])
        return cls(
            table,
            days,
            engaged,
            never,
            speed,
            winning,
            longest,
            recalibration,
            cumulative,
            pair,
            pair_days,
        )

    def closed(self, ahead: int) -> FloatArray:
        """Chance of each to have closed within so many days."""
        return self.recalibration.closed(self._closed(self._cumulative[:, ahead]))

    @cached_property
    def ever_closed(self) -> FloatArray:
        """Chance of each to have closed within the longest time looked ahead."""
        return self.closed(self.longest)

    def incidence(self, horizons: Sequence[int]) -> Incidence:
        """P(won) and P(lost) within each of the horizons (days)."""
        return self.incidences(horizons, [self.recalibration])[0]

    def incidences(
        self, horizons: Sequence[int], recalibrations: Sequence[Recalibration]
    ) -> tuple[Incidence, ...]:
        """The same by each of these recalibrations in place of its own."""
        if not len(self.days):
            nobody = np.zeros((0, len(horizons)))
            return (Incidence(nobody, nobody),) * len(recalibrations)
        of_day, place = distinct(self._pair_days)
        legs = [self._legs(day, horizons) for day in of_day.tolist()]
        until, month = (_of_one_length(each) for each in zip(*legs, strict=True))
        at = np.stack([(until <= h).sum(axis=1) - 1 for h in horizons])
        # A row per leg or horizon: numpy is quick along rows that are long.
        closed = self._closed(np.take_along_axis(self._cumulative, until[place], axis=1).T)
        day = place[self._pair]
        found = []
        for recalibration in recalibrations:
            closing = _increments(recalibration.closed(closed))
            share = _rows_at(logistic(self.winning.T + recalibration.winning), month.T, day)
            won = closing * share
            ended = (
                np.minimum(_rows_at(np.cumsum(part, axis=0), at, day), 1.0).T
                for part in (won, closing - won)
            )
            found.append(Incidence(*ended))
        return tuple(found)

    def daily(self) -> Incidence:
        """Chance to be won, and lost, on each of the next days (column 0: tomorrow)."""
        if not len(self.days):
            return Incidence(*(np.zeros((0, self.longest)),) * 2)
        ahead = self.days[:, None] + np.arange(1, self.longest + 1)
        cumulative = self._cumulative[self._pair, 1:]
        closed = self.recalibration.closed(self._ever(cumulative, (slice(None), None)))
        closing = np.diff(closed, axis=1, prepend=0.0).clip(min=0.0)
        won = logistic(self.winning + self.recalibration.winning)
        share = np.take_along_axis(won, self.table.month(ahead), axis=1)
        return Incidence(closing * share, closing * (1 - share))

    def days_until(self, *shares: float) -> DayArray:
        """Days until the chance to have closed is that share (0-1) of what it comes to.

        One row per share, one column per opportunity.
        """
        wanted = np.array(shares)[:, None] * self.ever_closed
        # Turned back into what the closing process must come to, which is the same for a pair but
        # for its speed.
        with np.errstate(divide="ignore", invalid="ignore"):
            due = -np.log(1 - self.recalibration.before(wanted) / (1 - self.never))
        if self.speed is not None:
            due /= self.speed
        reached = np.empty(wanted.shape, dtype=np.int64)
        in_order = np.argsort(self._pair, kind="stable")
        ends = np.searchsorted(self._pair[in_order], np.arange(1, len(self._pair_days)))
        for cumulative, of_pair in zip(self._cumulative, np.split(in_order, ends), strict=False):
            reached[:, of_pair] = np.searchsorted(cumulative[1:-1], due[:, of_pair]) + 1
        return reached

    def _closed(self, cumulative: FloatArray) -> FloatArray:
        """Chance to have closed before recalibration; `cumulative`: in its last axis the pairs."""
        return self._ever(cumulative.take(self._pair, axis=-1), slice(None))

    def _ever(self, cumulative: FloatArray, each: Any) -> FloatArray:
        """The same of opportunities; `each`: how they lie in it, which is overwritten."""
        if self.speed is not None:
            cumulative *= self.speed[each]
        still_open = np.exp(np.negative(cumulative, out=cumulative), out=cumulative)
        ever = np.subtract(1, still_open, out=still_open)
        ever *= 1 - self.never[each]
        return ever

    def _legs(self, day: int, horizons: Sequence[int]) -> tuple[DayArray, DayArray]:
        """Days ahead that end a month or a horizon, and the month of the quarter of each."""
        month = self.table.month(day + np.arange(1, max(horizons) + 1))
        if self._is_month_alike:
            # So that those of one age are tied, whatever the day.
            month = np.zeros_like(month)
        ends = np.flatnonzero(np.diff(month)) + 1
        until = np.unique(np.concatenate([ends, np.asarray(horizons)]))
        return until, month[until - 1]

    @cached_property
    def _is_month_alike(self) -> bool:
        return bool((self.winning == self.winning[:, :1]).all())


def _of_one_length(rows: Sequence[DayArray]) -> DayArray:
    """The rows as a table: shorter ones go on with their last number, as legs of no length."""
    if len(rows) == 1:
        return rows[0][None]
    most = max(map(len, rows))
    return np.array([np.pad(row, (0, most - len(row)), mode="edge") for row in rows])


def _increments(closed: FloatArray) -> FloatArray:
    """What is added from one row to the next. Rounding must not make a chance negative."""
    added = closed.copy()
    added[1:] -= closed[:-1]
    return np.maximum(added, 0.0, out=added)


def _rows_at(table: FloatArray, at: DayArray, day: DayArray) -> FloatArray:
    """For each column of the table the cells of these rows: `at` has a column per day."""
    if at.shape[1] == 1:
        return table[at[:, 0]]
    return np.take_along_axis(table, at[:, day], axis=0)
