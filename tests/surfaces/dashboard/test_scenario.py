"""The scenario moves the parts of the forecast, and what groups are to bring."""

from typing import Any

import polars as pl
import pytest

from dealcast.contracts import Forecast
from dealcast.surfaces.dashboard import pipeline, scenario
from dealcast.surfaces.dashboard.scenario import AS_ISSUED, Scenario
from dealcast.surfaces.report.blocks import Lead, Nothing
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.shape import Table
from dealcast.surfaces.words import count


@pytest.fixture
def kept(sample: Any) -> Kept:
    return Kept(sample.manifest, sample.store)


def test_as_issued_nothing_moves(kept: Kept) -> None:
    issued = kept.table("forecast", "forecast")

    moved = scenario.under(issued, AS_ISSUED)

    assert (moved["forecast"] - issued["forecast"]).abs().max() == pytest.approx(0, abs=1e-6)


def test_each_part_moves_by_its_own_slider_and_what_is_booked_stays(kept: Kept) -> None:
    issued = kept.table("forecast", "forecast")

    moved = scenario.under(issued, Scenario(win_rate=1.2, new_business=0.5))

    Forecast.validate(moved)
    assert moved["booked"].equals(issued["booked"])
    assert moved["pipeline"].to_list() == pytest.approx((issued["pipeline"] * 1.2).to_list())
    assert moved["new_business"].to_list() == pytest.approx((issued["new_business"] / 2).to_list())


def test_an_interval_keeps_its_proportion_to_the_forecast(kept: Kept) -> None:
    issued = kept.table("forecast", "forecast").filter(pl.col("low").is_not_null())

    moved = scenario.under(issued, Scenario(win_rate=0.5, new_business=1.5))

    for end in ("low", "high"):
        before, after = issued[end] / issued["forecast"], moved[end] / moved["forecast"]
        assert after.to_list() == pytest.approx(before.to_list())


def test_a_period_of_nothing_stays_nothing() -> None:
    nothing = pl.DataFrame(
        {
            "booked": [0.0], "pipeline": [0.0], "new_business": [0.0], "forecast": [0.0],
            "low": [0.0], "high": [5.0],
        }
    )  # fmt: skip

    assert scenario.under(nothing, Scenario(2.0, 2.0)).row(0) == (0.0, 0.0, 0.0, 0.0, 0.0, 5.0)


@pytest.mark.parametrize("by", ["region", "product", "sales_agent"])
def test_groups_add_up_to_all_that_is_open(kept: Kept, by: str) -> None:
    scores = pipeline.with_regions(kept)

    groups = scenario.worth_by(scores, by, Scenario(win_rate=1.5))

    assert groups["opportunities"].sum() == scores.height
    assert groups["expected"].sum() == pytest.approx(scores["expected_value"].sum() * 1.5)
    assert groups["expected"].is_sorted(descending=True)


def test_the_lead_says_what_changes_of_the_quarter(kept: Kept) -> None:
    quarter = pl.col("period_kind") == "quarter"
    issued = kept.table("forecast", "forecast").filter(quarter)["forecast"][0]

    same, *_ = scenario.told(kept, AS_ISSUED)
    lead, _, table = scenario.told(kept, Scenario(2.0, 2.0))

    assert isinstance(same, Lead)
    assert f"As issued, {count(issued)}" in same.text
    assert isinstance(lead, Lead)
    assert f"{count(issued * 2)} USD" in lead.text
    assert "(+100.0%)" in lead.text
    assert isinstance(table, Table)
    assert len(table.rows) == kept.table("forecast", "forecast").filter(
        pl.col("period_kind") != "week"
    ).height  # fmt: skip


def test_without_open_opportunities_there_is_nothing_by_group(kept: Kept) -> None:
    blocks = list(scenario.by_group(kept, pipeline.with_regions(kept).clear(), "region", AS_ISSUED))

    assert [type(b) for b in blocks] == [Nothing]
