import numpy as np
import polars as pl
import pytest

from dealcast.features.audit.coding import MOST_CODES, QUANTILES, coded, is_categorical, plain


def codes_of(values: list[object]) -> np.ndarray:
    return coded(pl.DataFrame({"x": values}))["x"]


def test_null_is_code_0_and_each_value_has_its_own() -> None:
    assert codes_of([5.0, None, 3.0, 5.0]).tolist() == [2, 0, 1, 2]
    assert codes_of(["b", "a", None]).tolist() == [2, 1, 0]


def test_many_numbers_fall_into_quantiles_and_equal_ones_together() -> None:
    codes = codes_of([0.0] * 5_000 + [float(i) for i in range(1, 5_001)])

    assert codes.max() == QUANTILES
    assert len(set(codes[:5_000])) == 1
    assert codes[0] < codes[5_000]


def test_rare_texts_share_the_last_code() -> None:
    codes = codes_of(["common"] * 10 + [f"rare {i}" for i in range(1_000)] + [None])

    assert codes[0] == 1
    assert codes[-1] == 0
    assert (codes == MOST_CODES - 1).sum() == 1_000 - (MOST_CODES - 3)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (pl.Series([True, None]), [1.0, None]),
        (pl.Series([float("nan"), 1.0]), [None, 1.0]),
        (pl.Series(["1970-01-03"]).str.to_date(), [2.0]),
        (pl.Series(["a"], dtype=pl.Categorical), ["a"]),
        (pl.Series([None, None]), [None, None]),
    ],
)
def test_flags_dates_and_categories_are_numbers_or_texts(
    values: pl.Series, kept: list[object]
) -> None:
    assert plain(values.to_frame("x"))["x"].to_list() == kept


def test_few_numbers_are_categories_and_many_are_a_quantity() -> None:
    assert is_categorical(pl.Series([1.0, 2.0, None]))
    assert not is_categorical(pl.Series([float(i) for i in range(21)]))
    assert is_categorical(pl.Series([str(i) for i in range(21)]))
