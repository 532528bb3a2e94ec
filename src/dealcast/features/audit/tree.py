"""Decision trees: the share of ones by what several features say together.

They are those of scikit-learn's DecisionTreeClassifier, split for split (a test compares them). To
load scikit-learn takes longer than all of the leak gate.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np

from dealcast.features.audit.spec import Bools, Ints
from dealcast.features.audit.splits import (
    FEWEST_IN_LEAF,
    Kinds,
    Mixed,
    Numbers,
    Split,
    Turns,
    best_splits,
)

LEAVES = 64


def learnt_shares(
    known: Kinds, lessons: Iterable[tuple[Ints, Bools]], *, seed: int
) -> list[Numbers]:
    """For each lesson the share of ones (0-1) that its tree gives each kind.

    A lesson is the kinds of some rows, and whether each is a one. Which of two equally good splits
    is taken depends on the seed.

    >>> known = Kinds.of(np.array([[1.0], [2.0]]).repeat(20, axis=0))
    >>> learnt_shares(known, [(known.kind, known.kind == 1)], seed=0)[0].tolist()
    [0.0, 1.0]
    """
    trees = [_Tree(known, kind, is_one, seed) for kind, is_one in lessons]
    # All trees grow together, as many small searches take longer than a large one.
    while any(tree.new for tree in trees):
        nodes = [(tree, node) for tree in trees for node in tree.to_split()]
        splits = best_splits(known, [node.rows for _, node in nodes])
        for (tree, node), split in zip(nodes, splits, strict=True):
            tree.take(node, split)
        for tree in trees:
            tree.grow()
    return [tree.shares for tree in trees]


@dataclass(order=True)
class _Node:
    """Some of the rows, and how to split them; the split that gains most comes first."""

    rows: Mixed = field(compare=False)
    split: Split | None = field(default=None, compare=False)
    loss: float = 0.0


class _Tree:
    """A tree that grows by one split at a time; `new` are nodes that have not been looked at."""

    def __init__(self, known: Kinds, kind: Ints, is_one: Bools, seed: int) -> None:
        self.known, every = known, len(known.codes)
        zeros, ones = (
            np.bincount(kind[which], minlength=every).astype(np.float64)
            for which in (~is_one, is_one)
        )
        turns = Turns(known.codes.shape[1], seed)
        self.new = [_Node(Mixed(np.arange(every), zeros, ones, turns))]
        self.rows = len(kind)
        self.shares: Numbers = np.empty(every)
        self.frontier: list[_Node] = []
        self.splits_left = LEAVES - 1

    def to_split(self) -> list[_Node]:
        """The new nodes that a split can part."""
        return [node for node in self.new if _is_mixed(node.rows)]

    def take(self, node: _Node, split: Split | None) -> None:
        """Note how a node is split best."""
        if split is not None:
            rows = node.rows.zeros.sum() + node.rows.ones.sum()
            node.split, node.loss = split, -(rows / self.rows * split.gain)

    def grow(self) -> None:
        """Make the next split; leaves that come before it are done."""
        for node in self.new:
            heappush(self.frontier, node)
        self.new = []
        while self.frontier and not self.new:
            node = heappop(self.frontier)
            if node.split is None or not self.splits_left:
                zeros, ones = node.rows.zeros.sum(), node.rows.ones.sum()
                self.shares[node.rows.kinds] = ones / (zeros + ones)
            else:
                self.splits_left -= 1
                self.new = list(self._parted(node.rows, node.split))

    def _parted(self, rows: Mixed, split: Split) -> Iterator[_Node]:
        value = self.known.value[self.known.codes[rows.kinds, split.feature]]
        is_left = value <= np.float64(split.threshold)
        if split.blank_is_left:
            is_left |= np.isnan(value)
        for side in (is_left, ~is_left):
            own = Mixed(rows.kinds[side], rows.zeros[side], rows.ones[side], rows.turns)
            yield _Node(own)


def _is_mixed(rows: Mixed) -> bool:
    zeros, ones = rows.zeros.sum(), rows.ones.sum()
    return bool(zeros and ones and zeros + ones >= 2 * FEWEST_IN_LEAF)
