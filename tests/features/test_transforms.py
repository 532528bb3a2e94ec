import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import LabelEncoder as SklearnLabelEncoder
from sklearn.preprocessing import StandardScaler as SklearnStandardScaler

from dealcast.errors import ModelError
from dealcast.features.transforms import UNSEEN, FittedTransforms, StandardScaler

PRODUCTS = ["GTX Pro", "MG", None, "gtx", "Ünder", "GTX Pro", "A"]
PRICES = [4821.0, 55.0, None, 3.5, 1e9, -2.0, 0.0]


def fitted() -> FittedTransforms:
    frame = pl.DataFrame({"product": PRODUCTS, "price": PRICES})
    return FittedTransforms.fit(frame, encode=["product"], scale=["price"])


def test_codes_are_those_of_scikit_learn_and_null_stays_null() -> None:
    codes = fitted().apply(pl.DataFrame({"product": PRODUCTS, "price": PRICES}))["product_encoded"]

    named = [p for p in PRODUCTS if p is not None]
    assert codes.drop_nulls().to_list() == SklearnLabelEncoder().fit_transform(named).tolist()
    assert codes.is_null().to_list() == [p is None for p in PRODUCTS]


def test_scaled_values_are_those_of_scikit_learn_without_the_nulls() -> None:
    scaled = fitted().apply(pl.DataFrame({"product": PRODUCTS, "price": PRICES}))["price_scaled"]

    expected = SklearnStandardScaler().fit_transform(np.array(PRICES, float).reshape(-1, 1)).ravel()
    assert scaled.is_null().to_list() == [p is None for p in PRICES]
    np.testing.assert_allclose(scaled.drop_nulls(), expected[~np.isnan(expected)], rtol=1e-12)


@pytest.mark.parametrize("value", [0.1, 7.0])
def test_a_constant_column_becomes_zero(value: float) -> None:
    frame = pl.DataFrame({"x": [value] * 7})

    scaled = FittedTransforms.fit(frame, encode=[], scale=["x"]).apply(frame)["x_scaled"]

    assert scaled.to_list() == pytest.approx([0.0] * 7, abs=1e-12)


@pytest.mark.parametrize("rows", [0, 3])
def test_columns_without_a_value_stay_without(rows: int) -> None:
    frame = pl.DataFrame({"x": [None] * rows, "t": [None] * rows}).cast(
        {"x": pl.Float64, "t": pl.String}
    )

    result = FittedTransforms.fit(frame, encode=["t"], scale=["x"]).apply(frame)

    assert result["x_scaled"].null_count() == result["t_encoded"].null_count() == rows


def test_an_unseen_category_has_a_code_of_its_own() -> None:
    result = fitted().apply(
        pl.DataFrame({"product": ["new", "MG", None], "price": [1.0, 2.0, 3.0]})
    )

    assert UNSEEN not in range(len(fitted().encoders["product"].categories))
    assert result["product_encoded"].to_list() == [UNSEEN, 2, None]


@pytest.mark.parametrize("rows", [0, 7])
def test_what_was_fitted_survives_the_file_exactly(rows: int) -> None:
    frame = pl.DataFrame({"product": PRODUCTS, "price": PRICES}).head(rows)
    before = FittedTransforms.fit(frame, encode=["product"], scale=["price"])

    after = FittedTransforms.from_parquet(before.to_parquet())

    assert after == before
    assert after.encoders["product"].categories.to_list() == sorted({*PRODUCTS[:rows]} - {None})


def test_rows_without_a_fitted_column_are_refused_by_name() -> None:
    with pytest.raises(ModelError, match="'price'"):
        fitted().apply(pl.DataFrame({"product": ["MG"]}))


def test_a_row_that_stands_for_many_counts_as_often() -> None:
    rows = pl.DataFrame({"x": [1.0, None, 5.0, 5.0, 5.0]})
    counted = pl.DataFrame({"x": [1.0, None, 5.0], "n": [1, 1, 3]})

    once = FittedTransforms.fit(rows, encode=[], scale=["x"]).scalers["x"]
    often = FittedTransforms.fit_counted(counted, counted["n"], encode=[], scale=["x"]).scalers["x"]

    assert often.mean == pytest.approx(once.mean, rel=1e-15)
    assert often.deviation == pytest.approx(once.deviation, rel=1e-15)


def test_no_order_of_counted_rows_changes_a_bit() -> None:
    drawn = np.random.default_rng(0)
    # Many rows of the same value that count differently often.
    counted = pl.DataFrame({"x": drawn.choice([0.1, 0.7], 200), "n": drawn.integers(1, 50, 200)})

    orders = (counted.sample(fraction=1, shuffle=True, seed=seed) for seed in range(20))
    fitted = [FittedTransforms.fit_counted(c, c["n"], encode=[], scale=["x"]) for c in orders]

    assert len({f.scalers["x"] for f in fitted}) == 1


def test_a_row_that_never_counts_teaches_nothing() -> None:
    counted = pl.DataFrame({"t": ["a", "b"], "x": [1.0, 5.0], "n": [3, 0]})

    some = FittedTransforms.fit_counted(counted, counted["n"], encode=["t"], scale=["x"])
    none = FittedTransforms.fit_counted(counted, counted["n"] * 0, encode=["t"], scale=["x"])

    assert some.encoders["t"].categories.to_list() == ["a"]
    assert some.scalers["x"] == StandardScaler(1.0, 1.0)
    assert none.encoders["t"].categories.to_list() == []
    assert none.scalers["x"] == StandardScaler(None, None)


def test_transforms_of_parts_are_one_for_all_their_columns() -> None:
    price = FittedTransforms.fit(pl.DataFrame({"price": [1.0, 2.0]}), encode=[], scale=["price"])
    product = FittedTransforms.fit(pl.DataFrame({"product": ["A"]}), encode=["product"], scale=[])

    assert product.together_with(price).apply(pl.DataFrame({"product": ["A"], "price": [1.5]})).row(
        0
    ) == ("A", 1.5, 0, 0.0)
