"""The best split of rows of zeros and ones, for several nodes of trees at a time.

Splits are those of scikit-learn's trees (Gini), one for one, also where several are equally good.
Rows that are alike are counted, not sorted one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.features.audit.spec import Bools, Ints

FEWEST_IN_LEAF = 15
# Values no further apart than this are one value.
RESOLUTION = np.float32(1e-7)

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kinds:
    """Rows of features; those that are alike are of one kind.

    `kind` is that of each row. Every value of every feature has a code of its own, a blank the
    last of its feature: `codes` are those of each kind, `value` and `feature` those of each code.
    """

    kind: Ints
    codes: Ints
    value: npt.NDArray[np.float32]
    feature: Ints

    @classmethod
    def of(cls, matrix: Numbers) -> "Kinds":
        """The kinds of rows with a column per feature, NaN where it is blank.

        >>> Kinds.of(np.array([[2.0, 7.0], [1.0, 7.0], [2.0, 7.0]])).codes.tolist()
        [[0, 2], [1, 2]]
        """
        rows = matrix.astype(np.float32)
        alike = pl.from_numpy(rows).fill_nan(None).select(pl.struct(pl.all()).rank("dense"))
        kind = alike.to_series().to_numpy().astype(np.int64) - 1
        first = np.unique(kind, return_index=True)[1]
        coded = [np.unique(column, return_inverse=True) for column in rows[first].T]
        sizes = [len(values) for values, _ in coded]
        codes = np.stack([code for _, code in coded], axis=1) + np.cumsum([0, *sizes[:-1]])
        value = np.concatenate([values for values, _ in coded])
        return cls(kind, codes, value, np.repeat(np.arange(len(sizes)), sizes))


class Turns:
    """In which turn each feature is tried, drawn anew for every node: xorshift, 32 bits."""

    def __init__(self, features: int, seed: int) -> None:
        self.state = int(np.random.RandomState(seed).randint(0, 2**31 - 1))
        self.features = list(range(features))

    def drawn(self, is_constant: Sequence[bool]) -> Ints:
        """The turn of each feature."""
        order, constants, end = self.features, 0, len(self.features)
        while end > constants:
            at = constants + self._below(end - constants)
            if is_constant[order[at]]:
                order[at], order[constants] = order[constants], order[at]
                constants += 1
            else:
                end -= 1
                order[at], order[end] = order[end], order[at]
        # Each that is drawn is put before those drawn earlier.
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


class Mixed(NamedTuple):
    """A node to be split: its kinds, how many zeros and ones of each there are, and the turns."""

    kinds: Ints
    zeros: Numbers
    ones: Numbers
    turns: Turns


class Split(NamedTuple):
    """At most the threshold goes to the left; how much less mixed (0-0.5) the rows are then."""

    feature: int
    threshold: float
    blank_is_left: bool
    gain: float


class _Cuts(NamedTuple):
    """Ways to split: of which node and feature, and how many zeros and ones go to the left.

    `place` counts the features of all nodes, one node after the other.
    """

    place: Ints
    threshold: Numbers
    blank_is_left: Bools
    zeros: Numbers
    ones: Numbers

    def at(self, which: Ints) -> "_Cuts":
        """Some of them."""
        return _Cuts(
            self.place[which],
            self.threshold[which],
            self.blank_is_left[which],
            self.zeros[which],
            self.ones[which],
        )

    def with_blanks_left(self, which: Ints, zeros: Numbers, ones: Numbers) -> "_Cuts":
        """These, and some of them again with so many blank zeros and ones on the left."""
        some = self.at(which)
        return _Cuts(
            np.append(self.place, some.place),
            np.append(self.threshold, some.threshold),
            np.append(self.blank_is_left, np.ones(len(which), dtype=np.bool_)),
            np.append(self.zeros, some.zeros + zeros),
            np.append(self.ones, some.ones + ones),
        )


def best_splits(known: Kinds, nodes: Sequence[Mixed]) -> list[Split | None]:
    """How each node's zeros and ones are parted best; None where a leaf would get too small."""
    if not nodes:
        return []
    zeros = np.array([node.zeros.sum() for node in nodes])
    ones = np.array([node.ones.sum() for node in nodes])
    cuts, turn = _cuts(known, nodes, zeros, ones)
    width = known.codes.shape[1]
    left = cuts.zeros + cuts.ones
    right = (zeros + ones)[cuts.place // width] - left
    large = np.flatnonzero(np.minimum(left, right) >= FEWEST_IN_LEAF)
    cuts, left, right = cuts.at(large), left[large], right[large]
    node = cuts.place // width
    # In this order of operations: what is equally good must come out equal.
    mixed_left = _gini(cuts.zeros, cuts.ones)
    mixed_right = _gini(zeros[node] - cuts.zeros, ones[node] - cuts.ones)
    clear = -right * mixed_right - left * mixed_left
    rows = (zeros + ones)[node]
    gain = _gini(zeros, ones)[node] - right / rows * mixed_right - left / rows * mixed_left
    found: list[Split | None] = [None] * len(nodes)
    for at in _first_best(clear, node, turn[cuts.place], len(nodes)):
        feature = int(cuts.place[at] % width)
        found[node[at]] = Split(feature, cuts.threshold[at], cuts.blank_is_left[at], gain[at])
    return found


def _first_best(clear: Numbers, node: Ints, turn: Ints, nodes: int) -> Ints:
    """The best cut of each node; of equally good ones, that whose turn is first."""
    most = np.full(nodes, -np.inf)
    np.maximum.at(most, node, clear)
    best = np.flatnonzero(clear == most[node])
    best = best[np.lexsort((best, turn[best], node[best]))]
    return best[np.unique(node[best], return_index=True)[1]]


def _gini(zeros: Numbers, ones: Numbers) -> Numbers:
    """How mixed zeros and ones are (0-0.5)."""
    rows = zeros + ones
    return 1.0 - (zeros * zeros + ones * ones) / (rows * rows)


def _cuts(
    known: Kinds, nodes: Sequence[Mixed], n_zeros: Numbers, n_ones: Numbers
) -> tuple[_Cuts, Ints]:
    """Every cut between two values that occur in a node, and the turn of each place."""
    size, width = len(known.value), known.codes.shape[1]
    kinds = np.concatenate([node.kinds for node in nodes])
    number = np.arange(len(nodes)).repeat([len(node.kinds) for node in nodes])
    codes = (known.codes[kinds] + size * number[:, None]).ravel()
    zeros, ones = (
        np.bincount(codes, np.concatenate(counts).repeat(width), minlength=size * len(nodes))
        for counts in ([node.zeros for node in nodes], [node.ones for node in nodes])
    )
    seen = np.flatnonzero(zeros + ones)
    zeros, ones, value = zeros[seen], ones[seen], known.value[seen % size]
    place = seen // size * width + known.feature[seen % size]
    ends = place.searchsorted(np.arange(1, width * len(nodes) + 1))
    first, last = value[np.append(0, ends[:-1])], value[ends - 1]
    constant = (np.isnan(first) | (last <= first + RESOLUTION)).reshape(-1, width).tolist()
    turn = np.concatenate([node.turns.drawn(c) for node, c in zip(nodes, constant, strict=True)])

    differs = np.isnan(value[1:]) | (value[1:] > value[:-1] + RESOLUTION)
    at = np.flatnonzero(differs & (place[1:] == place[:-1]))
    of, above = place[at], value[at + 1].astype(np.float64)
    # Every row of a node has been counted once in each place before.
    left_zeros, left_ones = (
        counts.cumsum()[at] - (total.repeat(width).cumsum() - total.repeat(width))[of]
        for counts, total in ((zeros, n_zeros), (ones, n_ones))
    )
    threshold = np.where(np.isnan(above), np.inf, value[at] / 2.0 + above / 2.0)
    has_blank = np.isnan(last)[of]
    mostly_left = 2 * (left_zeros + left_ones) > (n_zeros + n_ones)[of // width]
    cuts = _Cuts(of, threshold, mostly_left & ~has_blank, left_zeros, left_ones)
    # The same cuts again with blanks on the left, but that between values and blanks.
    again = np.flatnonzero(has_blank & ~np.isnan(above))
    blank = ends[of[again]] - 1
    return cuts.with_blanks_left(again, zeros[blank], ones[blank]), turn
