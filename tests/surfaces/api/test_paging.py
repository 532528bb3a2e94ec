"""Every row that fits exactly once, in order."""

from typing import Any, get_args

import polars as pl
import pytest

from dealcast.surfaces.api.paging import Sort, page
from dealcast.surfaces.api.problems import ProblemError
from servers.api import Api

SCORES = pl.DataFrame(
    {
        "opportunity_id": ["A", "B", "C", "D", "E", "F"],
        "expected_value": [5.0, None, 5.0, 0.1 + 0.2, None, 7.0],
        "grade": ["A", None, "A", "B", None, "A"],
    }
)


def walked(scores: pl.DataFrame, sort: Sort, limit: int, **filters: object) -> list[str]:
    ids: list[str] = []
    cursor = None
    for _ in range(scores.height + 1):
        found = page(scores, filters, sort=sort, limit=limit, cursor=cursor)
        ids += found.rows["opportunity_id"].to_list()
        cursor = found.next_cursor
        if cursor is None:
            return ids
    raise AssertionError("there is no end to it")


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 100])
def test_ties_and_blanks_are_walked_once(limit: int) -> None:
    falling = walked(SCORES, "-expected_value", limit)
    rising = walked(SCORES, "expected_value", limit)

    assert falling == ["F", "A", "C", "D", "B", "E"]
    assert rising == ["D", "A", "C", "F", "B", "E"]
    assert walked(SCORES, "opportunity_id", limit) == ["A", "B", "C", "D", "E", "F"]
    assert walked(SCORES, "-expected_value", limit, grade="A") == ["F", "A", "C"]


def test_a_walk_goes_on_from_its_place_where_scores_change_meanwhile() -> None:
    first = page(SCORES, {}, sort="-expected_value", limit=2, cursor=None)
    anew = SCORES.vstack(
        pl.DataFrame({"opportunity_id": ["G"], "expected_value": [9.0], "grade": ["A"]})
    )

    second = page(anew, {}, sort="-expected_value", limit=2, cursor=first.next_cursor)

    assert second.rows["opportunity_id"].to_list() == ["C", "D"]


@pytest.mark.parametrize("cursor", ["", "?", "bm9uZQ==", "W10=", "WzEsMiwzXQ==", "é"])
def test_a_cursor_of_nobody_names_no_page(cursor: str) -> None:
    with pytest.raises(ProblemError) as refused:
        page(SCORES, {}, sort="-expected_value", limit=2, cursor=cursor)

    assert refused.value.name == "not-found"


def test_a_cursor_is_for_its_own_order_alone() -> None:
    first = page(SCORES, {}, sort="-expected_value", limit=2, cursor=None)

    with pytest.raises(ProblemError):
        page(SCORES, {}, sort="expected_value", limit=2, cursor=first.next_cursor)


@pytest.mark.parametrize("sort", get_args(Sort))
def test_all_pages_over_http_have_every_opportunity_once(api: Api, sample: Any, sort: str) -> None:
    scores = sample.store.load("scores")
    ids: list[str] = []
    cursor: str | None = None
    for _ in range(scores.height):
        given = {"sort": sort, "limit": 97, **({"cursor": cursor} if cursor else {})}
        answer = api.client.get("/v1/opportunities", params=given).json()
        ids += [o["opportunity_id"] for o in answer["opportunities"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break

    by = sort.lstrip("-")
    ordered = scores.sort([by, "opportunity_id"], descending=[sort != by, False], nulls_last=True)
    assert ids == ordered["opportunity_id"].to_list()
    assert answer["total"] == scores.height


def test_filters_are_combined(api: Api, sample: Any) -> None:
    scores = sample.store.load("scores")
    agent, grade = scores.filter(is_stale=True).row(0, named=True)["sales_agent"], "D"
    expected = scores.filter(sales_agent=agent, is_stale=True, grade=grade)

    answer = api.client.get(
        "/v1/opportunities",
        params={"sales_agent": agent, "is_stale": "true", "grade": grade, "limit": 1000},
    ).json()

    assert answer["total"] == expected.height > 0
    assert {o["opportunity_id"] for o in answer["opportunities"]} == set(expected["opportunity_id"])
