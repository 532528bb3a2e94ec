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
    _still_open: FloatArray
    _pair: DayArray

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
        # Those engaged on one day and looked at on one differ in speed only.
        pair = combined([days, engaged])
        first = first_of_each(pair)
        ahead = days[first, None] + np.arange(1, longest + 1)
        still_open: FloatArray = np.ones((len(first), longest + 1))
        if len(first):
            hazard = table.closing_hazard(ahead - engaged[first, None], ahead)
            np.cumprod(1 - hazard, axis=1, out=still_open[:, 1:])
        return cls(
            table, days, engaged, never, speed, winning, longest, recalibration, still_open, pair
        )

    def closed(self, ahead: int | DayArray) -> FloatArray:
        """Chance of each to have closed within so many days; one number for all, or for each."""
        return self.recalibration.closed(self._closed(ahead))

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
        of_day, place = distinct(self.days)
        legs = [self._legs(day, horizons) for day in of_day.tolist()]
        until, month = (_of_one_length(each)[place] for each in zip(*legs, strict=True))
        at = np.stack([(until <= h).sum(axis=1) - 1 for h in horizons], axis=1)
        closed = np.stack([self._closed(ahead) for ahead in until.T], axis=1)
        found = []
        for recalibration in recalibrations:
            # Rounding must not make a chance negative, nor lead out of [0, 1].
            closing = np.diff(recalibration.closed(closed), axis=1, prepend=0.0).clip(min=0.0)
            share = np.take_along_axis(logistic(self.winning + recalibration.winning), month, 1)
            sums = (np.cumsum(closing * part, axis=1) for part in (share, 1 - share))
            ended = (np.minimum(np.take_along_axis(x, at, axis=1), 1.0) for x in sums)
            found.append(Incidence(*ended))
        return tuple(found)

    def daily(self) -> Incidence:
        """Chance to be won, and lost, on each of the next days (column 0: tomorrow)."""
        if not len(self.days):
            return Incidence(*(np.zeros((0, self.longest)),) * 2)
        ahead = self.days[:, None] + np.arange(1, self.longest + 1)
        still_open = self._still_open[self._pair, 1:]
        closed = self.recalibration.closed(self._ever(still_open, (slice(None), None)))
        closing = np.diff(closed, axis=1, prepend=0.0).clip(min=0.0)
        won = logistic(self.winning + self.recalibration.winning)
        share = np.take_along_axis(won, self.table.month(ahead), axis=1)
        return Incidence(closing * share, closing * (1 - share))

    def days_until(self, *shares: float) -> DayArray:
        """Days until the chance to have closed is that share (0-1) of what it comes to.

        One row per share, one column per opportunity.
        """
        wanted = np.array(shares)[:, None] * self.closed(self.longest)
        below = np.zeros(wanted.shape, dtype=np.int64)
        reached = np.full(wanted.shape, self.longest)
        while (reached - below > 1).any():
            middle = (below + reached) // 2
            is_below = self.closed(middle) < wanted
            below = np.where(is_below, middle, below)
            reached = np.where(is_below, reached, middle)
        return reached

    def _closed(self, ahead: int | DayArray) -> FloatArray:
        """The same before recalibration."""
        return self._ever(self._still_open[self._pair, ahead], slice(None))

    def _ever(self, still_open: FloatArray, each: Any) -> FloatArray:
        if self.speed is not None:
            still_open = still_open ** self.speed[each]
        ever: FloatArray = (1 - self.never[each]) * (1 - still_open)
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
    most = max(map(len, rows))
    return np.array([np.pad(row, (0, most - len(row)), mode="edge") for row in rows])
