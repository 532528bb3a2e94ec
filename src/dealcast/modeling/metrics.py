"""How good probabilities are: figures on plain arrays. `won` is the truth, `p` the probability.

A figure that needs both outcomes is None where there is only one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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

    `low` to `high` is the 95 % Wilson interval of the observed share; it takes snapshots as
    independent, which those of one opportunity are not, so it is rather too narrow.
    """

    n: int
    predicted: float
    observed: float
    low: float
    high: float


def log_loss(won: BoolArray, p: FloatArray) -> float:
    """Mean negative log-likelihood (nats)."""
    held = np.clip(np.where(won, p, 1 - p), SMALLEST_P, 1)
    return float(-np.log(held).mean())


def brier(won: BoolArray, p: FloatArray) -> float:
    """Mean squared error of the probability."""
    return float(np.mean((p - won) ** 2))


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
    areas, _ = _auc_by_group(won, p, np.zeros(len(p), dtype=np.int64))
    return float(areas[0]) if len(areas) else None


def auc_within(won: BoolArray, p: FloatArray, group: IntArray) -> float | None:
    """Mean of the AUCs within each group, weighted by its rows; groups of one outcome left out.

    Within a date the calendar is the same for all: what is left is telling opportunities apart.
    """
    areas, rows = _auc_by_group(won, p, group)
    return float(np.average(areas, weights=rows)) if len(areas) else None


def reliability(won: BoolArray, p: FloatArray) -> tuple[ReliabilityBin, ...]:
    """Predictions in at most ten groups of about equal size, from small to large.

    Equal predictions stay together, so the order of the rows does not matter.
    """
    edges = np.unique(np.quantile(p, np.linspace(0, 1, RELIABILITY_BINS + 1)[1:-1]))
    at = np.searchsorted(edges, p, side="left")
    n = np.bincount(at)
    sums = zip(n, np.bincount(at, weights=p), np.bincount(at, weights=won), strict=True)
    return tuple(
        ReliabilityBin(int(k), float(said / k), float(came / k), *_wilson(came / k, k))
        for k, said, came in sums
        if k
    )


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Mean distance of predicted from observed over the bins, weighted by rows (share 0-1)."""
    gaps = [abs(b.predicted - b.observed) for b in bins]
    return float(np.average(gaps, weights=[b.n for b in bins]))


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson 1927: the interval for a share that stays within 0 and 1."""
    z2 = NORMAL_95**2 / n
    middle = (share + z2 / 2) / (1 + z2)
    half = NORMAL_95 * np.sqrt(share * (1 - share) / n + z2 / (4 * n)) / (1 + z2)
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def _auc_by_group(won: BoolArray, p: FloatArray, group: IntArray) -> tuple[FloatArray, IntArray]:
    """AUC and rows of each group that has both outcomes, by mean ranks (Mann and Whitney 1947)."""
    order = np.lexsort((p, group))
    won, p, group = won[order], p[order], group[order]
    new_group = np.diff(group, prepend=group[:1] - 1) != 0
    ties = np.cumsum(new_group | (np.diff(p, prepend=p[:1]) != 0)) - 1
    rank = (np.bincount(ties, weights=np.arange(len(p))) / np.bincount(ties))[ties]
    g = np.cumsum(new_group) - 1
    rows = np.bincount(g)
    wins = np.bincount(g, weights=won)
    # Ranks count on over the groups: the first row's position is taken off, once per win.
    start = np.flatnonzero(new_group)
    beaten = np.bincount(g, weights=rank * won) - wins * start - wins * (wins - 1) / 2
    both = (wins > 0) & (wins < rows)
    return beaten[both] / (wins * (rows - wins))[both], rows[both]
