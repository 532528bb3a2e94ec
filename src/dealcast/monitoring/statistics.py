"""Two-sample tests that compare like with like: within each part of the fiscal quarter.

Counts are arrays of part x window (0 reference, 1 current) x category. Every test adds up, over
the parts that both windows have, observed less expected of the current window given the part's
totals (Mantel and Haenszel 1959), so a window that has more quarter-ends than another is not
taken for a changed business. Sizes of effect weigh the parts by n0 n1 / (n0 + n1), as those do.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NORMAL_95 = 1.959964
# Cochran 1954: a chi-square with fewer expected in a category is not to be trusted.
FEWEST_EXPECTED = 5.0
# Values at which two distributions are compared: fewer than there are only lose power.
LARGEST_GRID = 1_000
BINS = 10


def count_by_part(
    part: IntArray, is_current: npt.NDArray[np.bool_], code: IntArray, categories: int
) -> IntArray:
    """Rows by part, window and category, of the parts that both windows have.

    >>> now = np.array([False, False, True])
    >>> count_by_part(np.array([1, 2, 2]), now, np.array([0, 1, 1]), 2).tolist()
    [[[0, 1], [0, 1]]]
    """
    parts, at = np.unique(part, return_inverse=True)
    cell = (at * 2 + is_current) * categories + code
    counts = np.bincount(cell, minlength=len(parts) * 2 * categories)
    shaped = counts.reshape(len(parts), 2, categories).astype(np.int64)
    shared: IntArray = shaped[(shaped.sum(axis=2) > 0).all(axis=1)]
    return shared


def precision(counts: IntArray) -> float:
    """Effective rows of the comparison: the sum over parts of n0 n1 / (n0 + n1)."""
    return float(_part_weights(counts).sum())


def standard_shares(counts: IntArray) -> FloatArray:
    """Window x category: shares (0-1) as they would be with the same parts in both windows."""
    weights = _part_weights(counts)
    shares: FloatArray = np.einsum(
        "k,kgc->gc", weights / weights.sum(), counts / counts.sum(axis=2, keepdims=True)
    )
    return shares


def chi_square(counts: IntArray) -> tuple[float, float]:
    """Statistic and p of the generalised Cochran-Mantel-Haenszel test (Landis et al. 1978).

    With two categories less half a row (Yates), so that small counts do not raise alarms.
    """
    n, total = counts.sum(axis=2).astype(float), counts.sum(axis=1).astype(float)
    rows = n.sum(axis=1)
    gap = (counts[:, 1] - n[:, 1:] * total / rows[:, None]).sum(axis=0)
    scale = n.prod(axis=1) / (rows**2 * np.maximum(rows - 1, 1))
    own = np.diag((scale[:, None] * rows[:, None] * total).sum(axis=0))
    covariance = own - np.einsum("k,ka,kb->ab", scale, total, total)
    degrees = counts.shape[2] - 1
    if degrees == 0:
        return 0.0, 1.0  # one category has the same share everywhere
    if degrees == 1:
        gap = np.sign(gap) * np.maximum(np.abs(gap) - 0.5, 0)
    inner = covariance[:degrees, :degrees]
    statistic = float(gap[:degrees] @ np.linalg.pinv(inner, hermitian=True) @ gap[:degrees])
    return statistic, float(_special().chdtrc(degrees, statistic))


def share_difference(counts: IntArray) -> float:
    """Share of the second of two categories: current less reference."""
    shares = standard_shares(counts)
    return float(shares[1, 1] - shares[0, 1])


def psi(counts: IntArray) -> float:
    """Population stability index less what chance alone gives; 0 at least.

    Without drift its mean is (categories - 1)(1/n0 + 1/n1) (Yurdakul and Naranjo 2020): thirty
    agents and some hundred rows would pass the usual .1 by chance. Half a row is added to each
    category, as an empty one would be infinitely far.
    """
    rows = counts.sum(axis=(0, 2))[:, None]
    shares = (standard_shares(counts) * rows + 0.5) / (rows + 0.5 * counts.shape[2])
    index = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()
    return float(max(index - (counts.shape[2] - 1) / precision(counts), 0.0))


def merge_sparse(counts: IntArray) -> IntArray:
    """The counts with every category too rare for a chi-square put into one, the last."""
    rows, total = counts.sum(axis=(1, 2)), counts.sum(axis=1)
    smaller = counts.sum(axis=2).min(axis=1)
    rare = (smaller[:, None] * total / rows[:, None]).sum(axis=0) < FEWEST_EXPECTED
    if not rare.any():
        return counts
    others = counts[:, :, rare].sum(axis=2, keepdims=True)
    merged: IntArray = np.concatenate([counts[:, :, ~rare], others], axis=2)
    return merged


def codes_on_grid(values: FloatArray, points: int = LARGEST_GRID) -> tuple[IntArray, int]:
    """The interval of each value between quantiles of all of them, and how many there are.

    Equal values stay together.
    """
    at_most = np.unique(values)
    if len(at_most) > points:
        at_most = np.unique(np.quantile(values, np.arange(1, points + 1) / points, method="lower"))
    return np.searchsorted(at_most, values, side="left").astype(np.int64), len(at_most)


def kolmogorov_smirnov(counts: IntArray) -> tuple[float, float]:
    """Largest distance of the two distributions over ordered categories, and its p.

    Asymptotic with Stephens' (1970) correction; ties make it err on the quiet side.
    """
    below = standard_shares(counts).cumsum(axis=1)
    distance = float(np.abs(below[1] - below[0]).max())
    root = np.sqrt(precision(counts))
    return distance, float(_special().kolmogorov((root + 0.12 + 0.11 / root) * distance))


@dataclass(frozen=True)
class Rates:
    """Events of the current window: counted, expected if its rates were the reference's, variance.

    `expected` and `variance` are given the events of each part in both windows together. `ratio`
    is Mantel and Haenszel's of current to reference; null where the reference has no events.
    """

    observed: int
    expected: float
    variance: float
    ratio: float | None

    def z(self, overdispersion: float = 1.0) -> float:
        """Standardised distance of observed from expected, less half an event."""
        distance = max(abs(self.observed - self.expected) - 0.5, 0.0)
        spread = np.sqrt(self.variance * overdispersion)
        return float(np.sign(self.observed - self.expected) * distance / spread)


def compare_rates(events: IntArray, exposure: FloatArray, *, risk_sets: bool = False) -> Rates:
    """Events and what was exposed to them, part x window, over the parts that both windows have.

    With `risk_sets` the exposure counts opportunities of which each can have the event once a day
    (log-rank test, Mantel 1966), else it is a time.
    """
    both = (exposure > 0).all(axis=1)
    events, exposure = events[both], exposure[both]
    together, total = exposure.sum(axis=1), events.sum(axis=1)
    share = exposure / together[:, None]
    spread = total * share.prod(axis=1)
    if risk_sets:
        spread *= (together - total) / np.maximum(together - 1, 1)
    crossed = (events * share[:, ::-1]).sum(axis=0)
    return Rates(
        observed=int(events[:, 1].sum()),
        expected=float((total * share[:, 1]).sum()),
        variance=float(spread.sum()),
        ratio=float(crossed[1] / crossed[0]) if crossed[0] > 0 else None,
    )


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """The p values, adjusted for how many there are (Benjamini and Hochberg 1995).

    Without any drift the chance that one falls below q is q.

    >>> benjamini_hochberg(np.array([0.01, 0.5, 0.03])).round(3).tolist()
    [0.03, 0.5, 0.045]
    """
    order = np.argsort(p)[::-1]
    scaled = p[order] * len(p) / np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum.accumulate(np.minimum(scaled, 1.0))
    return adjusted


def normal_p(z: float) -> float:
    """Two-sided p of a standard normal."""
    return float(2 * _special().ndtr(-abs(z)))


def student_p(t: float, degrees: int) -> float:
    """Two-sided p of Student's t."""
    return float(2 * _special().stdtr(degrees, -abs(t)))


def wilson(wins: float, n: int) -> tuple[float, float]:
    """The 95 % interval for a share (Wilson 1927)."""
    share, z2 = wins / n, NORMAL_95**2 / n
    middle = share + z2 / 2
    half = NORMAL_95 * np.sqrt(share * (1 - share) / n + z2 / (4 * n))
    return float(max(middle - half, 0.0) / (1 + z2)), float((middle + half) / (1 + z2))


def _part_weights(counts: IntArray) -> FloatArray:
    n = counts.sum(axis=2).astype(float)
    weights: FloatArray = n.prod(axis=1) / n.sum(axis=1)
    return weights


def _special() -> Any:
    # Half a second to import, and without types.
    return importlib.import_module("scipy.special")
