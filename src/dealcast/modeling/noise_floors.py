"""What a score that knows nothing reaches by luck: the AUCs from which one knows something."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dealcast.modeling import metrics
from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray

LUCK = 0.975
# No age (days) reaches it, so that date and age fit in one number.
_AGES = 100_000
# Of a whole number that has a sign.
_BITS = 63


@dataclass(frozen=True)
class NoiseFloor:
    """AUCs that a score which knows nothing exceeds in 1 of 40 cases. None: one outcome only."""

    auc: float | None
    auc_within_date: float | None


@dataclass(frozen=True)
class Stratified:
    """The AUC within strata, beside what a score which knows nothing reaches there by luck."""

    auc: float | None
    noise_floor: float | None

    @property
    def above_noise(self) -> bool:
        """Whether it tells opportunities of the same stratum apart."""
        return self.auc is not None and self.noise_floor is not None and self.auc > self.noise_floor


def noise_floor(
    won: BoolArray, *, opportunity: IntArray, date: IntArray, seed: int, draws: int = 200
) -> NoiseFloor:
    """The AUCs that a score knowing nothing reaches by luck: the 97.5th percentile of draws.

    Each draw gives an opportunity one random number, kept over all its dates as a score would be.
    """
    return NoiseFloor(
        auc=_luck(won, opportunity, np.zeros(len(won), dtype=np.int64), seed, draws),
        auc_within_date=_luck(won, opportunity, date, seed, draws),
    )


def stratified_noise_floor(  # noqa: PLR0913 - as figure_intervals
    won: BoolArray,
    p: FloatArray,
    *,
    opportunity: IntArray,
    strata: IntArray,
    seed: int,
    draws: int = 200,
) -> Stratified:
    """Does `p` tell opportunities of the same stratum apart, beyond luck?

    With `timing_strata`, the question is whether it knows more than date and age.
    """
    return Stratified(
        auc=metrics.auc_within(won, p, strata),
        noise_floor=_luck(won, opportunity, strata, seed, draws),
    )


def timing_strata(date: IntArray, age_days: IntArray) -> IntArray:
    """One number per pair of date (day number) and age (days).

    Rows of the same number were engaged on the same day and are looked at on the same day:
    timing says the same of them.
    """
    return date * _AGES + age_days


def _luck(
    won: BoolArray, opportunity: IntArray, group: IntArray, seed: int, draws: int
) -> float | None:
    """The 97.5th percentile of the AUC within groups of one random number per opportunity."""
    _, code = np.unique(opportunity, return_inverse=True)
    _, group = np.unique(group, return_inverse=True)
    count = code.max() + 1
    # Of a group with one outcome there is nothing to be told.
    has_both = np.ones(group.max() + 1, dtype=np.bool_)
    for which in (won, ~won):
        has_both &= np.bincount(group[which], minlength=len(has_both)) > 0
    if not has_both.any():
        return None
    kept = has_both[group]
    # An opportunity's rows of one group are tied: they are added up once, for all draws.
    cells, at = np.unique((group * count + code)[kept], return_inverse=True)
    wins = np.bincount(at[won[kept]], minlength=len(cells)).astype(np.float64)
    losses = np.bincount(at[~won[kept]], minlength=len(cells)).astype(np.float64)
    group, code = np.divmod(cells, count)
    # The same in every draw: what a won one adds for each lost one below it, as pairs are counted
    # by Mann and Whitney 1947, and how many lost ones of the groups before it are below it too.
    lost_in = np.bincount(group, losses)
    worth = wins / lost_in[group] / wins.sum()
    before = (worth * (np.cumsum(lost_in) - lost_in)[group]).sum()
    areas = []
    for order in _orders(group, code, count, seed, draws):
        lost = losses.take(order)
        below = np.cumsum(lost) - lost / 2
        areas.append((worth.take(order) * below).sum() - before)
    return float(np.quantile(areas, LUCK))


def _orders(
    group: IntArray, code: IntArray, count: int, seed: int, draws: int
) -> Iterator[IntArray]:
    """The positions in order of group and of a random rank per code, so many times.

    All three in one number, as NumPy sorts numbers in a fraction of the time of positions.
    """
    rng = np.random.default_rng(seed)
    place, ranks = len(group).bit_length(), int(count).bit_length()
    fits = int(group.max(initial=0)).bit_length() + ranks + place <= _BITS
    fixed = (group << (ranks + place)) | np.arange(len(group)) if fits else group
    for _ in range(draws):
        rank = rng.permutation(count)
        if not fits:
            yield np.lexsort((rank[code], group))
            continue
        together = (rank << place).take(code)
        together |= fixed
        together.sort()
        together &= (1 << place) - 1
        yield together
