"""Layers: who is too old to close, and for how long the day that parts them stays."""

from datetime import date, timedelta

import polars as pl
import pytest

from dealcast.contracts import EARLIEST
from dealcast.workflow import layers
from dealcast.workflow.layers import LIVE, SETTLED, boundary, layer_of, of_layer
from dealcast.workflow.parts import Part

AS_OF = date(2017, 12, 31)
DATES = [date(2017, 6, 5), date(2017, 12, 25)]
ONES = pl.LazyFrame(
    {
        "opportunity_id": ["A", "B", "C", "D"],
        "engage_date": [date(2017, 3, 1), date(2017, 5, 1), date(2017, 12, 1), None],
        "close_date": [date(2017, 6, 9), None, None, None],  # A after 100 days
    },
    schema_overrides={"engage_date": pl.Date, "close_date": pl.Date},
)
HUNDRED = timedelta(100)


@pytest.fixture
def however_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "LAYERED_ROWS", 0)


@pytest.mark.usefixtures("however_few")
def test_the_boundary_is_the_longest_cycle_ago() -> None:
    assert boundary(ONES, DATES, as_of=AS_OF) == AS_OF - HUNDRED


def test_few_snapshots_are_not_parted() -> None:
    assert boundary(ONES, DATES, as_of=AS_OF) == EARLIEST


@pytest.mark.usefixtures("however_few")
@pytest.mark.parametrize(
    ("former", "expected"),
    [
        (AS_OF - HUNDRED, AS_OF - HUNDRED),
        (AS_OF - 2 * HUNDRED, AS_OF - 2 * HUNDRED),
        (AS_OF - 2 * HUNDRED - timedelta(1), AS_OF - HUNDRED),
        (EARLIEST, AS_OF - HUNDRED),
    ],
)
def test_a_former_boundary_stays_for_two_longest_cycles(former: date, expected: date) -> None:
    assert boundary(ONES, DATES, as_of=AS_OF, former=former) == expected


@pytest.mark.usefixtures("however_few")
def test_a_close_that_is_not_known_yet_makes_no_cycle_longer() -> None:
    later = ONES.with_columns(close_date=pl.col("close_date").fill_null(date(2018, 6, 1)))

    assert boundary(later, DATES, as_of=AS_OF) == AS_OF - HUNDRED


def test_every_opportunity_that_was_engaged_is_in_one_layer() -> None:
    names = {
        layer: of_layer(ONES, layer, date(2017, 5, 1)).collect()["opportunity_id"].to_list()
        for layer in (SETTLED, LIVE)
    }

    assert names == {SETTLED: ["A"], LIVE: ["B", "C"]}


def test_the_name_of_a_file_tells_its_layer() -> None:
    assert layer_of(Part("settled-00003-ab.parquet", 1, *DATES)) == SETTLED
