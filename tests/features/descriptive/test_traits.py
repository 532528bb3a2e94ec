from datetime import date

import polars as pl
import pytest

from dealcast.features.descriptive.traits import Trait, traits_of

STAGES = ["Won", "Lost", "Engaging", "Prospecting", "Won"]


@pytest.fixture
def traits() -> dict[str, Trait]:
    day = date(2017, 1, 1)
    opportunities = pl.LazyFrame(
        {
            "deal_stage": STAGES,
            "sales_agent": ["Bob", "Ann", None, "Bob", "Bob"],
            "product": pl.Series([None] * 5, dtype=pl.String),
            "account": ["Acme"] * 5,
            "engage_date": [day, date(2017, 1, 4), day, None, day],
            "close_date": [date(2017, 1, 3), date(2017, 1, 9), None, None, day],
            "close_value": [2_000.0, 0.0, None, None, 60_000.0],
        }
    )
    return {trait.name: trait for trait in traits_of(opportunities)}


def test_a_text_has_one_row_per_value_and_counts_its_opportunities(traits) -> None:
    agents = traits["sales_agent"].values.sort("sales_agent")

    assert agents["sales_agent"].to_list() == ["Ann", "Bob"]
    assert agents["opportunities"].to_list() == [1, 3]
    assert agents["closed"].to_list() == [1, 2]
    assert agents["won"].to_list() == [0, 2]


def test_numbers_stand_at_their_distance_from_the_least(traits) -> None:
    engaged = traits["engage_date"]

    assert engaged.positions.to_list() == [0, 3, 0, None, 0]
    assert engaged.values["engage_date"].to_list() == [date(2017, 1, d) for d in (1, 2, 3, 4)]
    assert engaged.values["opportunities"].to_list() == [3, 0, 0, 1]


def test_what_none_has_teaches_nothing(traits) -> None:
    bands, fitted = traits["value_band"].described()

    assert fitted.encoders["close_value_category"].categories.to_list() == [
        "Enterprise",
        "Medium",
        "Small",
    ]
    codes = pl.select(bands.of(0, 5))["close_value_category_encoded"]
    assert codes.to_list() == [1, 2, None, None, 0]


def test_positions_take_no_more_room_than_their_values_need(traits) -> None:
    assert {trait.positions.dtype.is_integer() for trait in traits.values()} == {True}
    assert max(trait.positions.estimated_size() for trait in traits.values()) <= 5 + 1


def test_a_trait_that_nobody_has_is_null_everywhere(traits) -> None:
    product, _ = traits["product"].described()

    assert product.values.is_empty()
    assert (
        pl.select(product.of(1, 3)).select("product_popularity", "product_encoded").rows()
        == [(None, None)] * 3
    )
