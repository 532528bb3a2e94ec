import numpy as np
import polars as pl
import pytest

from dealcast.modeling.traits import COHORT, Traits


def test_groups_are_null_where_a_part_is_not_known() -> None:
    traits = Traits(
        np.array([0, 13, 14]),
        {"sales_agent": pl.Series(["Ann", None, "Bob"]), "product": pl.Series(["A", "B", None])},
    )

    assert traits.group(["sales_agent"]).to_list() == ["Ann", None, "Bob"]
    assert traits.group([COHORT]).to_list() == ["0", "0", "1"]
    assert [n is None for n in traits.group(["sales_agent", "product"])] == [False, True, True]
    assert traits.group(["account"]).to_list() == [None] * 3


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True])])
def test_traits_are_taken_by_position_and_by_mask(rows: np.ndarray) -> None:
    traits = Traits(np.array([5, 6, 7]), {"product": pl.Series(["A", None, "C"])})

    found = traits.take(rows)

    expected = [7, 5] if rows.dtype == np.int64 else [5, 7]
    assert found.engaged.tolist() == expected
    assert found.names["product"].to_list() == [{5: "A", 7: "C"}[day] for day in expected]


def test_a_part_of_a_part_has_the_groups_that_are_left_in_it() -> None:
    whole = Traits(np.arange(5), {"product": pl.Series(["D", "A", None, "C", "B"])})

    part = whole.take(np.array([4, 2, 3, 1])).take(np.array([False, True, True, True]))

    assert part.engaged.tolist() == [2, 3, 1]
    assert part.names["product"].to_list() == [None, "C", "A"]
    assert part.groups(["product"]).names == ["A", "C"]
    assert part.groups(["product"]).code.tolist() == [2, 1, 0]


@pytest.mark.parametrize("count", [1, 100, 101, 5_000])
def test_groups_are_in_order_of_their_names_and_those_of_no_name_last(count: int) -> None:
    draw = np.random.default_rng(count)
    each = [["Ann", "Zoe", "", "Émile", None][at] for at in draw.integers(0, 5, count)]

    found = Traits(np.zeros(count, dtype=np.int64), {"product": pl.Series(each, dtype=pl.String)})

    groups = found.groups(["product"])
    assert groups.names == sorted({name for name in each if name is not None})
    assert [[*groups.names, None][code] for code in groups.code.tolist()] == each
