"""Area under the ROC curve (AUC) of scores learnt on one half of the opportunities, on the other.

Scores are small whole numbers, so everything is counted, not sorted: one pass per feature.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dealcast.features.audit.candidates import Audited
from dealcast.features.audit.facts import Label
from dealcast.features.audit.spec import Bools, Ints, NotApplicable

# Fewest rows of each outcome in each half; with fewer, an AUC says nothing.
FEWEST = 25
# A code's mean leans on the mean of all as if that had been seen in so many rows.
PRIOR_ROWS = 5.0


@dataclass(frozen=True, eq=False)
class Labelled:
    """The rows whose label is known, and differs within their stratum.

    Their positions, labels, halves and strata.
    """

    label: Label
    at: Ints
    is_one: Bools
    fold: Ints
    stratum: Ints

    @cached_property
    def tried(self) -> tuple[tuple[Ints, Bools, Ints], ...]:
        """Of the rows of each half: their positions, labels and strata."""
        halves = (self.fold == half for half in (0, 1))
        return tuple((self.at[half], self.is_one[half], self.stratum[half]) for half in halves)

    def halves(self) -> Iterator[tuple[Bools, Bools]]:
        """Which rows to learn from and which to try it on: each half once."""
        for tested in (0, 1):
            yield self.fold != tested, self.fold == tested


def labelled(audited: Audited, label: Label) -> Labelled | NotApplicable:
    """The rows whose label can be compared, if there are enough of each outcome."""
    column = audited.candidates.facts[label.column]
    at = column.is_not_null().arg_true().to_numpy().astype(np.int64)
    is_one = column.gather(at).to_numpy() == 1
    comparable = _has_both(audited.strata[at], is_one)
    at, is_one = at[comparable], is_one[comparable]
    fold = audited.folds[at]
    fewest = np.bincount(2 * fold + is_one, minlength=4).min()
    if fewest < FEWEST:
        return NotApplicable(
            f"{fewest} rows of one outcome ({label.words}) in one half of the opportunities can "
            f"be compared with others of their age; {FEWEST} are needed"
        )
    stratum = np.unique(audited.strata[at], return_inverse=True)[1]
    return Labelled(label, at, is_one, fold, stratum)


def _has_both(stratum: Ints, is_one: Bools) -> Bools:
    """Whether the stratum of each row has both outcomes."""
    size = int(stratum.max(initial=0)) + 1
    ones, zeros = (np.bincount(stratum[w], minlength=size) > 0 for w in (is_one, ~is_one))
    both: Bools = (ones & zeros)[stratum]
    return both


def all_labelled(audited: Audited, *, timeless: bool = False) -> list[Labelled] | NotApplicable:
    """Those of the labels that have enough rows; why not, where none has.

    `timeless`: only those that are not about time.
    """
    labels = [one for one in audited.candidates.labels if not (timeless and one.is_about_time)]
    found = [labelled(audited, label) for label in labels]
    enough = [one for one in found if isinstance(one, Labelled)]
    reasons = [one for one in found if isinstance(one, NotApplicable)]
    return enough or reasons[0]


def counted(codes: Ints, rows: Labelled) -> Ints:
    """How many rows there are in each half, of each outcome, with each code: [half, outcome, code].

    >>> at = np.array([0, 1])
    >>> rows = Labelled(Label("won", "won"), at, np.array([True, False]), np.array([0, 0]), at)
    >>> counted(np.array([2, 1]), rows)[0].tolist()
    [[0, 1, 0], [0, 0, 1]]
    """
    size = int(codes.max(initial=0)) + 1
    cell = (2 * rows.fold + rows.is_one) * size + codes[rows.at]
    return np.bincount(cell, minlength=4 * size).reshape(2, 2, size)


def crossfitted_auc(codes: Ints, rows: Labelled) -> float:
    """AUC of a code's mean label, learnt on the other half of the opportunities."""
    counts = counted(codes, rows)
    found = []
    for learnt, (at, is_one, stratum) in zip(counts[::-1], rows.tried, strict=True):
        found.append(auc(_ranks(learnt)[codes[at]], is_one, stratum))
    return float(np.mean(found))


def balanced_accuracy(counts: Ints) -> float:
    """Mean of both recalls of the best map from codes to the label, learnt on the other half."""
    recalls = []
    for tested in (0, 1):
        learnt, tried = counts[1 - tested], counts[tested]
        zeros, ones = learnt / learnt.sum(axis=1, keepdims=True)
        recalls += [tried[0, ones <= zeros].sum() / tried[0].sum()]
        recalls += [tried[1, ones > zeros].sum() / tried[1].sum()]
    return float(np.mean(recalls))


def auc(score: Ints, is_one: Bools, stratum: Ints) -> float:
    """Share of pairs (one, zero) of the same stratum in which the one has the higher score.

    A tie is half a pair; .5 where there is no pair.

    >>> auc(np.array([2, 1, 0]), np.array([True, False, False]), np.zeros(3, dtype=int))
    1.0
    """
    width = int(score.max(initial=0)) + 1
    cell = stratum * width + score
    every, ones = np.bincount(cell), np.bincount(cell, is_one)
    # Of all scores in all strata, few occur.
    seen = np.flatnonzero(every)
    ones, zeros, within = ones[seen], every[seen] - ones[seen], seen // width
    ones_within, zeros_within = np.bincount(within, ones), np.bincount(within, zeros)
    pairs = (ones_within * zeros_within).sum()
    lower = zeros.cumsum() - zeros / 2 - (zeros_within.cumsum() - zeros_within)[within]
    return float((ones * lower).sum() / pairs) if pairs else 0.5


def _ranks(learnt: Ints) -> Ints:
    """The rank of each code's mean label, from its counts [outcome, code]."""
    ones, every = learnt[1], learnt.sum(axis=0)
    means = (ones + PRIOR_ROWS * ones.sum() / every.sum()) / (every + PRIOR_ROWS)
    ranks: Ints = np.unique(means, return_inverse=True)[1]
    return ranks
