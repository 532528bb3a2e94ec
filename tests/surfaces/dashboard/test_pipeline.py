"""Filters, search, order and pages of the open opportunities."""

from typing import Any

import polars as pl
import pytest

from dealcast.surfaces.dashboard import pipeline
from dealcast.surfaces.dashboard.pipeline import ALL, NONE, SORTS, STALE, Wanted
from dealcast.surfaces.report.kept import Kept

ROWS = pl.DataFrame(
    {
        "opportunity_id": ["O1", "O2", "O3", "O4"],
        "sales_agent": ["Ann", "Bob", None, "Ann"],
        "product": ["Nova", "Nova", "Plus", "Plus"],
        "account": ["Acme [1]", None, None, "Bolt"],
        "region": ["East", "West", None, "East"],
        "grade": ["A", "B", None, "C"],
        "is_stale": [False, False, False, True],
        "p_won_90": [0.6, 0.3, None, 0.1],
        "expected_value": [60.0, 90.0, None, 10.0],
        "amount": [100.0, 300.0, None, 100.0],
    }
)


def ids(rows: pl.DataFrame) -> list[str]:
    return rows["opportunity_id"].to_list()


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (Wanted(), ["O1", "O2", "O3"]),
        (Wanted(stale=ALL), ["O1", "O2", "O3", "O4"]),
        (Wanted(stale=STALE), ["O4"]),
        (Wanted(agents=("Ann",), stale=ALL), ["O1", "O4"]),
        (Wanted(agents=(NONE,)), ["O3"]),
        (Wanted(regions=("East", "West"), products=("Nova",)), ["O1", "O2"]),
        (Wanted(grades=("A", NONE)), ["O1", "O3"]),
        (Wanted(search="  acme [1"), ["O1"]),
        (Wanted(search="ann", stale=ALL), ["O1", "O4"]),
        (Wanted(search=".*"), []),
    ],
)
def test_only_what_is_wanted_is_left(choice: Wanted, left: list[str]) -> None:
    assert ids(pipeline.wanted(ROWS, choice)) == left


def test_a_filter_offers_each_value_once_and_none_for_blanks() -> None:
    assert pipeline.offered(ROWS, "sales_agent") == ["Ann", "Bob", NONE]
    assert pipeline.offered(ROWS, "product") == ["Nova", "Plus"]


@pytest.mark.parametrize(
    ("by", "first"), [("expected value", "O2"), ("chance", "O1"), ("agent", "O1")]
)
def test_those_without_a_value_come_last(by: str, first: str) -> None:
    rows = pipeline.ordered(ROWS, by, 90)

    assert ids(rows)[0] == first
    assert ids(rows)[-1] == "O3"


def test_pages_hold_every_row_once() -> None:
    rows = pl.DataFrame({"n": range(2 * pipeline.PAGE + 1)})

    pages = [pipeline.page_of(rows, at) for at in range(1, pipeline.pages(rows) + 1)]

    assert [p.height for p in pages] == [pipeline.PAGE, pipeline.PAGE, 1]
    assert pl.concat(pages).equals(rows)
    assert pipeline.pages(rows.clear()) == 1


def test_every_order_and_the_table_work_on_what_a_run_keeps(sample: Any) -> None:
    kept = Kept(sample.manifest, sample.store)
    rows, horizon = pipeline.with_regions(kept), kept.figures("score")["horizon_days"]

    for by in SORTS:
        assert pipeline.ordered(rows, by, horizon).height == rows.height
    offices = kept.table("clean", "sales_agents")["regional_office"]
    assert set(rows["region"].drop_nulls()) <= set(offices)
    assert rows["region"].null_count() == rows["sales_agent"].null_count()
    listed = pipeline.listed(rows.head(5), horizon)
    assert listed["chance"].to_list() == [
        None if p is None else p * 100 for p in rows[f"p_won_{horizon}"].head(5)
    ]
