"""Pages are short, and say so where there is nothing to show."""

from pathlib import Path
from typing import Any

import pytest

from dealcast.orchestration.artifacts import ARTIFACTS, LINKS, evaluation, forecast, links, quality
from dealcast.settings import StorageSettings
from dealcast.workflow.manifest import RunManifest, StepRecord
from dealcast.workflow.steps import STEP_NAMES
from dealcast.workflow.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(StorageSettings(root=str(tmp_path / "store")))


def record(name: str, **more: Any) -> StepRecord:
    return StepRecord(name, "20261124T080000Z-0001", "f", 1.5, **more)


def test_keys_are_what_prefect_takes_and_steps_are_steps() -> None:
    keys = [a.key for a in ARTIFACTS] + [LINKS]

    assert all(k == k.lower() and k.replace("-", "").isalnum() for k in keys)
    assert len(set(keys)) == len(keys)
    assert {a.step for a in ARTIFACTS} <= set(STEP_NAMES)


def test_the_worst_checks_come_first_and_the_rest_is_counted(store: Store) -> None:
    def result(number: int) -> dict[str, object]:
        return {
            "code": f"DQ{number}",
            "title": "a | b",
            "outcome": "failed",
            "rows": 1_000,
            "deduction": number / 1_000,
            "remedy": "mend it",
        }

    store.put_json("quality.json", {"results": [result(n) for n in range(1, 15)]})
    page = quality(
        record("validate", objects={"quality_raw": "quality.json"}, figures={"quality_raw": 0.9}),
        store,
    )

    assert "Score **0.900**" in page
    lines = page.splitlines()
    assert lines[6] == "| DQ14 | a \\| b | 1,000 | 0.0140 | mend it |"
    assert lines[-1] == "… and 4 more"


def test_what_was_not_judged_or_forecast_says_why(store: Store) -> None:
    untested = record("evaluate", figures={"not_evaluated": "too few dates"})
    unforecast = record("forecast", figures={"no_forecast": "nothing was won"})

    assert evaluation(untested, store) == "# Evaluation\n\nNot evaluated: too few dates"
    assert forecast(unforecast, store) == "# Forecast\n\nNone: nothing was won"


def test_the_places_of_a_run_are_told_and_its_mlflow_run_and_report_where_they_are(
    store: Store,
) -> None:
    manifest = RunManifest(
        "20261124T080000Z-0001", "staging", {}, {}, "2026-11-24T08:00:00+00:00", steps=[]
    )
    manifest.steps = [record("clean", tables={"accounts": 3}), record("audit", skipped=True)]
    before = links(manifest, store)
    receipt = {"uri": "http://127.0.0.1:5001", "experiment_id": "7", "mlflow_run_id": "abc"}
    store.put_json(f"runs/{manifest.run_id}/mlflow.json", receipt)
    store.put_object(manifest.report_key, b"<!doctype html>")

    after = links(manifest, store)

    assert f"`{store.place(manifest.key)}`" in before
    assert "| clean | 1.5 s | accounts |\n| audit | unchanged |  |" in before
    assert "MLflow" not in before
    assert "Report" not in before
    assert f"| Report | `{store.place(manifest.report_key)}` |" in after
    assert "[abc](http://127.0.0.1:5001/#/experiments/7/runs/abc)" in after
