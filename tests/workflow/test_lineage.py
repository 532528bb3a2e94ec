from dataclasses import asdict
from pathlib import Path

import pytest

from dealcast.settings import TrackingSettings
from dealcast.tracking.base import ModelVersion, Promotion, open_registry
from dealcast.workflow.lineage import lineage
from dealcast.workflow.manifest import RunManifest, StepRecord
from dealcast.workflow.store import Store

MODEL = ModelVersion("aaa", "models/aaa.json", "run 1", "age", "2026-06-30", "sample")


def manifest(run_id: str, *steps: StepRecord, commit: str = "c1") -> RunManifest:
    code = {"version": "0.1.0", "commit": commit, "source_hash": "s1"}
    return RunManifest(run_id, "development", {}, code, "2026-07-01T00:00:00+00:00", steps=[*steps])


INGEST = StepRecord(
    "ingest",
    "run 1",
    "",
    0.0,
    objects={"raw": "3062cc8c"},
    figures={"source_kind": "sample", "rows_in": 9},
    skipped=True,
)
SCORE = StepRecord(
    "score",
    "run 2",
    "",
    0.0,
    tables={"scores": 4},
    objects={"scored_with": "runs/run 2/scored_with.json"},
    figures={"scoring_model": "aaa", "scoring_model_why": "champion", "open_opportunities": 3},
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store in which an earlier run made the raw export and trained the champion."""
    store = Store(str(tmp_path))
    manifest("run 1", commit="c0").save(store)
    registry = open_registry(TrackingSettings(), store)
    registry.register(MODEL)
    registry.promote(Promotion("aaa", "run 1", "the first model"))
    return store


def test_scores_lead_to_model_raw_export_and_the_code_of_every_run(store: Store) -> None:
    found = lineage(manifest("run 2", INGEST, SCORE), store)

    assert found["scores"]["version"] == 4
    assert found["model"] == {
        "model_id": "aaa",
        "why": "champion",
        "is_champion_now": True,
        "trained_by_run": "run 1",
        "place": store.place("models/aaa.json"),
        "estimator": "age",
        "trained_until": "2026-06-30",
        "source": "sample",
        "mlflow": None,
    }
    assert found["raw"]["hash"] == "3062cc8c"
    assert {run: code["commit"] for run, code in found["code"].items()} == {
        "run 2": "c1",
        "run 1": "c0",
    }
    assert [t["place"] for t in found["tables"]] == [store.place("scores/scores")]


def test_what_a_run_did_not_touch_is_none(store: Store) -> None:
    found = lineage(manifest("run 2"), store)

    assert [found[name] for name in ("scores", "model", "raw", "mlflow")] == [None] * 4
    assert found["tables"] == []


def test_the_version_in_mlflow_is_told_as_it_was_last_seen(store: Store) -> None:
    seen = {"uri": "http://127.0.0.1:5000", "model_name": "win", "versions": {"aaa": "7"}}
    store.put_json("models/mlflow.json", {**seen, "aliases": {"champion": "aaa"}})

    found = lineage(manifest("run 2", SCORE), store)

    assert found["model"]["mlflow"] == {
        "uri": "http://127.0.0.1:5000",
        "name": "win",
        "version": "7",
        "aliases": ["champion"],
    }


def test_an_earlier_run_whose_manifest_is_gone_is_still_named(store: Store) -> None:
    gone = StepRecord(**{**asdict(INGEST), "run_id": "run 0"})

    assert lineage(manifest("run 2", gone, SCORE), store)["code"]["run 0"] is None
