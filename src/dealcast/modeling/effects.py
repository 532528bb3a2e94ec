"""Differences between groups of opportunities, on a log scale, drawn to zero by empirical Bayes.

How far is learnt from the groups themselves: their variance is a fixed point of MacKay's evidence
update (1992) for a normal prior; groups of which little is known stay near zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dealcast.modeling.traits import FloatArray, Traits
from dealcast.snapshots import DayArray

SMALLEST_VARIANCE = 1e-4
LARGEST_STEP = 1.5


@dataclass(frozen=True, eq=False)
class GroupEffects:
    """One effect per group; 0 for a group that is not known. `of` says what tells groups apart."""

    of: tuple[str, ...]
    effects: Mapping[str, float]
    variance: float

    def values(self, traits: Traits) -> FloatArray:
        """The effect of each one's group."""
        if not self.effects:
            return np.zeros(len(traits))
        groups = traits.groups(self.of)
        effects = [self.effects.get(name, 0.0) for name in groups.names]
        return np.array([*effects, 0.0])[groups.code]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives the same effects back."""
        return {"of": list(self.of), "effects": dict(self.effects), "variance": self.variance}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "GroupEffects":
        """The effects that `to_dict` wrote."""
        return cls(tuple(content["of"]), dict(content["effects"]), content["variance"])


class Level:
    """Groups of one kind while their effects are being learnt."""

    def __init__(
        self,
        of: Sequence[str],
        traits: Traits,
        *,
        prior_variance: float,
        prior_groups: float = 0.0,
    ) -> None:
        groups = traits.groups(of)
        self.of = tuple(of)
        self.names, self.code = groups.names, groups.code
        # The last one, of those of no known group, always has effect 0.
        self.effect = np.zeros(len(self.names) + 1)
        self.variance = prior_variance
        self._prior_variance, self._prior_groups = prior_variance, prior_groups

    @property
    def values(self) -> FloatArray:
        """The effect of each opportunity's group."""
        return self.effect[self.code]

    def step(
        self, code: DayArray, gradient: FloatArray, curvature: FloatArray, known: FloatArray
    ) -> FloatArray:
        """One penalised Newton step; returns the change of each group's effect.

        `code`: the group of each row. `gradient` and `curvature` of the log-likelihood, and the
        information that is really there (`known`), are those of the rows.
        """
        sums = [np.bincount(code, n, len(self.effect)) for n in (gradient, curvature, known)]
        change, variance = newton_step(
            self.effect,
            self.variance,
            np.array(sums, dtype=np.float64),
            prior_variance=self._prior_variance,
            prior_groups=self._prior_groups,
        )
        self.effect, self.variance = self.effect + change, float(variance[0])
        return change

    def centre(self, weights: FloatArray) -> None:
        """Make the weighted mean over those of known groups 0: an unknown group is as they are."""
        weight = np.bincount(self.code, weights, len(self.effect))[:-1]
        if weight.any():
            self.effect[:-1] -= (self.effect[:-1] * weight).sum() / weight.sum()

    def result(self) -> GroupEffects:
        """What was learnt."""
        effects = dict(zip(self.names, self.effect[:-1].tolist(), strict=True))
        return GroupEffects(self.of, effects, self.variance)


def newton_step(
    effect: FloatArray,
    variance: FloatArray | float,
    sums: FloatArray,
    *,
    prior_variance: float,
    prior_groups: FloatArray | float,
) -> tuple[FloatArray, FloatArray]:
    """One penalised Newton step: the change of each group's effect, and the variance after it.

    `sums` by group: gradient and curvature of the log-likelihood, and the information that is
    really there. Groups are along the last axis, and in its last place those of no known group,
    which do not move; along others may be what is learnt side by side.
    """
    slope, bend, shown = sums
    penalty = 1 / variance
    change = (slope - effect * penalty) / (bend + penalty)
    np.minimum(np.maximum(change, -LARGEST_STEP, out=change), LARGEST_STEP, out=change)
    change[..., -1] = 0.0
    effective = (shown / (shown + penalty))[..., :-1].sum(axis=-1, keepdims=True) + prior_groups
    squares = ((effect + change) ** 2).sum(axis=-1, keepdims=True)
    spread = (squares + prior_groups * prior_variance) / np.maximum(effective, 1e-9)
    return change, np.maximum(spread, SMALLEST_VARIANCE)


def converge(step: Callable[[], float], *, tolerance: float, at_most: int) -> None:
    """Repeat a step until its largest change is small, or often enough."""
    for _ in range(at_most):
        if step() < tolerance:
            return
