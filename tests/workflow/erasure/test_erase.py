"""After an erasure nothing in the store names the opportunity; also on a real S3 server."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.errors import StoreError
from dealcast.workflow.erasure import erase as module
from dealcast.workflow.erasure.erase import erase, erasures, look_for, sought
from dealcast.workflow.erasure.listed import ErasureList
from dealcast.workflow.freshness import outdated
from dealcast.workflow.manifest import load_latest_steps, load_manifest
from dealcast.workflow.steps import STEP_NAMES
from dealcast.workflow.store import Store
from dealcast.workflow.tables import TABLES
from servers.grep import named


def of_least_and_greatest(store: Store) -> tuple[str, str]:
    """Open ones that logs name as the least and the greatest of a file."""
    scored = store.load("scores")["opportunity_id"]
    return scored.min(), scored.max()  # type: ignore[return-value]


def without(frame: pl.DataFrame, ids: tuple[str, ...]) -> pl.DataFrame:
    names = [c for c in ("opportunity_id", "key") if c in frame.columns]
    kept = frame
    for column in names:
        kept = kept.filter(~pl.col(column).is_in(ids).fill_null(value=False))
    return kept


def test_nothing_names_them_and_all_else_is_as_it_was(store: Store) -> None:
    ids = of_least_and_greatest(store)
    before = {name: store.load(name) for name in TABLES if store.has(name)}
    assert all(named(store, one) for one in ids)

    erase(store, sought(ids), "test")

    assert [named(store, one) for one in ids] == [[], []]
    for name, frame in before.items():
        by = frame.columns
        assert_frame_equal(store.load(name).sort(by), without(frame, ids).sort(by))


def test_also_one_that_was_set_aside_or_is_an_example(folder: Store) -> None:
    quarantined = folder.load("quarantine")["key"].drop_nulls()[0]
    log = next(k for k in folder.list_objects("runs") if k.endswith("cleaning_log.json"))
    rules = folder.get_json(log)["rules"]
    repaired = next(r["examples"][0] for r in rules if r["code"] == "CL002").split(" (row")[0]
    assert all(len(named(folder, one)) > 3 for one in (quarantined, repaired))

    erase(folder, sought([quarantined, repaired]), "test")

    assert named(folder, quarantined) == named(folder, repaired) == []


def test_the_corrections_of_its_row_go_too(folder: Store) -> None:
    quarantine = folder.load("quarantine").filter(pl.col("key").is_not_null())
    row = quarantine.row(0, named=True)
    correction = {"row_hash": [row["row_hash"]], "column": ["account"], "value": ["A Company"]}
    folder.save("corrections", pl.concat([folder.load("corrections"), pl.DataFrame(correction)]))

    erase(folder, sought([row["key"]]), "test")

    assert "A Company" not in folder.load("corrections")["value"].to_list()
    assert folder.load("corrections").height == 1


def test_versions_that_had_it_can_be_read_no_more(folder: Store) -> None:
    one, _ = of_least_and_greatest(folder)

    former = folder.version("scores")

    done = erase(folder, sought([one]), "test")

    told = f"erased by {done.erasure}, in place of version {former}"
    assert [v["how"] for v in folder.history("scores")] == [told]
    with pytest.raises(StoreError, match="no version 1"):
        folder.load("scores", version=1)


def test_raw_bytes_lose_the_row_and_nothing_else(folder: Store) -> None:
    one, _ = of_least_and_greatest(folder)
    key = next(k for k in folder.list_objects("raw") if k.endswith("sales_pipeline.csv"))
    before = folder.require_object(key)

    done = erase(folder, sought([one]), "test")

    lines = before.splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(one.encode())]
    assert len(kept) == len(lines) - 1
    assert folder.require_object(key) == b"".join(kept)
    raw = key.split("/")[1]
    assert folder.get_json(f"raw/{raw}/_index.json")["erased"][0]["erasure"] == done.erasure
    newest = load_manifest(folder, "latest")
    assert newest.removed[0].raw
    assert newest.removed[0].by == f"erasure {done.erasure}"


def test_what_was_erased_is_recorded_as_hashes_only(folder: Store) -> None:
    one, other = of_least_and_greatest(folder)

    erase(folder, sought([one]), "first")
    erase(folder, sought([other]), "second")

    second, first = erasures(folder)
    listed = ErasureList.of(folder)
    assert (first["command"], second["command"]) == ("first", "second")
    assert first["hashes"] == [listed.hash_of(one)]
    assert first["tables"]["scores"] == 1
    assert first["is_done"]
    assert first["by"]
    assert set(listed.hashes) == {listed.hash_of(one), listed.hash_of(other)}


def test_a_second_call_changes_nothing_but_the_record(folder: Store) -> None:
    one, _ = of_least_and_greatest(folder)
    erase(folder, sought([one]), "test")
    before = {k: folder.get_object(k) for k in folder.list_objects("")}

    again = erase(folder, sought([one]), "test")

    assert again.traces.is_empty
    after = {k: folder.get_object(k) for k in folder.list_objects("")}
    changed = {k for k in after if after[k] != before.get(k)}
    assert {k.rsplit("/", 1)[0] for k in changed} <= {"erasures/log", "runs"}


@pytest.mark.parametrize("after", range(1, 8, 2))
def test_one_that_is_broken_off_is_finished_by_the_next(
    folder: Store, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    one, _ = of_least_and_greatest(folder)
    erase_rows, calls = module.erase_rows, []

    def interrupted(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) > after:
            raise KeyboardInterrupt
        erase_rows(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "erase_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        erase(folder, sought([one]), "test")
    monkeypatch.undo()
    erase(folder, sought([one]), "test")

    assert named(folder, one) == []
    for record in load_latest_steps(folder).values():
        for name, version in record.tables.items():
            folder.load(name, version=version)
    assert [e["is_done"] for e in erasures(folder)] == [True, False]


def test_steps_are_as_fresh_as_before(folder: Store) -> None:
    one, _ = of_least_and_greatest(folder)

    erase(folder, sought([one]), "test")

    latest = load_latest_steps(folder)
    assert outdated(STEP_NAMES, latest.__getitem__) is None
    newest = load_manifest(folder, "latest")
    for record in (*newest.steps, *latest.values()):
        for name, version in record.tables.items():
            assert folder.load(name, version=version) is not None


def test_while_a_run_goes_on_nothing_is_erased(folder: Store) -> None:
    one, _ = of_least_and_greatest(folder)
    manifest = load_manifest(folder, "latest")
    manifest.finished = None
    manifest.save(folder)
    began = datetime.fromisoformat(manifest.started)
    before = {k: folder.get_object(k) for k in folder.list_objects("")}

    with pytest.raises(StoreError, match=manifest.run_id):
        erase(folder, sought([one]), "test", now=began + timedelta(hours=1))
    assert {k: folder.get_object(k) for k in folder.list_objects("")} == before
    erase(folder, sought([one]), "test", now=began + timedelta(days=2))

    assert named(folder, one) == []


def test_the_only_row_of_a_table_leaves_an_empty_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.save("scores_issued", pl.DataFrame({"run_id": ["r1"], "opportunity_id": ["A1"]}))

    erase(store, sought(["A1"]), "test")

    assert store.load("scores_issued").schema == {"run_id": pl.String, "opportunity_id": pl.String}
    assert store.load("scores_issued").is_empty()
    assert named(store, "A1") == []


def test_what_a_killed_ingest_left_loses_the_row_too(folder: Store) -> None:
    folder.put_object("raw/abc/sales_pipeline.csv", b"opportunity_id,account\nA-1,x\nB-2,y\n")

    erase(folder, sought(["A-1"]), "test")

    left = folder.get_object("raw/abc/sales_pipeline.csv")
    assert left == b"opportunity_id,account\nB-2,y\n"


def test_a_look_changes_nothing(folder: Store) -> None:
    before = {k: folder.get_object(k) for k in folder.list_objects("")}

    found = look_for(folder, sought(of_least_and_greatest(folder)))

    assert len(found.tables) >= 8
    assert {k: folder.get_object(k) for k in folder.list_objects("")} == before


def test_an_id_that_is_not_there_touches_nothing(folder: Store) -> None:
    assert look_for(folder, sought(["NOBODY01"])).is_empty


@pytest.mark.parametrize("ids", [[], ["  "]])
def test_no_id_is_refused(ids: list[str]) -> None:
    with pytest.raises(StoreError, match="No opportunity"):
        sought(ids)
