import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcast.features.descriptive.ranking import order_of, ranks

IDS = st.lists(st.text(alphabet="aAzZ09-é\0", max_size=20), unique=True, max_size=40)


@given(IDS, st.sampled_from(["", "0061x00000", "é", "00000000-0000"]))
def test_the_order_is_that_of_the_texts(ids: list[str], prefix: str) -> None:
    texts = pl.Series([prefix + i for i in ids], dtype=pl.String)

    order = order_of(texts)

    assert texts.gather(order).to_list() == texts.sort().to_list()


@pytest.mark.parametrize(
    "ids",
    [
        ["10", "9", "1", ""],
        ["same first bytes b", "same first bytes a", "other"],
        ["x" * 30 + "b", "x" * 30 + "a", "x" * 30],
        ["only one"],
        [],
    ],
)
def test_a_rank_is_the_place_in_the_order(ids: list[str]) -> None:
    ranked = ranks(order_of(pl.Series(ids, dtype=pl.String)))

    assert ranked.to_list() == [sorted(ids).index(i) for i in ids]
    assert ranked.dtype == pl.Int32


def test_ids_in_more_than_one_slice_are_ordered_as_one(monkeypatch) -> None:
    monkeypatch.setattr("dealcast.features.descriptive.ranking.SLICE_ROWS", 3)
    texts = pl.Series([f"id-{i:03}" for i in reversed(range(10))])

    assert order_of(texts).to_list() == list(reversed(range(10)))
