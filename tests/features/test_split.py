from datetime import date, timedelta

import polars as pl
import pytest

from dealcast.contracts import FeatureSplit
from dealcast.features.split import KINDS, divide


def split(rows: pl.DataFrame, kind, **chosen) -> pl.DataFrame:
    return divide(rows.lazy(), kind, **chosen).parts(rows)


def described(days: list[int | None]) -> pl.DataFrame:
    """Opportunities engaged so many days after the first."""
    return pl.DataFrame(
        {
            "opportunity_id": [f"o{i:02}" for i in range(len(days))],
            "opportunity_id_encoded": list(range(len(days))),
            "engage_date": [d if d is None else date(2017, 1, 1) + timedelta(d) for d in days],
        },
        schema_overrides={"engage_date": pl.Date, "opportunity_id_encoded": pl.Int32},
    )


def test_the_latest_engage_dates_test() -> None:
    parts = split(described([5, 1, 3, 2, 4]), "time", test_share=0.4)

    assert parts["part"].to_list() == ["test", "train", "train", "train", "test"]
    assert FeatureSplit.is_valid(parts)


def test_a_date_is_never_divided() -> None:
    parts = split(described([1, 2, 2, 2, 3]), "time", test_share=0.4)

    assert parts["part"].to_list() == ["train", "train", "train", "train", "test"]


def test_who_is_not_engaged_yet_comes_last() -> None:
    parts = split(described([1, None, 3, 2, None]), "time", test_share=0.6)

    assert parts["part"].to_list() == ["train", "test", "test", "train", "test"]


def test_a_random_part_has_the_share_asked_for_and_says_that_it_leaks() -> None:
    rows = described(list(range(50)))

    parts = split(rows, "random", test_share=0.2, seed=1)

    assert (parts["part"] == "test").sum() == 10
    assert parts["kind"].unique().to_list() == ["random"]
    assert KINDS["random"].startswith("leaks")
    assert FeatureSplit.is_valid(parts)
    assert not parts.equals(split(rows, "random", test_share=0.2, seed=2))


@pytest.mark.parametrize("kind", ["time", "random"])
def test_the_order_of_the_rows_does_not_matter(kind) -> None:
    rows = described([i // 2 for i in range(40)] + [None] * 3)

    before = split(rows, kind, seed=3)
    shuffled = split(rows.sample(fraction=1, shuffle=True, seed=5), kind, seed=3)

    assert shuffled.sort("opportunity_id").equals(before.sort("opportunity_id"))


@pytest.mark.parametrize("kind", ["time", "random"])
def test_no_rows_have_no_parts(kind) -> None:
    assert split(described([]), kind).height == 0


def test_on_the_real_data_no_trained_row_was_engaged_after_a_tested_one(real_tables) -> None:
    rows = real_tables.opportunities.collect()

    parts = split(rows, "time", test_share=0.2)

    tested = rows.filter(parts["part"] == "test")
    trained = rows.filter(parts["part"] == "train")
    assert 0.18 * rows.height < tested.height <= 0.2 * rows.height
    assert trained["engage_date"].max() < tested["engage_date"].min()
    assert tested["engage_date"].null_count() == 500
