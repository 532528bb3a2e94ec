import numpy as np
import pytest

from dealcast.features.audit.splits import Kinds, Mixed, Split, Turns, best_splits


def split(column: list[float], zeros: list[int], ones: list[int]) -> Split | None:
    """The best split of so many zeros and ones with each of the values."""
    known = Kinds.of(np.array(column)[:, None])
    counts = (np.bincount(known.kind, each) for each in (zeros, ones))
    (found,) = best_splits(known, [Mixed(np.arange(len(known.codes)), *counts, Turns(1, 0))])
    return found


def test_rows_that_are_alike_are_one_kind_and_blanks_are_alike() -> None:
    known = Kinds.of(np.array([[1.0, np.nan], [2.0, 5.0], [1.0, np.nan]]))

    assert known.kind[0] == known.kind[2] != known.kind[1]
    assert np.isnan(known.value[known.codes[known.kind[0], 1]])


def test_the_threshold_lies_between_the_values_that_it_parts() -> None:
    found = split([1.0, 2.0, 4.0], [20, 20, 0], [0, 0, 20])

    assert found is not None
    assert found.threshold == 3.0
    assert found.gain == pytest.approx(2 * (20 / 60) * (40 / 60))


def test_blanks_go_where_they_leave_least_mixed() -> None:
    like_the_low = split([1.0, 2.0, np.nan], [20, 0, 20], [0, 20, 0])
    unlike_both = split([1.0, 2.0, np.nan], [20, 20, 0], [0, 0, 20])

    assert like_the_low is not None
    assert like_the_low.blank_is_left
    assert unlike_both is not None
    assert unlike_both.threshold == np.inf


@pytest.mark.parametrize(
    ("column", "zeros", "ones"),
    [
        ([1.0, 2.0], [14, 20], [0, 20]),
        ([0.1, 0.1 + 5e-8], [20, 0], [0, 20]),
    ],
)
def test_neither_small_leaves_nor_values_of_one_size_are_parted(column, zeros, ones) -> None:
    assert split(column, zeros, ones) is None


def test_of_equally_good_splits_the_one_whose_turn_is_first_is_taken() -> None:
    known = Kinds.of(np.array([[1.0, 1.0], [2.0, 2.0]]))
    counts = np.array([20.0, 0.0]), np.array([0.0, 20.0])

    taken = {
        best_splits(known, [Mixed(np.arange(2), *counts, Turns(2, seed))])[0].feature
        for seed in range(20)
    }

    assert taken == {0, 1}
