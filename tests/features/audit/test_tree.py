import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from dealcast.features.audit.splits import FEWEST_IN_LEAF, Kinds
from dealcast.features.audit.tree import LEAVES, learnt_shares


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of every sort, whether each row is a one, and which rows to learn from."""
    draw = np.random.default_rng(seed)
    n = 1_200
    few, many = draw.integers(0, 5, n) * 1.0, draw.normal(size=n)
    some_blank = np.where(draw.random(n) < 0.3, np.nan, draw.integers(0, 20, n))
    mostly_blank = np.where(draw.random(n) < 0.9, np.nan, 1.0)
    nearly_constant = draw.random(n) * 1e-8
    alike = 3 * few + 1  # splits as well as `few`, so which is taken is chance
    columns = [few, many, some_blank, mostly_blank, nearly_constant, alike, np.zeros(n)]
    is_one = few + np.nan_to_num(some_blank) / 10 + draw.normal(size=n) > 3
    return np.column_stack(columns), is_one, draw.random(n) < 0.6


@pytest.mark.parametrize("seed", range(8))
def test_a_tree_is_that_of_scikit_learn_ties_and_blanks_too(seed: int) -> None:
    matrix, is_one, learnt = drawn(seed)
    known = Kinds.of(matrix)

    (shares,) = learnt_shares(known, [(known.kind[learnt], is_one[learnt])], seed=seed)

    reference = DecisionTreeClassifier(
        max_leaf_nodes=LEAVES, min_samples_leaf=FEWEST_IN_LEAF, random_state=seed
    ).fit(matrix[learnt], is_one[learnt])
    assert len(set(shares)) > 10
    assert shares[known.kind].tolist() == reference.predict_proba(matrix)[:, 1].tolist()


def test_trees_that_grow_together_are_those_that_grow_alone() -> None:
    matrix, is_one, learnt = drawn(0)
    known = Kinds.of(matrix)
    lessons = [(known.kind[rows], is_one[rows]) for rows in (learnt, ~learnt)]

    together = learnt_shares(known, lessons, seed=1)

    alone = [learnt_shares(known, [lesson], seed=1)[0] for lesson in lessons]
    assert [t.tolist() for t in together] == [a.tolist() for a in alone]


def test_rows_of_one_outcome_are_one_leaf() -> None:
    known = Kinds.of(np.arange(40.0)[:, None])

    (shares,) = learnt_shares(known, [(known.kind, np.ones(40, dtype=bool))], seed=0)

    assert set(shares) == {1.0}
