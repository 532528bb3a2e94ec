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
import polars as pl

from dealcast.modeling.effects import GroupEffects, Level, converge
from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.history import COHORT, BoolArray, FloatArray, History, Traits
from dealcast.snapshots import DayArray

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
    chance: FloatArray = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
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
        self, history: History, prior_groups: float, levels: Sequence[Sequence[str]] = LEVELS
    ) -> None:
        self._history = history
        self._prior_groups = prior_groups
        self.levels = [
            Level(of, history.traits, prior_variance=PRIOR_VARIANCE, prior_groups=prior_groups)
            for of in levels
        ]
        self._intercept = 0.0

    def fit(
        self, table: ClosingTable, log_speed: FloatArray | None = None, *, steps: int = STEPS
    ) -> FloatArray:
        """Learn until nothing moves, or so many steps; the chance of each that it never closes."""
        history = self._history
        speed = 1.0 if log_speed is None else np.exp(log_speed)
        until = np.minimum(history.closed, history.last_day)
        reached = table.cumulative(history.engaged, history.entered, until)
        before, by_now = (speed * hazard for hazard in reached)
        still_open = ~history.is_closed
        rows = _alike([level.code for level in self.levels], before, by_now, still_open)
        converge(lambda: self._step(rows), tolerance=TOLERANCE, at_most=steps)
        odds = self._intercept + sum((x.values for x in self.levels), np.zeros(len(before)))
        return np.where(still_open, logistic(odds + by_now), 0.0)

    def result(self) -> NeverClose:
        """What was learnt."""
        levels = tuple(level.result() for level in self.levels)
        return NeverClose(self._intercept, levels, self._prior_groups)

    def _step(self, rows: "_Alike") -> float:
        odds = self._intercept + sum(
            (x.effect[code] for x, code in zip(self.levels, rows.codes, strict=True)),
            np.zeros(len(rows.count)),
        )
        never = np.where(rows.still_open, logistic(odds + rows.by_now), 0.0)
        unsure = never * (1 - never)
        shifted = odds + rows.before
        expected = logistic(shifted)
        # One half of an opportunity more of each kind keeps the intercept finite.
        own = float(logistic(np.array([self._intercept]))[0])
        gradient = (rows.count * (never - expected)).sum() + 0.5 - own
        curvature = (rows.count * expected * (1 - expected)).sum() + own * (1 - own)
        former = self._intercept
        change = float(np.clip(gradient / curvature, -1, 1))
        self._intercept = float(np.clip(former + change, -FARTHEST, FARTHEST))
        largest = abs(self._intercept - former)
        shifted = shifted + self._intercept - former
        for level, code in zip(self.levels, rows.codes, strict=True):
            expected = logistic(shifted)
            spread = expected * (1 - expected)
            moved = level.step(
                code,
                rows.count * (never - expected),
                rows.count * spread,
                rows.count * np.maximum(spread - unsure, 0.0),
            )
            shifted = shifted + moved
            largest = max(largest, float(np.abs(moved).max(initial=0.0)))
        return largest


@dataclass(frozen=True, eq=False)
class _Alike:
    """Opportunities that are alike in all that counts, and how many there are of each kind."""

    codes: list[DayArray]
    before: FloatArray
    by_now: FloatArray
    still_open: BoolArray
    count: FloatArray


def _alike(
    codes: list[DayArray], before: FloatArray, by_now: FloatArray, still_open: BoolArray
) -> _Alike:
    # How long a closed one was open does not matter: it was one of those that close.
    reached = np.where(still_open, by_now, 0.0)
    columns = {f"level_{i}": code for i, code in enumerate(codes)}
    kinds = (
        pl.DataFrame({**columns, "before": before, "by_now": reached, "still_open": still_open})
        .group_by(pl.all(), maintain_order=True)
        .len("count")
    )
    return _Alike(
        codes=[kinds[name].to_numpy() for name in columns],
        before=kinds["before"].to_numpy(),
        by_now=kinds["by_now"].to_numpy(),
        still_open=kinds["still_open"].to_numpy(),
        count=kinds["count"].cast(pl.Float64).to_numpy(),
    )
