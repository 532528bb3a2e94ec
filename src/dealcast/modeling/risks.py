"""From the closing process and what tells opportunities apart to P(won), P(lost) and P(open)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from dealcast.modeling.abreast import Task
from dealcast.modeling.boosting import BoostedWinning
from dealcast.modeling.courses import Course, Incidence
from dealcast.modeling.effects import GroupEffects
from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.history import History
from dealcast.modeling.mixture import Mixture, learn
from dealcast.modeling.never_close import NeverClose, log_odds, log_odds_by_day, logistic
from dealcast.modeling.recalibration import UNCHANGED, Recalibration
from dealcast.modeling.traits import ENTITIES, FloatArray, Traits, combined, first_of_each
from dealcast.snapshots import DayArray

# Opportunities whose daily chances are held in memory at a time.
BLOCK = 20_000


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

    @property
    def entities(self) -> frozenset[str]:
        """Columns of the CRM that tell groups of opportunities apart."""
        levels = self.never_close.levels if self.never_close else ()
        used = {n for effects in (*levels, *self.speed, *self.winning) for n in effects.of}
        return frozenset(ENTITIES) & used.union(self.boosted.names if self.boosted else ())

    def incidence(self, traits: Traits, days: DayArray, horizons: Sequence[int]) -> Incidence:
        """P(won) and P(lost) within (s, s + H], open at the end of s (`days`, one per element).

        Daily chances add up to the cumulative incidence (Aalen and Johansen 1978), so
        probabilities grow with the horizon and P(won) + P(lost) + P(open) = 1.
        """
        (incidence,) = self.incidences(traits, days, horizons, [self.recalibration])
        return incidence

    def incidences(
        self,
        traits: Traits,
        days: DayArray,
        horizons: Sequence[int],
        recalibrations: Sequence[Recalibration],
        never_close: Mapping[int, NeverClose] | None = None,
    ) -> tuple[Incidence, ...]:
        """The same by each of these recalibrations in place of the model's own.

        `never_close`: who never closes as known on each of the days, in place of the model's own.
        """
        kinds = self.told_apart(traits, days)
        blocks = [
            course.incidences(horizons, recalibrations)
            for course in self.courses(kinds, max(horizons), never_close)
        ]
        return tuple(_of_each(parts, kinds.place) for parts in zip(*blocks, strict=True))

    def daily(self, traits: Traits, days: DayArray, longest: int) -> Incidence:
        """Chance to be won, and lost, on each of the next days (column 0: tomorrow)."""
        of_kinds, place = self.daily_of_kinds(traits, days, longest)
        return Incidence(*(chances[place] for chances in of_kinds))

    def daily_of_kinds(
        self, traits: Traits, days: DayArray, longest: int
    ) -> tuple[Incidence, DayArray]:
        """The same, once for all that are alike, and the place of each of them there."""
        kinds = self.told_apart(traits, days)
        parts = [course.daily() for course in self.courses(kinds, longest)]
        return Incidence(*(np.concatenate(p) for p in zip(*parts, strict=True))), kinds.place

    def told_apart(self, traits: Traits, days: DayArray) -> "Kinds":
        """Those alike in all that the model knows of share their chances: one of each kind."""
        codes = (traits.groups([name]).code for name in sorted(self.entities))
        place = combined([days, traits.engaged, *codes])
        return Kinds.of(traits, days, place)

    def updated(self, history: History) -> "CompetingRisks":
        """The same process, with who never closes learnt from what is known by now."""
        (updated,) = updated_abreast([(self, history)])
        return updated

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

    def courses(
        self, kinds: "Kinds", longest: int, never_close: Mapping[int, NeverClose] | None = None
    ) -> Iterator[Course]:
        """How the kinds go on for so many days, so many kinds at a time; at least one course."""
        traits, days = kinds.traits, kinds.days
        speed = np.exp(self.log_speed(traits)) if self.speed else None
        never, winning = self._never(kinds, speed, never_close), self._share_won(traits)
        for start in range(0, max(len(days), 1), BLOCK):
            at = slice(start, start + BLOCK)
            yield Course.of(
                self.table,
                days[at],
                traits.engaged[at],
                never=never[at],
                speed=None if speed is None else speed[at],
                winning=winning[at],
                longest=longest,
                recalibration=self.recalibration,
            )

    def _share_won(self, traits: Traits) -> FloatArray:
        """Log-odds of being won when closing in month 1, 2 and 3 of the quarter (columns)."""
        odds = log_odds(self.table.won) + self.log_winning(traits)[:, None]
        return odds if self.boosted is None else odds + self.boosted.shifts(traits)

    def _never(
        self, kinds: "Kinds", speed: FloatArray | None, by_day: Mapping[int, NeverClose] | None
    ) -> FloatArray:
        """Chance that each, open at the end of its day, never closes."""
        traits, days = kinds.traits, kinds.days
        if self.never_close is None:
            return np.zeros(len(traits))
        (by_now,) = self.table.cumulative(traits.engaged, days)
        if speed is not None:
            by_now = speed * by_now
        if by_day is None:
            return logistic(self.never_close.log_odds(traits) + by_now)
        return logistic(log_odds_by_day(by_day, traits, days) + by_now)


def updated_abreast(
    models: Sequence[tuple[CompetingRisks, History]],
) -> list[CompetingRisks]:
    """Each with who never closes learnt anew from its history: all of them abreast."""
    mixtures: dict[int, Mixture] = {}
    tasks: list[Task] = []
    for at, (model, history) in enumerate(models):
        if model.never_close is None:
            continue
        seen = history.at_risk
        levels = [level.of for level in model.never_close.levels]
        pace = sorted({name for effects in model.speed for name in effects.of})
        mixtures[at] = Mixture(seen, model.never_close.prior_groups, levels, pace)
        log_speed = model.log_speed(seen.traits) if pace else None
        tasks.append(mixtures[at].task(model.table, log_speed))
    learn(list(mixtures.values()), tasks)
    return [
        replace(model, never_close=mixtures[at].result()) if at in mixtures else model
        for at, (model, _) in enumerate(models)
    ]


class Kinds(NamedTuple):
    """One opportunity of each kind on its day (day numbers).

    `place`: the kind of each opportunity.
    """

    traits: Traits
    days: DayArray
    place: DayArray

    @classmethod
    def of(cls, traits: Traits, days: DayArray, place: DayArray) -> "Kinds":
        """The kinds at these places; of each the first opportunity."""
        first = first_of_each(place)
        return cls(traits.take(first), days[first], place)


def _of_each(parts: Sequence[Incidence], place: DayArray) -> Incidence:
    return Incidence(*(np.concatenate(p)[place] for p in zip(*parts, strict=True)))


def _summed(effects: Sequence[GroupEffects], traits: Traits) -> FloatArray:
    total = np.zeros(len(traits))
    for of_one in effects:
        total += of_one.values(traits)
    return total
