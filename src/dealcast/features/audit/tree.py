"""One decision tree: the chance of an outcome by what several numbers say together.

It is the tree of scikit-learn's DecisionTreeClassifier, split for split, ties too (a test compares
them). To load scikit-learn takes longer than all of the leak gate; and here rows that are alike
are counted, not sorted one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dealcast.features.audit.spec import Bools, Ints

LEAVES = 64
FEWEST_IN_LEAF = 15
# Values no further apart than this are one value.
RESOLUTION = np.float32(1e-7)

Numbers = npt.NDArray[np.float64]
Values = npt.NDArray[np.float32]


def chances(matrix: Numbers, is_one: Bools, learnt: Bools, *, seed: int) -> Numbers:
    """For each row, the share (0-1) of ones among the learnt rows of its leaf.

    `matrix` has a column per feature, NaN where it is blank. Which of two equally good splits is
    taken depends on the seed.

    >>> x = np.array([[1.0], [2.0]]).repeat(20, axis=0)
    >>> chances(x, x[:, 0] > 1, np.ones(40, dtype=bool), seed=0)[[0, -1]].tolist()
    [0.0, 1.0]
    """
    kinds, kind = _alike(matrix.astype(np.float32))
    zeros, ones = (
        np.bincount(kind[learnt & which], minlength=len(kinds)).astype(np.float64)
        for which in (~is_one, is_one)
    )
    shares: Numbers = _Tree(kinds, zeros, ones, seed=seed).shares()[kind]
    return shares


def _alike(rows: Values) -> tuple[Values, Ints]:
    """The rows that differ, and which of them each row is."""
    kind = np.zeros(len(rows), dtype=np.int64)
    for column in rows.T:
        values, code = np.unique(column, return_inverse=True)
        kind = np.unique(kind * len(values) + code, return_inverse=True)[1]
    first = np.unique(kind, return_index=True)[1]
    return rows[first], kind


class _Cuts(NamedTuple):
    """Ways to part rows: at most the threshold to the left; how many zeros and ones these are."""

    feature: Ints
    threshold: Numbers
    blank_is_left: Bools
    zeros: Numbers
    ones: Numbers


class _Split(NamedTuple):
    """The cut that was chosen, and how much less mixed zeros and ones are after it."""

    feature: int
    threshold: float
    blank_is_left: bool
    gain: float


@dataclass(order=True)
class _Node:
    """Kinds of rows, and how to split them; the split that gains most comes first."""

    loss: float
    kinds: Ints = field(compare=False)
    share: float = field(compare=False)
    split: _Split | None = field(compare=False)


class _Tree:
    """Kinds of rows, how many zeros and ones of each were learnt (count), and codes of values."""

    def __init__(self, kinds: Values, zeros: Numbers, ones: Numbers, *, seed: int) -> None:
        self.kinds, self.zeros, self.ones = kinds, zeros, ones
        self.rows = zeros.sum() + ones.sum()
        self.turns = _Turns(kinds.shape[1], seed)
        # Every value of every feature has a code of its own; a blank is the last of its feature.
        coded = [np.unique(column, return_inverse=True) for column in kinds.T]
        sizes = [len(values) for values, _ in coded]
        self.value = np.concatenate([values for values, _ in coded])
        self.feature = np.repeat(np.arange(len(sizes)), sizes)
        self.codes = np.stack([code for _, code in coded], axis=1) + np.cumsum([0, *sizes[:-1]])

    def shares(self) -> Numbers:
        """The share of ones in the leaf of each kind."""
        shares = np.empty(len(self.kinds))
        frontier = [self._node(np.arange(len(self.kinds)))]
        splits = LEAVES - 1
        while frontier:
            node = heappop(frontier)
            if node.split is None or not splits:
                shares[node.kinds] = node.share
                continue
            splits -= 1
            for kinds in self._parted(node.kinds, node.split):
                heappush(frontier, self._node(kinds))
        return shares

    def _node(self, kinds: Ints) -> _Node:
        zeros, ones = self.zeros[kinds].sum(), self.ones[kinds].sum()
        is_mixed = zeros and ones and zeros + ones >= 2 * FEWEST_IN_LEAF
        split = self._best_split(kinds, zeros, ones) if is_mixed else None
        return _Node(-split.gain if split else 0.0, kinds, ones / (zeros + ones), split)

    def _parted(self, kinds: Ints, split: _Split) -> Iterator[Ints]:
        values = self.kinds[kinds, split.feature]
        is_left = values <= np.float64(split.threshold)
        if split.blank_is_left:
            is_left |= np.isnan(values)
        yield kinds[is_left]
        yield kinds[~is_left]

    def _best_split(self, kinds: Ints, zeros: float, ones: float) -> _Split | None:
        """The cut after which zeros and ones are least mixed; None where a leaf would be small."""
        cuts, turn = self._cuts(kinds, zeros, ones)
        rows, left = zeros + ones, cuts.zeros + cuts.ones
        right = rows - left
        # In this order, as what is equally good must come out equal.
        mixed_left = _gini(cuts.zeros, cuts.ones)
        mixed_right = _gini(zeros - cuts.zeros, ones - cuts.ones)
        clear = -right * mixed_right - left * mixed_left
        clear[np.minimum(left, right) < FEWEST_IN_LEAF] = -np.inf
        most = clear.max(initial=-np.inf)
        if most == -np.inf:
            return None
        at = min(np.flatnonzero(clear == most), key=lambda cut: turn[cuts.feature[cut]])
        gain = _gini(zeros, ones) - right[at] / rows * mixed_right[at]
        gain = rows / self.rows * (gain - left[at] / rows * mixed_left[at])
        return _Split(cuts.feature[at], cuts.threshold[at], cuts.blank_is_left[at], gain)

    def _cuts(self, kinds: Ints, n_zeros: float, n_ones: float) -> tuple[_Cuts, Ints]:
        """Every cut between two values, and the turn of each feature."""
        codes, width = self.codes[kinds].ravel(), self.codes.shape[1]
        zeros, ones = (
            np.bincount(codes, np.repeat(counts[kinds], width), minlength=len(self.value))
            for counts in (self.zeros, self.ones)
        )
        seen = np.flatnonzero(zeros + ones)
        zeros, ones, value, feature = zeros[seen], ones[seen], self.value[seen], self.feature[seen]
        ends = np.searchsorted(feature, np.arange(1, width + 1))
        first, last = value[[0, *ends[:-1]]], value[ends - 1]
        turn = self.turns.drawn(np.isnan(first) | (last <= first + RESOLUTION))

        differs = np.isnan(value[1:]) | (value[1:] > value[:-1] + RESOLUTION)
        at = np.flatnonzero(differs & (feature[1:] == feature[:-1]))
        of, above = feature[at], value[at + 1].astype(np.float64)
        # Every row has been counted once in each feature before.
        left_zeros, left_ones = zeros.cumsum()[at] - of * n_zeros, ones.cumsum()[at] - of * n_ones
        threshold = np.where(np.isnan(above), np.inf, value[at] / 2.0 + above / 2.0)
        has_blank = np.isnan(last)[of]
        by_size = 2 * (left_zeros + left_ones) > n_zeros + n_ones
        cuts = _Cuts(of, threshold, by_size & ~has_blank, left_zeros, left_ones)
        again = np.flatnonzero(has_blank & ~np.isnan(above))
        if not len(again):
            return cuts, turn
        blanks = ends[of[again]] - 1
        with_blanks = _Cuts(
            of[again],
            threshold[again],
            np.ones(len(again), dtype=np.bool_),
            left_zeros[again] + zeros[blanks],
            left_ones[again] + ones[blanks],
        )
        return _Cuts(*map(np.concatenate, zip(cuts, with_blanks, strict=True))), turn


def _gini(zeros: Numbers, ones: Numbers) -> Numbers:
    """How mixed zeros and ones are (0-0.5)."""
    rows = zeros + ones
    with np.errstate(invalid="ignore"):
        return 1.0 - (zeros * zeros + ones * ones) / (rows * rows)


class _Turns:
    """In which turn each feature is tried, drawn anew for every node: xorshift, 32 bits."""

    def __init__(self, features: int, seed: int) -> None:
        self.state = int(np.random.RandomState(seed).randint(0, 2**31 - 1))  # noqa: NPY002
        self.features = list(range(features))

    def drawn(self, is_constant: Bools) -> Ints:
        """The turn of each feature; those that are the same on all rows come first."""
        order, constants, end = self.features, 0, len(self.features)
        while end > constants:
            at = constants + self._below(end - constants)
            if is_constant[order[at]]:
                order[at], order[constants] = order[constants], order[at]
                constants += 1
            else:
                end -= 1
                order[at], order[end] = order[end], order[at]
        # Drawn ones are put to the end, so the last is the first.
        turn = np.empty(len(order), dtype=np.int64)
        turn[order[::-1]] = np.arange(len(order))
        return turn

    def _below(self, limit: int) -> int:
        state = self.state or 1
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        self.state = state
        return state % 2**31 % limit
