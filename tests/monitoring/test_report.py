import json
from datetime import date
from typing import Literal

import pytest

from dealcast.contracts import Drift
from dealcast.monitoring.comparison import Comparison, Unit, not_applicable
from dealcast.monitoring.report import DriftReport, judge
from dealcast.monitoring.windows import Windows
from dealcast.settings.tree import MonitoringSettings

WITHIN = Windows(date(2024, 1, 1), date(2024, 6, 30), date(2024, 9, 30))


def found(what: str, p: float, effect: float, unit: Unit = "PSI") -> Comparison:
    return Comparison("mix", what, unit, 500, 200, "chi-square", 9.0, p, effect, "A 1% to 9%")


def report_of(*comparisons: Comparison, **settings: object) -> DriftReport:
    return judge(comparisons, MonitoringSettings(**settings), WITHIN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("p", "effect", "unit", "level"),
    [
        (1e-9, 0.3, "PSI", "alert"),
        (1e-9, 0.2, "PSI", "warning"),
        (1e-9, 0.05, "PSI", "ok"),
        (0.02, 0.9, "PSI", "ok"),
        (1e-9, -0.06, "share", "warning"),
        (1e-9, -0.2, "share", "alert"),
        (1e-9, 1.3, "ratio", "warning"),
        (1e-9, 0.79, "ratio", "warning"),
        (1e-9, 0.9, "ratio", "ok"),
        (1e-9, 0.0, "ratio", "alert"),
    ],
)
def test_drift_is_both_sure_and_large(p: float, effect: float, unit: Unit, level: str) -> None:
    assert report_of(found("product", p, effect, unit)).results[0].level == level


def test_many_tests_need_smaller_p_values() -> None:
    others = [found(f"column {i}", 0.5, 0.0) for i in range(30)]

    assert report_of(found("product", 0.005, 0.3)).level == "alert"
    assert report_of(found("product", 0.005, 0.3), *others).level == "ok"


@pytest.mark.parametrize(("effect", "code"), [(0.3, 11), (0.2, 10), (0.0, 0)])
def test_the_exit_code_is_the_worst_level(effect: float, code: int) -> None:
    assert report_of(found("a", 0.9, 0.0), found("b", 1e-9, effect)).exit_code == code


@pytest.mark.parametrize(
    ("retrain_on", "effect", "retrain"),
    [
        ("never", 0.3, False),
        ("alert", 0.2, False),
        ("alert", 0.3, True),
        ("warning", 0.2, True),
        ("warning", 0.0, False),
    ],
)
def test_retraining_follows_the_settings(
    retrain_on: Literal["never", "alert", "warning"], effect: float, retrain: bool
) -> None:
    report = report_of(found("product", 1e-9, effect), retrain_on=retrain_on)

    assert report.should_retrain is retrain
    assert ("mix product" in (report.retrain_reason or "")) is retrain


def test_it_can_be_saved_and_loaded() -> None:
    report = report_of(
        found("product", 1e-9, 0.3), not_applicable("rate", "win_rate", "share", "too few")
    )

    text = json.dumps(report.to_dict(), allow_nan=False)

    assert DriftReport.from_dict(json.loads(text)) == report
    assert json.loads(text)["exit_code"] == 11
    assert Drift.validate(report.to_frame()).height == 2


def test_the_summary_names_what_drifted() -> None:
    report = report_of(found("product", 1e-9, 0.3), found("agent", 0.5, 0.0))

    assert report.summary == (
        "Drift at level alert since 2024-06-30, as of 2024-09-30, in 1 of 2 things tested: "
        "mix product (A 1% to 9%)."
    )
    assert report_of(found("agent", 0.5, 0.0)).summary == (
        "No drift since 2024-06-30, as of 2024-09-30: 1 things tested."
    )


def test_nothing_tested_is_neither_good_nor_bad() -> None:
    report = report_of(not_applicable("rate", "win_rate", "share", "only 3 closes"))

    assert report.level == "not applicable"
    assert report.exit_code == 0
    assert "only 3 closes" in report.summary
    assert report_of().level == "not applicable"
