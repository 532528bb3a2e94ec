"""How good probabilities are: figures on plain arrays. `won` is the truth, `p` the probability.

A figure that needs both outcomes is None where there is only one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from dealcast.modeling.traits import distinct

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RELIABILITY_BINS = 10
# A certain forecast that fails would cost an infinite log loss.
SMALLEST_P = 1e-6
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of one size: how many, what they said on average, and what came of them.

    `low` to `high` is the 95 % interval of the observed share. That of `reliability` is Wilson's:
    it takes snapshots as independent, which those of one opportunity are not, so it is too narrow;
    `segments.reliability_with_intervals` gives the one that allows for it.
    """

    n: int
    predicted: float
    observed: float
    low: float
    high: float


def log_loss(won: BoolArray, p: FloatArray) -> float:
    """Mean negative log-likelihood (nats)."""
    return float(log_losses(won, p).mean())


def brier(won: BoolArray, p: FloatArray) -> float:
    """Mean squared error of the probability."""
    return float(squared_errors(won, p).mean())


def entropy(rate: float) -> float:
    """Log loss of saying the share won of every row (nats).

    >>> round(entropy(0.5), 3), entropy(1.0)
    (0.693, 0.0)
    """
    sure = rate in (0.0, 1.0)
    return 0.0 if sure else float(-rate * np.log(rate) - (1 - rate) * np.log1p(-rate))


def log_losses(won: BoolArray, p: FloatArray) -> FloatArray:
    """Negative log-likelihood of each row (nats)."""
    losses: FloatArray = -np.log(np.clip(np.where(won, p, 1 - p), SMALLEST_P, 1))
    return losses


def squared_errors(won: BoolArray, p: FloatArray) -> FloatArray:
    """Squared error of each row's probability."""
    errors: FloatArray = (p - won) ** 2
    return errors


# The losses whose mean is a figure, by its name.
LOSSES: Mapping[str, Callable[[BoolArray, FloatArray], FloatArray]] = {
    "log_loss": log_losses,
    "brier": squared_errors,
}


def skill(loss: float, reference: float) -> float | None:
    """Share of the reference's loss that is saved: 1 perfect, 0 no better, below 0 worse.

    >>> skill(0.15, 0.2)
    0.25
    """
    return round(1 - loss / reference, 12) if reference > 0 else None


def auc(won: BoolArray, p: FloatArray) -> float | None:
    """Chance that a won one was given a higher probability than one that was not; ties half.

    >>> auc(np.array([False, True, True]), np.array([0.2, 0.2, 0.9]))
    0.75
    """
    return Ranking.of(won, p).auc()


def auc_within(won: BoolArray, p: FloatArray, group: IntArray) -> float | None:
    """Mean of the AUCs within each group, weighted by its wins; groups of one outcome left out.

    So every win counts the same: it is the chance that a won one was given a higher probability
    than one of its own group that was not. Within a date the calendar is the same for all: what is
    left is telling opportunities apart.

    >>> won, p = np.array([True, False, True, True, False]), np.array([0.9, 0.1, 0.2, 0.3, 0.8])
    >>> round(auc_within(won, p, np.array([1, 1, 2, 2, 2])), 3)
    0.333
    """
    return Ranking.of(won, p, group).auc()


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows put in the order of group and p, once, so that the AUC under any weights is quick.

    `won` and `lost`: positions of the rows of either kind, in that order. `below` and `upto`: how
    many lost ones have a smaller p than each won one, or one no larger. `groups` (of won ones) and
    `ends` (of lost ones): where each group that has both begins and ends.
    """

    won: IntArray
    lost: IntArray
    below: IntArray
    upto: IntArray
    groups: IntArray
    ends: tuple[IntArray, IntArray]

    @classmethod
    def of(cls, won: BoolArray, p: FloatArray, group: IntArray | None = None) -> Self:
        """The ranking within each group; within all rows where no groups are given."""
        # Not a stable order, which takes several times as long: ties count as such anyway.
        order = np.argsort(p)
        code = np.zeros(len(p), dtype=np.int64) if group is None else distinct(group)[1]
        if group is not None:
            order = order[_stable_order(code[order])]
        is_won, p, number = won[order], p[order], code[order]
        rows_in = np.bincount(code)
        wins_in = np.bincount(code[won], minlength=len(rows_in))
        has_both = (wins_in > 0) & (wins_in < rows_in)
        at = np.flatnonzero(is_won)
        at = at[has_both[number[at]]]
        is_first = np.ones(len(p), dtype=np.bool_)
        is_first[1:] = (p[1:] != p[:-1]) | (number[1:] != number[:-1])
        tied = np.append(np.flatnonzero(is_first), len(p))
        tie = np.searchsorted(tied, at, side="right")
        lost_by = np.append(0, np.cumsum(~is_won))
        ends = np.cumsum(rows_in)
        return cls(
            won=order[at],
            lost=order[~is_won],
            below=lost_by[tied[tie - 1]],
            upto=lost_by[tied[tie]],
            groups=(np.cumsum(wins_in[has_both]) - wins_in[has_both]),
            ends=(lost_by[(ends - rows_in)[has_both]], lost_by[ends[has_both]]),
        )

    def by(self, code: IntArray) -> Self:
        """The same for weights that are given by these codes of the rows, not by row."""
        return replace(self, won=code[self.won], lost=code[self.lost])

    def auc(self, weights: FloatArray | IntArray | None = None) -> float | None:
        """AUC within the groups, weighted by wins; `weights`: how often each row counts.

        Counts pairs as Mann and Whitney 1947 do.

        >>> one = Ranking.of(np.array([False, True, True]), np.array([0.5, 0.2, 0.9]))
        >>> one.auc(), one.auc(np.array([1.0, 1.0, 3.0]))
        (0.5, 0.75)
        """
        if not len(self.groups):
            return None
        if weights is None:
            weights = np.ones(max(self.won.max(), self.lost.max()) + 1, dtype=np.int64)
        wins, lost = weights.take(self.won), np.zeros(len(self.lost) + 1, weights.dtype)
        np.cumsum(weights.take(self.lost), out=lost[1:])
        begin, end = lost[self.ends[0]], lost[self.ends[1]]
        wins_in, losses_in = np.add.reduceat(wins, self.groups), end - begin
        pairs = wins * (lost[self.below] + lost[self.upto]) / 2
        beaten = np.add.reduceat(pairs, self.groups) - begin * wins_in
        both = (wins_in > 0) & (losses_in > 0)
        if not both.any():
            return None
        return float((beaten[both] / losses_in[both]).sum() / wins_in[both].sum())


def _stable_order(code: IntArray) -> IntArray:
    """The positions in order of small codes; of few codes NumPy counts them instead of sorting."""
    few = code.max(initial=0) <= np.iinfo(np.uint16).max
    return np.argsort(code.astype(np.uint16) if few else code, kind="stable")


def reliability(won: BoolArray, p: FloatArray) -> tuple[ReliabilityBin, ...]:
    """Predictions in at most ten groups of about equal size, from small to large.

    Equal predictions stay together, so the order of the rows does not matter.
    """
    at = reliability_bin(p)
    n = np.bincount(at)
    sums = zip(n, np.bincount(at, weights=p), np.bincount(at, weights=won), strict=True)
    return tuple(
        ReliabilityBin(int(k), float(said / k), float(came / k), *wilson(came / k, k))
        for k, said, came in sums
        if k
    )


def reliability_bin(p: FloatArray) -> IntArray:
    """The group of each row, counted from the smallest predictions (0); at most ten groups."""
    edges = np.unique(np.quantile(p, np.linspace(0, 1, RELIABILITY_BINS + 1)[1:-1]))
    return np.searchsorted(edges, p, side="left")


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Mean distance of predicted from observed over the bins, weighted by rows (share 0-1)."""
    gaps = [abs(b.predicted - b.observed) for b in bins]
    return float(np.average(gaps, weights=[b.n for b in bins]))


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share that stays within 0 and 1 (Wilson 1927)."""
    z2 = NORMAL_95**2 / n
    middle = (share + z2 / 2) / (1 + z2)
    half = NORMAL_95 * np.sqrt(share * (1 - share) / n + z2 / (4 * n)) / (1 + z2)
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))
