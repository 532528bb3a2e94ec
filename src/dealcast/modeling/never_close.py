"""Who never closes: a mixture cure model (Boag 1949; Farewell 1982).

An opportunity either will close, by the closing process, or never does. The longer one stays open,
the more likely it is of the second kind. The log-odds of never closing, on the day of engaging,
are an intercept plus effects of the agent, of the cohort (engaged in the same fortnight) and of
the agent's own cohort, each drawn to zero by empirical Bayes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dealcast.modeling.alike import Alike
from dealcast.modeling.effects import GroupEffects, Level, converge
from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.history import History
from dealcast.modeling.traits import COHORT, FloatArray, Traits

LEVELS = (("sales_agent",), (COHORT,), ("sales_agent", COHORT))
PRIOR_VARIANCE = 0.5
# As many groups as are believed to have shown the prior variance. One: what the groups themselves
# show decides. A million: it stays as it is, so that what a company did so far does not rule out
# that its agents or a cohort do otherwise from now on.
LEARNT, FIXED = 1.0, 1e6
TOLERANCE, STEPS = 1e-3, 60
FARTHEST = 8.0


def levels_of(entities: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The levels that tell groups apart by these entities and the cohort alone.

    >>> levels_of(["product"])
    (('cohort',),)
    """
    return tuple(of for of in LEVELS if set(of) <= {COHORT, *entities})


@dataclass(frozen=True, eq=False)
class NeverClose:
    """Log-odds that an opportunity is one that never closes, as of the day it is engaged.

    `prior_groups`: how firmly the prior spread of the effects was believed.
    """

    intercept: float
    levels: tuple[GroupEffects, ...]
    prior_groups: float

    def log_odds(self, traits: Traits) -> FloatArray:
        """One per opportunity."""
        total = np.full(len(traits), self.intercept)
        for level in self.levels:
            total += level.values(traits)
        return total

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives the same back."""
        return vars(self) | {"levels": [x.to_dict() for x in self.levels]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "NeverClose":
        """What `to_dict` wrote."""
        levels = tuple(GroupEffects.from_dict(x) for x in content["levels"])
        return cls(content["intercept"], levels, content["prior_groups"])


def logistic(log_odds: FloatArray) -> FloatArray:
    """The chance (0-1) that belongs to log-odds."""
    chance: FloatArray = 1 / (1 + np.exp(-np.maximum(log_odds, -700.0)))
    return chance


def log_odds(chance: FloatArray) -> FloatArray:
    """The log-odds that belong to a chance strictly between 0 and 1."""
    odds: FloatArray = np.log(chance) - np.log1p(-chance)
    return odds


class Mixture:
    """The mixture while it is being learnt by expectation and maximisation (Dempster et al. 1977).

    Given the closing process, an open opportunity belongs to those that never close with log-odds
    (prior) + (cumulative hazard so far); a closed one does not. One that entered late was already
    likelier to when it entered, so its prior is shifted by the hazard before (delayed entry).
    """

    def __init__(
        self,
        history: History,
        prior_groups: float,
        levels: Sequence[Sequence[str]] = LEVELS,
        apart: Sequence[str] = (),
    ) -> None:
        """`apart`: names that the speeds given to `fit` depend on."""
        self._history = history
        self._prior_groups = prior_groups
        self.levels = [
            Level(of, history.traits, prior_variance=PRIOR_VARIANCE, prior_groups=prior_groups)
            for of in levels
        ]
        key = ("alike", tuple(map(tuple, levels)), tuple(apart))
        self._alike = history.once(key, lambda: Alike.of(history, levels, apart))
        self._intercept = 0.0

    def go_on_from(self, other: "Mixture") -> None:
        """Take over what another has learnt of the same groups."""
        self._intercept = other.result().intercept
        for level, learnt in zip(self.levels, other.levels, strict=True):
            level.effect, level.variance = learnt.effect, learnt.variance

    def fit(
        self, table: ClosingTable, log_speed: FloatArray | None = None, *, steps: int = STEPS
    ) -> FloatArray:
        """Learn until nothing moves, or so many steps; the chance of each that it never closes."""
        alike = self._alike
        before, by_now = self._reached(table, log_speed)
        converge(lambda: self._step(before, by_now), tolerance=TOLERANCE, at_most=steps)
        return alike.spread(logistic(self._odds()[alike.open_prior] + by_now))

    def result(self) -> NeverClose:
        """What was learnt."""
        levels = tuple(level.result() for level in self.levels)
        return NeverClose(self._intercept, levels, self._prior_groups)

    def _reached(
        self, table: ClosingTable, log_speed: FloatArray | None
    ) -> tuple[FloatArray, FloatArray]:
        """Cumulative hazard when first seen, by prior, and by now, by kind that is still open."""
        history, alike = self._history, self._alike
        cohorts, cohort = history.cohorts
        if not len(cohorts):
            return np.zeros(0), np.zeros(0)
        key = ("cells", table.ages.tobytes(), table.fiscal_year_start_month)
        cells = history.once(key, lambda: table.cells(cohorts, history.last_day))
        course = table.course(cells)
        seen_from = history.entered[alike.first] - cohorts[0]
        before = course[cohort[alike.first], seen_from]
        by_now = course[cohort[alike.open_first], -1]
        if log_speed is None:
            return before, by_now
        speed = np.exp(log_speed)
        return speed[alike.first] * before, speed[alike.open_first] * by_now

    def _odds(self) -> FloatArray:
        """Log-odds of never closing, by prior."""
        odds = np.full(len(self._alike.count), self._intercept)
        for level, code in zip(self.levels, self._alike.codes, strict=True):
            odds += level.effect[code]
        return odds

    def _step(self, before: FloatArray, by_now: FloatArray) -> float:
        alike, odds = self._alike, self._odds()
        count, prior = alike.open_count, alike.open_prior
        never = logistic(odds[prior] + by_now)
        unsure = never * (1 - never)
        never = alike.by_prior(count * never)
        shifted = odds + before
        expected = logistic(shifted)
        # One half of an opportunity more of each kind keeps the intercept finite.
        own = float(logistic(np.array([self._intercept]))[0])
        gradient = (never - alike.count * expected).sum() + 0.5 - own
        curvature = (alike.count * expected * (1 - expected)).sum() + own * (1 - own)
        former = self._intercept
        change = float(min(max(gradient / curvature, -1), 1))
        self._intercept = float(min(max(former + change, -FARTHEST), FARTHEST))
        largest = abs(self._intercept - former)
        shifted += self._intercept - former
        told = np.empty((3, len(odds)))
        for at, level in enumerate(self.levels):
            expected = logistic(shifted)
            spread = expected * (1 - expected)
            surer = count * np.maximum(spread[prior] - unsure, 0.0)
            # Gradient and curvature of the log-likelihood, and the information really there.
            np.subtract(never, alike.count * expected, out=told[0])
            np.multiply(alike.count, spread, out=told[1])
            np.add(alike.closed * spread, alike.by_prior(surer), out=told[2])
            moved = level.move(*alike.by_group(at, told))
            shifted += moved[alike.codes[at]]
            largest = max(largest, float(np.abs(moved).max(initial=0.0)))
        return largest
