from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from dealcast.errors import StoreError
from dealcast.workflow.standing import Standing, standing
from dealcast.workflow.steps import STEP_NAMES

RUN = "20261101T060000Z-aaaa"
NOW = datetime(2026, 11, 1, 18, tzinfo=UTC)
SCORED = {"scored": 1_200, "open_opportunities": 1_300, "expected_wins": 9.87, "horizon_days": 90}
PERIODS = [
    {"period_kind": "month", "period_start": "2026-11-01", "forecast": 1.0},
    {"period_kind": "quarter", "period_start": "2026-10-01", "forecast": 12_345.6},
]


def records(*names: str) -> dict[str, Any]:
    figures = {"score": SCORED, "forecast": {"next_periods": PERIODS}}
    return {n: {"run_id": RUN, "figures": figures.get(n, {})} for n in names}


def stands(
    status: str | None,
    done: tuple[str, ...] = STEP_NAMES,
    *,
    error: str | None = None,
    store: str = "data",
    now: datetime = NOW,
) -> Standing:
    objects: Mapping[str, Any] = {
        f"runs/{RUN}/manifest.json": {
            "status": status,
            "error": error,
            "steps": [{"name": n} for n in done],
        },
        "runs/latest_steps.json": records(*done),
    }
    runs = ["20261001T060000Z-bbbb", RUN] if status else []
    return standing(store, runs, objects.get, lambda key: f"{store}/{key}", now)


def test_where_nothing_was_run_a_sample_is_offered() -> None:
    found = stands(None)

    assert (found.state, found.next) == (
        "nothing run",
        "dealcast run --source sample --root data",
    )
    assert found.scores is found.forecast is found.report is None


def test_a_run_that_failed_says_where_why_and_how_to_go_on() -> None:
    found = stands("failed", ("ingest", "validate"), error="too many rows set aside")

    assert (found.state, found.step, found.error) == ("failed", "clean", "too many rows set aside")
    assert found.next == "dealcast run --from clean --root data"


def test_an_interrupted_run_goes_on_too() -> None:
    assert stands("interrupted", ("ingest",), error="interrupted").step == "validate"


def test_a_run_that_never_ended_is_at_its_next_step() -> None:
    found = stands("running", ("ingest",))

    assert (found.state, found.step) == ("running", "validate")


def test_the_first_step_that_was_never_done_is_next() -> None:
    found = stands("done", ("ingest", "validate", "clean"))

    assert (found.state, found.step) == ("unfinished", "features")
    assert found.next == "dealcast run --from features --root data"


def test_when_all_is_done_scores_forecast_and_report_are_told() -> None:
    found = stands("done")

    assert found.state == "done"
    assert found.scores is not None
    assert found.scores.days_ago == 0.5
    assert found.scores.says == (
        "1,200 of 1,300 open opportunities, 9.9 wins expected within 90 days"
    )
    assert found.forecast is not None
    assert found.forecast.says == "bookings of the quarter from 2026-10-01: 12,346"
    assert found.report == f"data/runs/{RUN}/report.html"
    assert found.next == "dealcast report --open --root data"


@pytest.mark.parametrize(
    ("day", "command"), [(8, "dealcast report --open"), (9, "dealcast run --path EXPORT")]
)
def test_scores_of_a_week_ago_are_to_be_made_anew(day: int, command: str) -> None:
    found = stands("done", now=datetime(2026, 11, day, 7 if day == 9 else 5, tzinfo=UTC))

    assert found.next == f"{command} --root data"


def test_a_store_with_a_space_in_its_name_can_be_copied_into_a_shell() -> None:
    assert stands("done", store="my data").next.endswith("--root 'my data'")


def test_what_a_newer_release_wrote_is_not_read() -> None:
    newer = {"schema_version": 99, "status": "done", "steps": []}

    with pytest.raises(StoreError, match="newer release"):
        standing("data", [RUN], lambda _: newer, lambda key: key, NOW)
