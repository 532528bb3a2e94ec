"""From the closing process and what tells opportunities apart to P(won), P(lost) and P(open)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from dealcast.modeling.boosting import BoostedWinning
from dealcast.modeling.effects import GroupEffects
from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.history import FloatArray, History, Traits
from dealcast.modeling.never_close import Mixture, NeverClose, log_odds, logistic
from dealcast.modeling.recalibration import UNCHANGED, Recalibration
from dealcast.snapshots import DayArray

# Opportunities whose daily chances are held in memory at a time.
BLOCK = 20_000


class Incidence(NamedTuple):
    """P(won) and P(lost) within each horizon: one row per opportunity, one column per horizon."""

    won: FloatArray
    lost: FloatArray


@dataclass(frozen=True, eq=False)
class CompetingRisks:
    """A fitted closing process, with who never closes and, where they help, effects of entities.

    `speed` shifts the log of the daily hazard of closing, `winning` and `boosted` the log-odds of
    being won when closing. What is left out is None or empty.
    """

    table: ClosingTable
    never_close: NeverClose | None = None
    speed: tuple[GroupEffects, ...] = ()
    winning: tuple[GroupEffects, ...] = ()
    recalibration: Recalibration = UNCHANGED
    boosted: BoostedWinning | None = None

    def incidence(self, traits: Traits, days: DayArray, horizons: Sequence[int]) -> Incidence:
        """P(won) and P(lost) within (s, s + H], open at the end of s (`days`, one per element).

        Daily chances add up to the cumulative incidence (Aalen and Johansen 1978), so
        probabilities grow with the horizon and P(won) + P(lost) + P(open) = 1.
        """
        last = np.asarray(horizons) - 1
        parts = [
            tuple(p.cumsum(axis=1)[:, last][row] for p in daily)
            for daily, row in self._blocks(traits, days, max(horizons))
        ]
        if not parts:
            return Incidence(*(np.zeros((0, len(horizons))),) * 2)
        # Rounding must not lead out of [0, 1].
        return Incidence(*(np.minimum(np.concatenate(p), 1.0) for p in zip(*parts, strict=True)))

    def daily(self, traits: Traits, days: DayArray, longest: int) -> Incidence:
        """Chance to be won, and lost, on each of the next days (column 0: tomorrow)."""
        parts = [tuple(p[row] for p in daily) for daily, row in self._blocks(traits, days, longest)]
        if not parts:
            return Incidence(*(np.zeros((0, longest)),) * 2)
        return Incidence(*(np.concatenate(p) for p in zip(*parts, strict=True)))

    def updated(self, history: History) -> "CompetingRisks":
        """The same process, with who never closes learnt from what is known by now."""
        if self.never_close is None:
            return self
        seen = history.at_risk
        levels = [level.of for level in self.never_close.levels]
        mixture = Mixture(seen, self.never_close.prior_groups, levels)
        mixture.fit(self.table, self.log_speed(seen.traits))
        return replace(self, never_close=mixture.result())

    def log_speed(self, traits: Traits) -> FloatArray:
        """Log of how many times the usual hazard each one closes with."""
        return _summed(self.speed, traits)

    def log_winning(self, traits: Traits) -> FloatArray:
        """What the effects of single entities add to the log-odds of winning."""
        return _summed(self.winning, traits)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives back what predicts the same."""
        return {
            "table": self.table.to_dict(),
            "never_close": self.never_close.to_dict() if self.never_close else None,
            "speed": [effects.to_dict() for effects in self.speed],
            "winning": [effects.to_dict() for effects in self.winning],
            "recalibration": self.recalibration.to_dict(),
            "boosted": self.boosted.to_dict() if self.boosted else None,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CompetingRisks":
        """What `to_dict` wrote."""
        never, boosted = content["never_close"], content["boosted"]
        return cls(
            table=ClosingTable.from_dict(content["table"]),
            never_close=NeverClose.from_dict(never) if never else None,
            speed=tuple(GroupEffects.from_dict(x) for x in content["speed"]),
            winning=tuple(GroupEffects.from_dict(x) for x in content["winning"]),
            recalibration=Recalibration(**content["recalibration"]),
            boosted=BoostedWinning.from_dict(boosted) if boosted else None,
        )

    def _blocks(
        self, traits: Traits, days: DayArray, longest: int
    ) -> Iterator[tuple[Incidence, DayArray]]:
        """Daily chances of the distinct ones of each block, and the row of each in them."""
        factors = pl.DataFrame(
            {
                "day": days,
                "engaged": traits.engaged,
                "log_speed": self.log_speed(traits),
                "never": self._never(traits, days),
                **self._winning(traits),
            }
        )
        for part in factors.iter_slices(BLOCK):
            # Those alike in all of it share their chances, so each kind is computed once.
            code = part.select(pl.struct(pl.all()).rank("dense") - 1).to_series().to_numpy()
            _, first = np.unique(code, return_index=True)
            yield self._daily(part[first], longest), code

    def _winning(self, traits: Traits) -> dict[str, FloatArray]:
        """Shift of the log-odds of winning: one column, or one per month of the quarter."""
        winning = self.log_winning(traits)
        if self.boosted is None:
            return {"winning": winning}
        shifts = self.boosted.shifts(traits)
        return {f"winning_{m}": winning + shifts[:, m] for m in range(shifts.shape[1])}

    def _never(self, traits: Traits, days: DayArray) -> FloatArray:
        """Chance that each, open at the end of its day, never closes."""
        if self.never_close is None:
            return np.zeros(len(traits))
        (usual,) = self.table.cumulative(traits.engaged, days)
        by_now = np.exp(self.log_speed(traits)) * usual
        return logistic(self.never_close.log_odds(traits) + by_now)

    def _daily(self, kinds: pl.DataFrame, longest: int) -> Incidence:
        today, engaged, speed, never, *by_month = (
            column.to_numpy()[:, None] for column in kinds.get_columns()
        )
        day = today + np.arange(1, longest + 1)
        hazard = 1 - (1 - self.table.closing_hazard(day - engaged, day)) ** np.exp(speed)
        closed = (1 - never) * (1 - np.cumprod(1 - hazard, axis=1))
        # Rounding must not make a chance negative.
        closing = np.diff(self.recalibration.closed(closed), axis=1, prepend=0.0).clip(min=0.0)
        winning = by_month[0]
        if self.boosted is not None:
            winning = np.take_along_axis(np.hstack(by_month), self.table.month(day), axis=1)
        share = logistic(log_odds(self.table.share_won(day)) + winning + self.recalibration.winning)
        return Incidence(closing * share, closing * (1 - share))


def _summed(effects: Sequence[GroupEffects], traits: Traits) -> FloatArray:
    total = np.zeros(len(traits))
    for of_one in effects:
        total += of_one.values(traits)
    return total
