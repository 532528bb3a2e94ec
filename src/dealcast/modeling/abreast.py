"""Mixtures that learn abreast: each step is taken for all of them at once.

A step works on some thousand numbers, so that calling NumPy takes longer than the numbers. The
numbers of all mixtures therefore stand in one array, one mixture after another, and their groups
are counted on: each learns as it would alone. Chances are kept as odds, which a change of log-odds
multiplies: then exp is taken of groups, not of opportunities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dealcast.modeling.alike import Alike
from dealcast.modeling.effects import newton_step
from dealcast.modeling.traits import BoolArray, FloatArray
from dealcast.snapshots import DayArray

PRIOR_VARIANCE = 0.5
TOLERANCE = 1e-3
FARTHEST, LONGEST = 8.0, 700.0


class Sums(NamedTuple):
    """How to add up what is said of columns, by their code: one of so many `groups` (count)."""

    code: DayArray
    groups: int

    def of_each(self, numbers: FloatArray) -> FloatArray:
        """The sum of each code, 0 where there is none; along the last axis."""
        # Not np.add.reduceat, which takes much longer where most sums are of a number or two.
        rows = np.atleast_2d(numbers)
        sums = np.array([np.bincount(self.code, row, self.groups) for row in rows])
        return sums.astype(np.float64, copy=False).reshape(*numbers.shape[:-1], self.groups)


class Learnt(NamedTuple):
    """Log-odds of never closing as learnt so far: an intercept and, by level, what groups differ.

    The last of the `effects` is that of those of no known group, always 0.
    """

    intercept: float
    effects: tuple[FloatArray, ...]
    variances: tuple[float, ...]

    @classmethod
    def nothing(cls, alike: Alike) -> "Learnt":
        """What is known before anything is learnt: no differences."""
        effects = tuple(np.zeros(groups) for groups in alike.groups)
        return cls(0.0, effects, (PRIOR_VARIANCE,) * len(effects))

    def log_odds(self, alike: Alike) -> FloatArray:
        """Of each prior."""
        odds = np.full(len(alike.count), self.intercept)
        for effect, code in zip(self.effects, alike.codes, strict=True):
            odds += effect[code]
        return odds


class Task(NamedTuple):
    """One mixture to learn: its kinds, where it begins, and how far the closing process is.

    `before`: cumulative hazard when first seen, by prior; `by_now`: by kind that is still open.
    """

    alike: Alike
    prior_groups: float
    learnt: Learnt
    before: FloatArray
    by_now: FloatArray


def learn_abreast(tasks: Sequence[Task], *, steps: int) -> list[Learnt]:
    """What each has learnt when nothing moves any more, or after so many steps.

    All of them have as many levels.
    """
    if not tasks:
        return []
    abreast = _Abreast(tasks)
    for _ in range(steps):
        abreast.step()
        if not abreast.moving.any():
            break
    return abreast.learnt()


class _Abreast:
    """The mixtures while they learn, and which of them are still `moving`.

    Arrays hold what is said of priors, one mixture's after another's; `_owner`: the mixture of
    each. `_closing`: odds that one will close, as first seen. `_still_open`: chance of one that
    will close to be open by now, by kind that is still open (`_prior`: the prior of each).
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        kinds = [task.alike for task in tasks]
        self._tasks, priors = tasks, [len(alike.count) for alike in kinds]
        self._count, self._closed, self._open_count = (
            np.concatenate([getattr(alike, name) for alike in kinds])
            for name in ("count", "closed", "open_count")
        )
        self._prior = _counted_on([alike.open_prior for alike in kinds], priors)
        self._by_prior = Sums(self._prior, sum(priors))
        self._owner = np.repeat(np.arange(len(tasks)), priors)
        self._by_owner = Sums(self._owner, len(tasks))
        self._intercept = np.array([task.learnt.intercept for task in tasks])
        self._levels = [_Level.of(tasks, at) for at in range(len(kinds[0].codes))]
        odds = np.concatenate([t.learnt.log_odds(t.alike) + t.before for t in tasks])
        # No odds are so long that they could not be told.
        self._closing = np.exp(np.minimum(-odds, LONGEST))
        since = [t.by_now - t.before[t.alike.open_prior] for t in tasks]
        self._still_open = np.exp(-np.concatenate(since))
        self._told = np.empty((3, len(odds)))
        self.moving: BoolArray = np.ones(len(tasks), dtype=np.bool_)

    def step(self) -> None:
        """A step of each that still moves: expectation, then the intercept and level by level."""
        never = 1 / (1 + self._closing[self._prior] * self._still_open)
        unsure = never * (1 - never)
        found = self._by_prior.of_each(self._open_count * never)
        largest = self._move_intercept(found)
        for level in self._levels:
            moved = level.move(self._sums(level, found, unsure), self.moving)
            self._closing *= np.exp(-moved).take(level.code)
            largest = np.maximum(largest, np.abs(moved).max(axis=1))
        self.moving &= largest >= TOLERANCE

    def learnt(self) -> list[Learnt]:
        """What each has learnt by now."""
        return [
            Learnt(
                float(self._intercept[at]),
                tuple(level.effects_of(at) for level in self._levels),
                tuple(float(level.variance[at, 0]) for level in self._levels),
            )
            for at in range(len(self._tasks))
        ]

    def _move_intercept(self, found: FloatArray) -> FloatArray:
        """By how much each intercept moved (0 or more), given how many never close by prior."""
        expected = 1 / (1 + self._closing)
        self._told[0] = found - self._count * expected
        self._told[1] = self._count * expected * (1 - expected)
        slope, bend = self._by_owner.of_each(self._told[:2])
        # One half of an opportunity more of each kind keeps the intercept finite.
        own = 1 / (1 + np.exp(-self._intercept))
        change = (slope + 0.5 - own) / (bend + own * (1 - own))
        change = np.minimum(np.maximum(change, -1), 1) * self.moving
        intercept = np.minimum(np.maximum(self._intercept + change, -FARTHEST), FARTHEST)
        change, self._intercept = intercept - self._intercept, intercept
        self._closing *= np.exp(-change)[self._owner]
        moved: FloatArray = np.abs(change)
        return moved

    def _sums(self, level: "_Level", found: FloatArray, unsure: FloatArray) -> FloatArray:
        """Gradient and curvature of the log-likelihood, and the information really there.

        Sums by group of the level.
        """
        expected = 1 / (1 + self._closing)
        spread = expected * (1 - expected)
        surer = spread[self._prior]
        surer -= unsure
        np.maximum(surer, 0.0, out=surer)
        surer *= self._open_count
        told = self._told
        np.subtract(found, self._count * expected, out=told[0])
        np.multiply(self._count, spread, out=told[1])
        np.add(self._closed * spread, self._by_prior.of_each(surer), out=told[2])
        return level.sums.of_each(told)


@dataclass(eq=False)
class _Level:
    """One level of all mixtures: effects of the groups (columns) of each mixture (row).

    There is room for as many groups as the mixture with most of them has, and after them for those
    of no known group. `code`: the place of each prior, row after row.
    """

    code: DayArray
    sums: Sums
    effect: FloatArray
    variance: FloatArray
    _prior_groups: FloatArray
    _known: list[int]

    @classmethod
    def of(cls, tasks: Sequence[Task], at: int) -> "_Level":
        known = [len(task.learnt.effects[at]) - 1 for task in tasks]
        width = max(known) + 1
        effect = np.zeros((len(tasks), width))
        for row, task, count in zip(effect, tasks, known, strict=True):
            row[:count] = task.learnt.effects[at][:-1]
        codes = [
            np.where(task.alike.codes[at] == count, width - 1, task.alike.codes[at])
            for task, count in zip(tasks, known, strict=True)
        ]
        code = _counted_on(codes, [width] * len(tasks))
        return cls(
            code=code,
            sums=Sums(code, effect.size),
            effect=effect,
            variance=np.array([[task.learnt.variances[at]] for task in tasks]),
            _prior_groups=np.array([[task.prior_groups] for task in tasks]),
            _known=known,
        )

    def move(self, sums: FloatArray, moving: BoolArray) -> FloatArray:
        """The change of each group's effect; those of mixtures that do not move stand still."""
        change, variance = newton_step(
            self.effect,
            self.variance,
            sums.reshape(3, *self.effect.shape),
            prior_variance=PRIOR_VARIANCE,
            prior_groups=self._prior_groups,
        )
        if not moving.all():
            change *= moving[:, None]
            variance = np.where(moving[:, None], variance, self.variance)
        self.effect, self.variance = self.effect + change, variance
        return change

    def effects_of(self, at: int) -> FloatArray:
        return np.append(self.effect[at, : self._known[at]], 0.0)


def _counted_on(codes: Sequence[DayArray], counts: Sequence[int]) -> DayArray:
    """The codes one after another, each counted on from where those before it end."""
    begins = np.cumsum([0, *counts[:-1]])
    return np.concatenate([code + begin for code, begin in zip(codes, begins, strict=True)])
