from datetime import date

import narwhals as nw
import polars as pl
import pytest

from dealcast.features.build import build_features
from dealcast.features.columns import Lens
from dealcast.features.spec import FeatureSpec, Leak, Measure

COUNT = Measure.count()
WON = Measure.count(where=lambda col: col("won") == 1)
VALUE = Measure.sum(lambda col: col("close_value"))


def day(of_march: int) -> date:
    return date(2017, 3, of_march)


def feature(lens, measure, *, entity="sales_agent", window=None) -> FeatureSpec:
    return FeatureSpec(
        name="x",
        entity=entity,
        dtype=nw.Float64,
        unit="USD",
        meaning="Measured.",
        lens=lens,
        leak=Leak.SAFE,
        measure=measure,
        window_days=window,
    )


def measured(crm, rows, asked, spec: FeatureSpec) -> list[float | None]:
    """The feature of the open opportunity "asked" of agent Ann, on the asked days."""
    tables = crm([("asked", "Ann", "X", "Engaging", day(1), None, None), *rows])
    snapshots = pl.LazyFrame({"opportunity_id": "asked", "snapshot_date": asked})
    return build_features(snapshots, tables, [spec]).sort("snapshot_date").collect()["x"].to_list()


def test_a_close_counts_from_the_day_after_it(crm) -> None:
    rows = [("a", "Ann", "X", "Won", day(2), day(10), 100.0)]

    assert measured(crm, rows, [day(9), day(10), day(11)], feature(Lens.CLOSED, COUNT)) == [0, 0, 1]


def test_a_close_leaves_the_window_when_it_is_older_than_that(crm) -> None:
    rows = [
        ("a", "Ann", "X", "Won", day(2), day(10), 100.25),
        ("b", "Ann", "X", "Lost", day(2), day(12), 0.0),
    ]
    asked = [day(10), day(11), day(17), day(18), day(19), day(20)]

    assert measured(crm, rows, asked, feature(Lens.CLOSED, COUNT, window=7)) == [0, 1, 2, 1, 1, 0]
    assert measured(crm, rows, asked, feature(Lens.CLOSED, VALUE, window=7)) == [
        0,
        100.25,
        100.25,
        0,
        0,
        0,
    ]


def test_an_open_one_counts_from_engaging_until_the_day_before_its_close(crm) -> None:
    rows = [("a", "Ann", "X", "Won", day(5), day(10), 100.0)]
    asked = [day(4), day(5), day(9), day(10)]

    assert measured(crm, rows, asked, feature(Lens.OPEN, COUNT)) == [1, 2, 2, 1]


def test_a_window_on_open_ones_counts_those_engaged_within_it(crm) -> None:
    rows = [
        ("a", "Ann", "X", "Engaging", day(5), None, None),
        ("b", "Ann", "X", "Won", day(5), day(7), 100.0),
    ]
    asked = [day(5), day(6), day(7), day(11), day(12)]

    assert measured(crm, rows, asked, feature(Lens.OPEN, COUNT, window=7)) == [3, 3, 2, 1, 0]


def test_what_opens_and_closes_on_one_day_is_never_open(crm) -> None:
    rows = [("a", "Ann", "X", "Lost", day(5), day(5), 0.0)]

    assert measured(crm, rows, [day(5), day(6)], feature(Lens.OPEN, COUNT)) == [1, 1]


def test_the_history_of_others_and_of_no_one_is_not_that_of_the_agent(crm) -> None:
    rows = [
        ("a", "Bob", "X", "Won", day(2), day(3), 100.0),
        ("b", None, "X", "Won", day(2), day(3), 100.0),
    ]

    assert measured(crm, rows, [day(9)], feature(Lens.CLOSED, COUNT)) == [0]
    assert measured(crm, rows, [day(9)], feature(Lens.CLOSED, COUNT, entity="everyone")) == [2]


def test_a_ratio_is_null_while_there_is_nothing_to_divide_by(crm) -> None:
    rows = [
        ("a", "Ann", "X", "Won", day(2), day(10), 100.0),
        ("b", "Ann", "X", "Lost", day(2), day(11), 0.0),
    ]
    rate = Measure.ratio(WON, COUNT)

    assert measured(crm, rows, [day(10), day(11), day(12)], feature(Lens.CLOSED, rate)) == [
        None,
        1.0,
        0.5,
    ]


def test_a_shrunk_rate_leans_on_that_of_everyone_as_known_on_the_date(crm) -> None:
    rows = [
        ("a", "Ann", "X", "Won", day(2), day(10), 100.0),
        ("b", "Bob", "X", "Lost", day(2), day(3), 0.0),
        ("c", "Bob", "X", "Lost", day(2), day(11), 0.0),
    ]
    rate = Measure.ratio(WON, COUNT, prior_strength=4)
    asked = [day(3), day(4), day(11), day(12)]

    assert measured(crm, rows, asked, feature(Lens.CLOSED, rate)) == [
        None,
        pytest.approx((0 + 4 * 0) / (0 + 4)),
        pytest.approx((1 + 4 * 1 / 2) / (1 + 4)),
        pytest.approx((1 + 4 * 1 / 3) / (1 + 4)),
    ]


def test_a_sum_of_cents_that_came_and_went_leaves_exactly_nothing(crm) -> None:
    rows = [(str(i), "Ann", "X", "Won", day(2), day(3), 0.1 * i) for i in range(1, 40)]

    assert measured(crm, rows, [day(4), day(20)], feature(Lens.CLOSED, VALUE, window=7)) == [
        78.0,
        0.0,
    ]
