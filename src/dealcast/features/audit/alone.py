"""LK2 and LK3: what one feature, or one group, tells all by itself. LK5: a label in disguise."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.features.audit.candidates import Audited
from dealcast.features.audit.ranking import (
    Labelled,
    all_labelled,
    auc,
    balanced_accuracy,
    counted,
    crossfitted_auc,
)
from dealcast.features.audit.spec import Finding, Findings, Ints, NotApplicable
from dealcast.features.audit.splits import Kinds
from dealcast.features.audit.tree import learnt_shares

BALANCED_ACCURACY = 0.99
# Opportunities a group is tried on: enough for a tree, and quick.
ROWS_OF_A_GROUP = 10_000


def feature_alone(audited: Audited) -> Findings:
    """The highest AUC that each feature reaches alone, over the labels."""
    labels = all_labelled(audited)
    if isinstance(labels, NotApplicable):
        return dict.fromkeys(audited.candidates.features, labels)
    limit = audited.settings.max_auc_alone
    return _each(
        audited,
        lambda codes: _strongest(((crossfitted_auc(codes, r), r) for r in labels), limit),
    )


def target_in_disguise(audited: Audited) -> Findings:
    """Best balanced accuracy of a map from values, or from presence alone, to a label."""
    labels = all_labelled(audited, timeless=True)
    if isinstance(labels, NotApplicable):
        return dict.fromkeys(audited.candidates.features, labels)

    def best(codes: Ints) -> Finding:
        tried = (
            (balanced_accuracy(counts), rows)
            for rows in labels
            for by_code in (counted(codes, rows),)
            for counts in (by_code, _by_presence(by_code))
        )
        return _strongest(tried, BALANCED_ACCURACY)

    return _each(audited, best)


def _by_presence(counts: Ints) -> Ints:
    """The same counts for two codes: blank, and not blank."""
    return np.stack([counts[..., 0], counts[..., 1:].sum(axis=-1)], axis=-1)


def group_alone(audited: Audited) -> Findings:
    """The highest AUC that the features of each group reach together, those that failed left out.

    One figure for all of the group: which of them is to blame, the test cannot say.
    """
    labels = all_labelled(audited)
    findings: Findings = {}
    for name, members in audited.candidates.groups.items():
        others = [m for m in members if m not in audited.suspects and m in audited.values]
        finding = _group(audited, name, others, labels)
        for member in members:
            out = member in audited.suspects
            findings[member] = NotApplicable("it failed alone") if out else finding
    return findings


def _group(
    audited: Audited, name: str, members: Sequence[str], labels: list[Labelled] | NotApplicable
) -> Finding | NotApplicable:
    if isinstance(labels, NotApplicable):
        return labels
    if len(members) <= 1:
        return NotApplicable(f"group '{name}' has no other feature than those that failed alone")
    matrix = np.column_stack([_numbers(audited.values[m], audited.codes[m]) for m in members])
    fewer = [_fewer(rows, audited) for rows in labels]
    found = _tree_aucs(Kinds.of(matrix), fewer, audited.seed)
    return _strongest(zip(found, labels, strict=True), audited.settings.max_auc_alone)


def _numbers(values: pl.Series, codes: Ints) -> npt.NDArray[np.float64]:
    """Numbers as they are, texts as codes; NaN where null."""
    if values.dtype == pl.String:
        return np.where(codes > 0, codes, np.nan)
    return values.to_numpy()


def _fewer(rows: Labelled, audited: Audited) -> Labelled:
    """At most ROWS_OF_A_GROUP of the rows."""
    order = np.random.default_rng(audited.seed).permutation(len(rows.at))[:ROWS_OF_A_GROUP]
    return replace(
        rows,
        at=rows.at[order],
        is_one=rows.is_one[order],
        fold=rows.fold[order],
        stratum=rows.stratum[order],
    )


def _tree_aucs(kinds: Kinds, labels: Sequence[Labelled], seed: int) -> list[float]:
    """For each label, the AUC of a tree learnt on one half of the opportunities, on the other."""
    # One tree: boosting is no better at seeing a giveaway, and its threads crawl on a busy machine.
    tasks = [(rows, *half) for rows in labels for half in rows.halves()]
    lessons = [(kinds.kind[rows.at[learnt]], rows.is_one[learnt]) for rows, learnt, _ in tasks]
    found = []
    for (rows, _, tried), share in zip(
        tasks, learnt_shares(kinds, lessons, seed=seed), strict=True
    ):
        rank = np.unique(share, return_inverse=True)[1][kinds.kind[rows.at[tried]]]
        found.append(auc(rank, rows.is_one[tried], rows.stratum[tried]))
    return [float(mean) for mean in np.reshape(found, (len(labels), -1)).mean(axis=1)]


def _each(audited: Audited, find: Callable[[Ints], Finding]) -> Findings:
    return {
        name: find(audited.codes[name])
        if name in audited.codes
        else NotApplicable(f"values of type {audited.candidates.frame[name].dtype}")
        for name in audited.candidates.features
    }


def _strongest(tried: Iterable[tuple[float, Labelled]], limit: float) -> Finding:
    figure, rows = max(tried, key=lambda one: one[0])
    return Finding(figure, figure > limit, f"tells best: {rows.label.words}")
