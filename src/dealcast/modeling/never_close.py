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

from dealcast.modeling.effects import GroupEffects
from dealcast.modeling.traits import COHORT, FloatArray, Traits
from dealcast.snapshots import DayArray

LEVELS = (("sales_agent",), (COHORT,), ("sales_agent", COHORT))
# As many groups as are believed to have shown the prior variance. One: what the groups themselves
# show decides. A million: it stays as it is, so that what a company did so far does not rule out
# that its agents or a cohort do otherwise from now on.
LEARNT, FIXED = 1.0, 1e6


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


def log_odds_by_day(known: Mapping[int, NeverClose], traits: Traits, days: DayArray) -> FloatArray:
    """One per opportunity, by what was known on its day (day numbers)."""
    odds = np.empty(len(days))
    for day in np.unique(days).tolist():
        at = np.flatnonzero(days == day)
        odds[at] = known[day].log_odds(traits.take(at))
    return odds


def logistic(log_odds: FloatArray) -> FloatArray:
    """The chance (0-1) that belongs to log-odds."""
    chance: FloatArray = 1 / (1 + np.exp(-np.maximum(log_odds, -700.0)))
    return chance


def log_odds(chance: FloatArray) -> FloatArray:
    """The log-odds that belong to a chance strictly between 0 and 1."""
    odds: FloatArray = np.log(chance) - np.log1p(-chance)
    return odds
