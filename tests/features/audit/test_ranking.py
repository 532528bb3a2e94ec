import numpy as np
import pytest

from dealcast.features.audit.ranking import all_labelled, auc, balanced_accuracy, crossfitted_auc
from dealcast.features.audit.spec import NotApplicable


@pytest.mark.parametrize(
    ("score", "is_one", "stratum", "share"),
    [
        ([0, 1, 2], [0, 0, 1], [0, 0, 0], 1.0),
        ([2, 1, 0], [0, 0, 1], [0, 0, 0], 0.0),
        ([1, 1], [0, 1], [0, 0], 0.5),
        ([0, 1, 5, 6], [0, 1, 0, 1], [0, 0, 1, 1], 1.0),
        ([0, 1], [0, 1], [0, 1], 0.5),
    ],
)
def test_auc_is_the_share_of_pairs_of_a_stratum_in_order(score, is_one, stratum, share) -> None:
    assert auc(np.array(score), np.array(is_one) == 1, np.array(stratum)) == share


def test_codes_learnt_on_one_half_say_nothing_of_the_other_where_none_recurs(audited) -> None:
    ask = audited({"id": list(range(200))})
    (rows,) = all_labelled(ask)

    assert crossfitted_auc(ask.codes["id"], rows) == 0.5


def test_a_copy_ranks_perfectly(audited) -> None:
    ask = audited({"copy": [7 + 2 * (i % 2) for i in range(200)]})
    (rows,) = all_labelled(ask)

    assert crossfitted_auc(ask.codes["copy"], rows) == 1.0


def test_the_best_map_is_judged_by_both_recalls() -> None:
    half = [[90, 10], [5, 15]]

    assert balanced_accuracy(np.array([half, half])) == pytest.approx((0.9 + 0.75) / 2)


def test_too_few_rows_to_compare_are_not_applicable(audited) -> None:
    alone_in_its_stratum = audited({"x": [1] * 200}, stratum=list(range(200)))

    for ask in (audited({"x": [1] * 40}), alone_in_its_stratum):
        found = all_labelled(ask)
        assert isinstance(found, NotApplicable)
        assert "25 are needed" in found.why


def test_an_opportunity_is_in_one_half_with_all_its_rows(audited) -> None:
    ask = audited({"x": [0] * 100})
    twice = ask.candidates.facts.with_columns(opportunity_id=np.arange(100) // 2)
    object.__setattr__(ask.candidates, "facts", twice)

    assert (ask.folds[::2] == ask.folds[1::2]).all()
    assert 20 <= ask.folds.sum() <= 80
