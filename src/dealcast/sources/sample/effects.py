"""Differences between agents, accounts and products that leave the base rates where they were.

However strong the effects, the average over all entities stays put: chances through an intercept
per base rate, closing times through a time scale that undoes the average of the speeds.
"""

from collections.abc import Mapping
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BISECTIONS = 50
_LOG_ODDS_BOUND = 40.0


class Spread(NamedTuple):
    """How much entities differ at signal 1: sd of the log odds of winning and of the log speed."""

    winning: float
    speed: float


SPREADS = {
    "agent": Spread(winning=0.45, speed=0.35),
    "account": Spread(winning=0.35, speed=0.15),
    "product": Spread(winning=0.35, speed=0.35),
}


def logistic(log_odds: Floats) -> Floats:
    """The chance (share 0-1) that belongs to log odds."""
    chance: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return chance


def log_odds(chance: Floats) -> Floats:
    """The log odds that belong to a chance (share 0-1, both ends excluded)."""
    odds: Floats = np.log(chance) - np.log1p(-chance)
    return odds


def standard_effects(
    rng: np.random.Generator, weights: Floats, *, unlike: Floats | None = None
) -> Floats:
    """One random effect per entity: weighted mean 0, weighted variance 1.

    Where `unlike` (other such effects) is given, the two are uncorrelated under the weights.
    """
    effects = rng.normal(size=len(weights))
    effects -= _average(effects, weights)
    if unlike is not None:
        effects -= _average(effects * unlike, weights) * unlike
    standard: Floats = effects / np.sqrt(_average(effects**2, weights))
    return standard


def entity_effects(
    rng: np.random.Generator, shares: Mapping[str, Floats], signal: float
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Effects of each entity on the log odds of winning and on the log speed of closing."""
    winning = {kind: standard_effects(rng, share) for kind, share in shares.items()}
    # Uncorrelated, else the quick ones would be the good ones and old opportunities the bad ones.
    speed = {
        kind: standard_effects(rng, share, unlike=winning[kind]) for kind, share in shares.items()
    }
    return (
        {kind: signal * SPREADS[kind].winning * effect for kind, effect in winning.items()},
        {kind: signal * SPREADS[kind].speed * effect for kind, effect in speed.items()},
    )


def mixture(effects: Mapping[str, Floats], shares: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """The sum of effects of every combination of entities, and the share of each combination."""
    sums: Floats = reduce(np.add.outer, [effects[kind] for kind in shares]).ravel()
    together: Floats = reduce(np.multiply.outer, shares.values()).ravel()
    return sums, together


def intercepts(base_rates: Floats, effects: Floats, shares: Floats) -> Floats:
    """Log odds per base rate with which the average chance over all entities is that base rate.

    `shares` weigh the entities, one row per base rate or the same for all; any scale will do.

    >>> half = np.array([0.5, 0.5])
    >>> intercepts(np.array([0.8]), np.array([-1.0, 1.0]), half).round(3).tolist()
    [1.682]
    """
    weights = shares / shares.sum(axis=-1, keepdims=True)
    low = np.full(len(base_rates), -_LOG_ODDS_BOUND)
    high = -low
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        too_low = _average(logistic(middle[:, None] + effects), weights) < base_rates
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    found: Floats = (low + high) / 2
    return found


def mixed_hazard(cumulative: Floats, log_speeds: Floats, shares: Floats) -> Floats:
    """Cumulative hazard at speed 1 with which all entities together close as `cumulative` says.

    Opportunities of speed r are still open with chance exp(-r H); the mean of that over the
    entities is to be exp(-cumulative). So H is the inverse of the Laplace transform of the speeds.
    """
    times, speeds = np.geomspace(1e-6, 1e7, 200), np.exp(log_speeds)
    still_open = np.array([_average(np.exp(-time * speeds), shares) for time in times])
    reached = -np.log(np.maximum(still_open, 1e-300))
    hazard: Floats = np.interp(cumulative, np.r_[0.0, reached], np.r_[0.0, times])
    return hazard


def _average(values: Floats, shares: Floats) -> Floats:
    # Not `values @ shares`: BLAS splits that sum by the threads it has, so the same seed would
    # give other bits on another machine, and its threads stand in each other's way on a busy one.
    average: Floats = (values * shares).sum(axis=-1)
    return average
