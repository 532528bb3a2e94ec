"""Vacuum deletes what is old and nothing needs, and nothing else; also on a real S3 server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.errors import SettingsError, StoreError
from dealcast.settings import RetentionSettings, TrackingSettings, load_settings
from dealcast.workflow.manifest import Beginning, load_manifest, run_ids
from dealcast.workflow.plan import Plan
from dealcast.workflow.retention.vacuum import Vacuum, carry_out, plan_vacuum
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store
from dealcast.workflow.tables import TABLES
from servers.stores import RELEASES, SMALL, store_of
from servers.watching import Silent

PRODUCTS = pl.DataFrame({"product": ["A", "B"], "series": ["x", "y"], "sales_price": [1.5, 2.5]})
LOCAL = TrackingSettings()
LATER = timedelta(days=400)


def planned(store: Store, *, after: timedelta = LATER, **retention: object) -> Vacuum:
    rule = RetentionSettings.model_validate({"keep_days": None, "grace_hours": 0, **retention})
    return plan_vacuum(store, rule, LOCAL, datetime.now(UTC) + after)


def contents(store: Store) -> dict[str, bytes | None]:
    return {key: store.get_object(key) for key in store.list_objects("")}


def frees(plan: Vacuum) -> dict[str, int]:
    return {kind: len(entries) for kind, entries in plan.found.going.items()}


def test_what_the_newest_run_shows_is_read_as_before(store: Store) -> None:
    newest = load_manifest(store, "latest")
    made = {name: v for record in newest.steps for name, v in record.tables.items()}
    before = {name: store.load(name, version=version) for name, version in made.items()}
    objects = {
        key: store.get_object(key) for r in newest.steps for key in r.objects.values() if "/" in key
    }

    plan = planned(store, keep_runs=1)
    carry_out(store, plan)

    assert frees(plan)["reports"] == 2
    for name, version in made.items():
        assert_frame_equal(store.load(name, version=version), before[name])
    assert objects == {key: store.get_object(key) for key in objects}
    assert store.has_object(newest.report_key)
    assert store.load("scores_issued")["run_id"].n_unique() == 2


def test_versions_that_went_say_so(store: Store) -> None:
    carry_out(store, planned(store, keep_runs=1))

    with pytest.raises(StoreError, match="no version 0 of table 'scores'"):
        store.load("scores", version=0)
    assert [v["version"] for v in store.history("scores")] == [1]
    assert store.save("products", PRODUCTS) == 3


def test_a_run_whose_versions_went_tells_when_and_which(store: Store) -> None:
    oldest, _, newest = run_ids(store)

    carry_out(store, planned(store, keep_runs=1))

    removal = load_manifest(store, oldest).removed[0]
    assert removal.by == "vacuum"
    assert {"scores", "snapshots"} <= set(removal.tables)
    assert removal.objects > 0
    assert load_manifest(store, newest).removed == []


def test_a_second_vacuum_finds_nothing_to_do(store: Store) -> None:
    carry_out(store, planned(store, keep_runs=1))
    before = contents(store)

    again = planned(store, keep_runs=1)
    carry_out(store, again)

    assert (again.entries, again.removals) == ([], {})
    assert contents(store) == before


def test_a_plan_alone_changes_nothing(folder: Store) -> None:
    before = contents(folder)

    planned(folder, keep_runs=1)

    assert contents(folder) == before


def test_runs_that_are_kept_keep_all_that_they_show(folder: Store) -> None:
    before = contents(folder)

    plan = planned(folder, keep_runs=3)

    assert plan.entries == []
    assert contents(folder) == before


def test_what_a_kept_run_found_stays_so_that_it_can_be_made_again(folder: Store) -> None:
    oldest, _, newest = (load_manifest(folder, run_id) for run_id in run_ids(folder))
    scored = next(step for step in oldest.steps if step.name == "score")
    newest.began = Beginning([scored], {"scores_issued": 0}, champion=None, machine={})
    newest.save(folder)
    found = [*scored.tables.items(), *newest.began.tables.items()]
    before = [folder.load(name, version=version) for name, version in found]

    carry_out(folder, planned(folder, keep_runs=1))

    for (name, version), frame in zip(found, before, strict=True):
        assert_frame_equal(folder.load(name, version=version), frame)
    assert all(map(folder.has_object, scored.objects.values()))


def test_days_count_from_now(folder: Store) -> None:
    assert planned(folder, keep_days=500).entries == []
    assert frees(planned(folder, keep_days=300))["reports"] == 2


def test_where_both_rules_are_set_either_keeps(folder: Store) -> None:
    assert planned(folder, keep_days=1, keep_runs=3).entries == []


def test_without_a_rule_nothing_is_deleted(folder: Store) -> None:
    with pytest.raises(SettingsError, match="how long"):
        planned(folder)


def test_what_was_written_lately_is_spared(folder: Store) -> None:
    orphan = "features/snapshots/live-00000-aaaa.parquet"
    folder.put_object(orphan, b"of a run in progress")

    plan = planned(folder, keep_runs=1, after=timedelta(hours=1), grace_hours=2)
    late = planned(folder, keep_runs=1, after=timedelta(hours=3), grace_hours=2)

    assert orphan not in [entry.key for entry in plan.entries]
    assert orphan in [entry.key for entry in late.entries]


def test_of_a_store_that_was_copied_lately_nothing_is_said_to_go(folder: Store) -> None:
    """Its files are new, whatever the log says of when they were first written."""
    for key in folder.list_objects(""):
        Path(folder.place(key)).touch()

    plan = planned(folder, keep_runs=1, after=timedelta(0), grace_hours=2)

    assert (plan.entries, plan.removals, plan.to_dict()["versions"]) == ([], {}, {})


def test_files_of_a_run_that_was_killed_go(store: Store) -> None:
    killed = ["features/snapshots/live-00000-aaaa.parquet", "scores/scores/run-x/0.parquet"]
    for key in killed:
        store.put_object(key, b"nobody names it")

    plan = planned(store, keep_runs=3)
    carry_out(store, plan)

    assert [entry.key for entry in plan.entries] == killed
    assert not set(killed) & set(store.list_objects(""))


def test_a_write_that_was_broken_off_leaves_nothing_in_a_folder(folder: Store) -> None:
    file = Path(folder.place("raw/abc/deals.csv#1"))
    file.parent.mkdir()
    file.write_bytes(b"half")

    carry_out(folder, planned(folder, keep_runs=3))

    assert not file.exists()


def test_a_raw_export_goes_with_the_runs_that_read_it(folder: Store, tmp_path: Path) -> None:
    export = tmp_path / "deals.csv"
    export.write_text("id\n1\n")
    unused = folder.keep_raw([export], {})
    used = load_manifest(folder, "latest").steps[0].objects["raw"]

    carry_out(folder, planned(folder, keep_runs=1))

    assert {key.split("/")[1] for key in folder.list_objects("raw")} == {used}
    assert unused != used


def test_models_that_nobody_scores_with_go(folder: Store) -> None:
    registry = folder.get_json("models/registry.json")
    never = {**registry["versions"][0], "model_id": "never", "key": "models/never.json"}
    registry["versions"].insert(1, never)
    folder.put_json("models/registry.json", registry)
    folder.put_json("models/never.json", {})
    champion = registry["promotions"][-1]["model_id"]

    carry_out(folder, planned(folder, keep_days=0))

    left = folder.list_objects("models")
    assert "models/never.json" not in left
    assert f"models/{champion}.json" in left


def test_runs_that_are_not_in_mlflow_yet_stay(folder: Store) -> None:
    rule = RetentionSettings(keep_days=0, grace_hours=0)
    mlflow = TrackingSettings(kind="mlflow", uri="http://127.0.0.1:1")

    plan = plan_vacuum(folder, rule, mlflow, datetime.now(UTC) + LATER)

    assert plan.entries == []


def test_versions_in_between_go_though_the_log_tells_of_them(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    for height in (2, 1, 1, 2):
        store.save("products", PRODUCTS.head(height))
    needed = {
        "name": "clean", "run_id": "r", "fingerprint": "", "seconds": 0, "tables": {"products": 0},
    }  # fmt: skip
    store.put_json("runs/latest_steps.json", {"clean": needed})

    carry_out(store, planned(store, keep_days=0))

    assert [v["version"] for v in store.history("products") if v["is_whole"]] == [3, 0]
    assert_frame_equal(store.load("products", version=0), PRODUCTS)
    with pytest.raises(StoreError, match="version 1 of table 'products' are gone"):
        store.load("products", version=1)


def test_many_versions_are_told_as_the_log_has_them_after_it_was_shortened(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    for run in range(6):
        store.save("scores_issued", pl.DataFrame({"run_id": [f"r{run}"]}), run_id=f"r{run}")
    before = store.history("scores_issued")[0]

    carry_out(store, planned(store, keep_days=0))
    store.save("scores_issued", pl.DataFrame({"run_id": ["r6"]}), run_id="r6")
    store.save("scores_issued", pl.DataFrame({"run_id": ["r5"]}), run_id="r5")

    after, kept = store.history("scores_issued")
    assert kept == before
    assert (after["version"], after["rows"], after["how"]) == (6, 7, "appended")


def test_the_dashboard_leaves_out_what_is_gone(folder: Store) -> None:
    from dealcast.surfaces.dashboard import reading, served

    carry_out(folder, planned(folder, keep_runs=1))
    served.serve_from(load_settings(flags={"storage.root": folder.root}))

    reports = reading.quality_reports(reading.manifests(), 9)

    assert [run_id for run_id, _ in reports] == run_ids(folder)[-1:]


def test_no_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        planned(Store(str(tmp_path / "nothing")), keep_runs=1)


def test_the_next_run_goes_on_as_if_nothing_had_gone(tmp_path: Path) -> None:
    """With all steps, and the same figures as on a store that was left alone."""
    alone, rid = (Store(str(store_of(RELEASES[-1], tmp_path / n))) for n in ("alone", "rid"))
    carry_out(rid, planned(rid, keep_runs=1))

    figures = []
    for store in (alone, rid):
        loaded = load_settings(flags={**SMALL, "storage.root": store.root})
        done = run_steps(loaded, Plan(), Silent(), quiet=True)
        told = ("rows_clean", "estimator", "champion", "forecast_method", "scored", "drift")
        figures.append([done.figures[name] for name in told])

    assert figures[0] == figures[1]
    for name in TABLES:
        if alone.has(name) and "issued" not in name:
            by = alone.load(name).columns
            assert_frame_equal(alone.load(name).sort(by), rid.load(name).sort(by))
