"""Runs made again from their manifests alone: what came before them is pinned there."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dealcast.workflow.manifest import load_manifest
from dealcast.workflow.store import Store
from servers.command_line import Called, called

SOURCE = ("--source", "sample", "--set", "source.opportunities=480", "--set", "source.dirt=10")
SETTINGS = (
    *("--set", "features.snapshot_every_days=28", "--set", "model.horizons_days=[30]"),
    *("--set", "model.min_closed=40", "--set", "forecast.origins=4"),
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a first run, corrections, and a second run on a later export."""
    root = tmp_path_factory.mktemp("two") / "store"
    run(root, "--set", "source.days=400")
    row = Store(str(root)).load("quarantine").filter(table="opportunities")["row_hash"][0]
    cell = ("--row", row, "--cell", "close_value=1234")
    assert called("quarantine", "readmit", *cell, "--root", root).code == 0
    run(root, "--set", "source.days=430")
    return root


@pytest.mark.parametrize("which", [0, 1, 2], ids=["the first", "of one step", "on all before"])
def test_a_run_comes_out_the_same(two_runs: Path, which: int) -> None:
    done = made_again(two_runs, runs_of(two_runs)[which])

    assert {t["what"]: t["difference"] for t in done.json["things"] if not t["is_identical"]} == {}
    assert done.code == 0
    assert done.json["versions"] == {}
    made = {t["what"] for t in done.json["things"]}
    assert "table crm_data_processed" in made
    assert which == 1 or {"table scores", "table forecast", "table forecast_backtest"} <= made


def test_a_job_takes_what_other_runs_had_made(two_runs: Path, tmp_path: Path) -> None:
    root = copied(two_runs, tmp_path)
    assert called("run", "--from", "score", "--root", root, *SETTINGS).code == 0

    done = made_again(root, "latest")

    assert done.code == 0, done.out
    assert {t["step"] for t in done.json["things"]} <= {"score", "forecast", "monitor"}


def test_what_differs_is_told_with_its_place_and_the_versions(
    two_runs: Path, tmp_path: Path
) -> None:
    root = copied(two_runs, tmp_path)
    store, run_id = Store(str(root)), runs_of(root)[-1]
    forecast = store.load("forecast")
    other = store.save("forecast", forecast.with_columns(pl.col("forecast") * (1 + 2**-52)))
    change(store, run_id, lambda m: step_of(m, "forecast")["tables"].update(forecast=other))
    change(store, run_id, lambda m: m["code"].update(polars="1.0.0"))

    done = made_again(root, run_id)

    assert done.code == 1
    different = [t for t in done.json["things"] if not t["is_identical"]]
    assert [t["what"] for t in different] == ["table forecast"]
    assert different[0]["difference"].startswith("forecast of ")
    assert done.json["versions"]["polars"] == ["1.0.0", pl.__version__]


def test_of_a_raw_export_that_is_gone_or_was_changed_the_run_cannot_be_made(
    two_runs: Path, tmp_path: Path
) -> None:
    root = copied(two_runs, tmp_path)
    store, run_id = Store(str(root)), runs_of(root)[-1]
    raw = f"raw/{load_manifest(store, run_id).steps[0].objects['raw']}"
    (root / raw / "products.csv").write_text("product,series,sales_price\n", encoding="utf-8")
    changed = made_again(root, run_id)
    (root / raw / "products.csv").unlink()
    in_part = made_again(root, run_id)
    index = store.get_json(f"{raw}/_index.json")
    store.put_json(f"{raw}/_index.json", {**index, "erased": [{"at": "2026-11-30"}]})
    erased = made_again(root, run_id)
    (root / raw / "_index.json").unlink()
    gone = made_again(root, run_id)

    assert "are not those that were kept" in changed.err
    assert "the file 'products.csv' of the raw export" in in_part.err
    assert "have been erased" in erased.err
    assert "is gone" in gone.err


def test_a_vacuum_leaves_what_a_kept_run_found_and_of_others_it_is_said_what_went(
    two_runs: Path, tmp_path: Path
) -> None:
    root = copied(two_runs, tmp_path)
    first, _, second = runs_of(root)
    keeping = ("--keep-runs", "1", "--set", "storage.retention.grace_hours=0")
    assert called("store", "vacuum", *keeping, "--root", root).code == 0

    kept = made_again(root, second)
    gone = made_again(root, first)

    assert kept.code == 0, kept.out + kept.err
    assert "the raw export" in gone.err
    assert "removed by vacuum" in gone.err


def test_of_an_older_release_it_is_said_that_the_beginning_is_unknown(
    two_runs: Path, tmp_path: Path
) -> None:
    root = copied(two_runs, tmp_path)
    store, run_id = Store(str(root)), runs_of(root)[0]
    change(store, run_id, lambda m: m.update(began=None))

    assert "an older release wrote its manifest" in made_again(root, run_id).err


def test_the_new_store_is_kept_where_it_is_asked_for_but_only_in_an_empty_place(
    two_runs: Path, tmp_path: Path
) -> None:
    first = runs_of(two_runs)[0]

    done = called("runs", "reproduce", first, "--root", two_runs, "--to", tmp_path / "again")
    twice = called("runs", "reproduce", first, "--root", two_runs, "--to", tmp_path / "again")

    assert done.code == 0, done.err
    assert Store(str(tmp_path / "again")).has("scores")
    assert "is not empty" in twice.err


def run(root: Path, *more: str) -> None:
    done = called("run", *SOURCE, *SETTINGS, *more, "--root", root, "--json")
    assert done.code == 0, done.err


def made_again(root: Path, run_id: str) -> Called:
    return called("runs", "reproduce", run_id, "--root", root, "--json")


def runs_of(root: Path) -> list[str]:
    """The first run, that of one step, and the one on all before."""
    listed = list(reversed(called("runs", "--root", root, "--json").json))
    (corrected,) = (r["run_id"] for r in listed if r["steps"] == ["clean"])
    first, second = (r["run_id"] for r in listed if "evaluate" in r["steps"])
    return [first, corrected, second]


def copied(root: Path, to: Path) -> Path:
    assert called("store", "copy", root, to / "copy").code == 0
    return to / "copy"


def change(store: Store, run_id: str, by: Any) -> None:
    key = f"runs/{run_id}/manifest.json"
    content = json.loads(store.require_object(key))
    by(content)
    store.put_json(key, content)


def step_of(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in manifest["steps"] if s["name"] == name)
    return found
