import json

import polars as pl
import pytest

from dealcast.contracts import DeadPipelineByOwner
from dealcast.forecasting import dead_pipeline

OPEN = pl.DataFrame(
    [
        ("A", "Ann", 500, 100.0, 0.0, True),
        ("B", "Ann", 10, 300.0, 60.0, False),
        ("C", "Bob", 600, 600.0, 1.0, True),
        ("D", None, 700, None, None, True),
        ("E", "Bob", None, 900.0, None, False),
    ],
    schema=["opportunity_id", "sales_agent", "age_days", "amount", "expected_value", "is_stale"],
    orient="row",
)


def test_the_dead_are_counted_and_listed_the_largest_first() -> None:
    report = dead_pipeline(OPEN)

    assert (report.open_opportunities, report.dead_opportunities) == (4, 3)
    assert (report.open_amount, report.dead_amount) == (1_000, 700)
    assert report.dead_share == pytest.approx(0.7)
    assert report.opportunities["opportunity_id"].to_list() == ["C", "A", "D"]


def test_the_haircut_is_what_the_open_amount_is_worth() -> None:
    report = dead_pipeline(OPEN)

    assert report.haircut == pytest.approx(0.061)
    assert report.summary == (
        "3 of 4 open opportunities are older than any that ever closed: 700 of 1,000 (70%); "
        "the open amount is worth 6.1% of what it says. 1 of unknown amount are not in it. "
        "1 not engaged yet are not in it."
    )


def test_each_owner_has_a_row_and_so_has_nobody() -> None:
    owners = dead_pipeline(OPEN).by_owner

    DeadPipelineByOwner.validate(owners)
    assert owners["sales_agent"].to_list() == ["Bob", "Ann", None]
    assert owners["dead_share"].to_list() == [1.0, 0.25, None]
    assert owners["open_opportunities"].sum() == 4


def test_without_any_amount_there_is_no_share_to_speak_of() -> None:
    nothing = pl.lit(None, dtype=pl.Float64)

    report = dead_pipeline(OPEN.with_columns(amount=nothing, expected_value=nothing))

    assert (report.dead_share, report.haircut, report.without_amount) == (None, None, 4)
    assert "no amount is known" in report.summary
    assert json.loads(json.dumps(report.to_dict()))["dead_opportunities"] == 3


def test_nothing_open_is_nothing_dead() -> None:
    report = dead_pipeline(OPEN.clear())

    assert (report.open_opportunities, report.open_amount) == (0, 0)
    assert report.by_owner.is_empty()
