"""After an erasure nothing in the store names the opportunity; also on a real S3 server."""

import io
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.errors import StoreError
from dealcast.workflow.erasure import erase as module
from dealcast.workflow.erasure.erase import erase, erasures, look_for, sought
from dealcast.workflow.erasure.listed import ErasureList
from dealcast.workflow.erasure.tables import Holder
from dealcast.workflow.freshness import outdated
from dealcast.workflow.manifest import (
    load_latest_steps,
    load_manifest,
    run_ids,
    save_latest_step,
)
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


@pytest.mark.parametrize(
    ("where", "after"),
    [
        ("erase_rows", 1),
        ("erase_rows", 6),
        ("point_at", 0),
        ("forget_older", 0),
        ("forget_older", 4),
    ],
)
def test_one_that_is_broken_off_is_finished_by_the_next(
    folder: Store, monkeypatch: pytest.MonkeyPatch, where: str, after: int
) -> None:
    one, _ = of_least_and_greatest(folder)
    before = folder.load("crm_data_processed")
    step, calls = getattr(module, where), []

    def interrupted(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) > after:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(module, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        erase(folder, sought([one]), "test")
    monkeypatch.undo()
    assert outdated(STEP_NAMES, load_latest_steps(folder).__getitem__) is None
    erase(folder, sought([one]), "test")

    assert named(folder, one) == []
    assert_frame_equal(folder.load("crm_data_processed"), without(before, (one,)))
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


def test_what_an_interrupted_run_wrote_takes_nobodys_place(folder: Store) -> None:
    """No step recorded it: what it has may be of another export."""
    ids = of_least_and_greatest(folder)
    names = ("crm_data_processed", "scores", "snapshots")
    before = {name: folder.load(name) for name in names}
    for name in names:
        folder.save(name, before[name].head(3))

    erase(folder, sought(ids), "test")

    latest = load_latest_steps(folder)
    versions = {n: v for record in latest.values() for n, v in record.tables.items()}
    for name in names:
        left = folder.load(name, version=versions[name])
        assert_frame_equal(left, without(before[name], ids), check_row_order=False)
        assert folder.version(name) == versions[name]
    assert outdated(STEP_NAMES, latest.__getitem__) is None


def test_features_that_were_made_from_a_former_version_are_made_anew(folder: Store) -> None:
    """Taken for made from the present one, they would be thought to be up to date."""
    one, _ = of_least_and_greatest(folder)
    former = load_latest_steps(folder)
    version = folder.save("crm_data_processed", folder.load("crm_data_processed").head(3))
    tables = {**former["clean"].tables, "crm_data_processed": version}
    save_latest_step(folder, replace(former["clean"], tables=tables))

    erase(folder, sought([one]), "test")

    made_from = folder.get_json(former["features"].objects["snapshots_made_from"])["tables"]
    now = load_latest_steps(folder)["clean"].tables["crm_data_processed"]
    assert folder.load("crm_data_processed", version=now).height <= 3
    with pytest.raises(StoreError, match="no version"):
        folder.load("crm_data_processed", version=made_from["crm_data_processed"])


def test_what_another_run_writes_meanwhile_is_not_deleted(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = of_least_and_greatest(folder)
    erase_rows, issued = module.erase_rows, folder.load("scores_issued")

    def late(store: Store, holder: Holder, erasure: str) -> int | None:
        number = erase_rows(store, holder, erasure)
        if holder.table.name == "scores_issued":
            store.put_object("scores/scores_issued/of-another.parquet", b"not committed yet")
            store.save("scores_issued", issued.head(1).with_columns(run_id=pl.lit("r9")))
        return number

    monkeypatch.setattr(module, "erase_rows", late)
    with pytest.raises(StoreError, match="'scores_issued' was written by another run"):
        erase(folder, sought([one]), "test")
    monkeypatch.undo()

    assert "r9" in folder.load("scores_issued")["run_id"]
    assert folder.has_object("scores/scores_issued/of-another.parquet")


def test_what_another_run_wrote_since_the_look_is_not_replaced(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = of_least_and_greatest(folder)
    erase_rows, others = module.erase_rows, folder.load("scores").head(2)

    def late(store: Store, holder: Holder, erasure: str) -> int | None:
        if holder.table.name == "scores":
            store.save("scores", others)
        return erase_rows(store, holder, erasure)

    monkeypatch.setattr(module, "erase_rows", late)
    with pytest.raises(StoreError, match="written by another run"):
        erase(folder, sought([one]), "test")

    assert_frame_equal(folder.load("scores"), others)


def test_what_a_killed_first_write_left_goes(folder: Store) -> None:
    """Files without a log are no table yet."""
    for key in folder.list_objects("scores/score_reasons/"):
        folder.delete_object(key)
    left = "scores/score_reasons/part-00000-aa.parquet"
    content = io.BytesIO()
    pl.DataFrame({"opportunity_id": ["A-1"]}).write_parquet(content)
    folder.put_object(left, content.getvalue())

    erase(folder, sought(["A-1"]), "test")

    assert not folder.has_object(left)


def test_a_number_takes_no_correction_of_another_cell_with_it(folder: Store) -> None:
    rows = [("h1", "employees", "77"), ("h2", "opportunity_id", " 77"), ("h3", "account", None)]
    corrections = pl.DataFrame(rows, schema=["row_hash", "column", "value"], orient="row")
    folder.save("corrections", corrections)

    erase(folder, sought(["77"]), "test")

    assert folder.load("corrections")["row_hash"].sort().to_list() == ["h1", "h3"]


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


def test_a_run_that_is_known_to_have_been_killed_keeps_nothing_from_being_erased(
    folder: Store,
) -> None:
    one, _ = of_least_and_greatest(folder)
    ended = run_ids(folder)[0]
    manifest = load_manifest(folder, "latest")
    manifest.run_id, manifest.finished = "20250102T030405Z-abcdef", None
    manifest.save(folder)
    soon = datetime.fromisoformat(manifest.started) + timedelta(hours=1)

    with pytest.raises(StoreError, match=f"No run '{ended}' of this store was broken off"):
        erase(folder, sought([one]), "test", now=soon, killed=[ended])
    assert named(folder, one) != []
    erase(folder, sought([one]), "test", now=soon, killed=[manifest.run_id])

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


def test_a_raw_file_of_which_nothing_is_left_is_read_no_more(folder: Store, tmp_path: Path) -> None:
    files = [tmp_path / f"opportunities_{number}.csv" for number in (1, 2)]
    for file, one in zip(files, ("A-1", "B-2"), strict=True):
        file.write_text(f"opportunity_id,account\n{one},x\n")
    raw = folder.keep_raw(files, {})

    erase(folder, sought(["A-1"]), "test")
    again = erase(folder, sought(["A-1"]), "test")

    assert again.traces.is_empty
    with folder.raw_files(raw) as left:
        assert [file.name for file in left] == ["opportunities_2.csv"]
    assert not folder.has_object(f"raw/{raw}/opportunities_1.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_what_a_raw_file_still_names_is_told_in_any_encoding(
    folder: Store, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    text = "opportunity_id,account\nA-1,x\nB-2,y\n"
    folder.put_object("raw/abc/sales_pipeline.csv", text.encode(encoding))
    monkeypatch.setattr(module.plain, "put_raw", lambda *_: None)

    with pytest.raises(StoreError, match=r"still names .* 'raw/abc'"):
        erase(folder, sought(["A-1"]), "test")

    assert not erasures(folder)[0]["is_done"]


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
