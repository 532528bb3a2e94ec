"""What every store must do: one suite for a folder and for a real S3 server."""

import json
import subprocess
import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import scores_contract
from dealcast.errors import ContractError, StoreError
from dealcast.settings import StorageSettings
from dealcast.workflow.store import Store, open_store

if TYPE_CHECKING:
    from servers.seaweed import S3Server

PRODUCTS = pl.DataFrame(
    {"product": ["A", "B"], "series": ["x", None], "sales_price": [1.5, None]},
    schema={"product": pl.String, "series": pl.String, "sales_price": pl.Float64},
)
QUARANTINED = pl.DataFrame(
    {
        "table": ["opportunities"],
        "source_file": ["f.csv"],
        "source_row": [2],
        "row_hash": ["aa"],
        "key": [None],
        "reason": ["CL001"],
        "explanation": ["no id"],
        "suggested_fix": [None],
        "fix_column": [None],
        "fix_value": [None],
        "row": ["{}"],
    },
    schema_overrides={
        "key": pl.String,
        "suggested_fix": pl.String,
        "fix_column": pl.String,
        "fix_value": pl.String,
    },
)


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageSettings:
    if request.param == "folder":
        return StorageSettings(root=str(tmp_path / "store"))
    server: S3Server = request.getfixturevalue("s3")
    return StorageSettings(**server.settings())


@pytest.fixture
def store(storage: StorageSettings) -> Store:
    return open_store(storage)


def test_a_table_comes_back_as_it_was_saved(store: Store) -> None:
    store.save("products", PRODUCTS)

    assert_frame_equal(store.load("products"), PRODUCTS)


def test_types_that_delta_lacks_come_back_too(store: Store) -> None:
    store.save("quarantine", QUARANTINED)

    assert store.load("quarantine")["source_row"].dtype == pl.UInt32


def test_an_empty_table_keeps_its_columns(store: Store) -> None:
    store.save("quarantine", QUARANTINED.clear())

    assert store.load("quarantine").columns == QUARANTINED.columns


def test_each_save_is_a_version_that_can_be_read_again(store: Store) -> None:
    first = store.save("products", PRODUCTS, run_id="run-1")
    second = store.save("products", PRODUCTS.head(1), run_id="run-2")

    assert (first, second, store.version("products")) == (0, 1, 1)
    assert store.load("products").height == 1
    assert_frame_equal(store.load("products", version=0), PRODUCTS)
    assert [h["run_id"] for h in store.history("products")] == ["run-2", "run-1"]


def test_what_was_appended_last_comes_last(store: Store) -> None:
    issued = pl.DataFrame({"opportunity_id": ["B", "A"], "p_won_30": [0.1, 0.2]})
    for run_id in ("20261123T080000Z-ffff", "20261123T090000Z-0000", "20261124T080000Z-aaaa"):
        rows = issued.select(pl.lit(run_id).alias("run_id"), pl.all())
        store.save("scores_issued", rows, run_id=run_id)

    found = store.load("scores_issued")

    assert found["run_id"].is_sorted()
    assert found["opportunity_id"].to_list() == ["B", "A"] * 3


def test_some_columns_of_some_rows_are_read_by_name_and_by_pattern(store: Store) -> None:
    early = pl.DataFrame({"run_id": ["1"], "opportunity_id": ["B"], "p_won_30": [0.1]})
    late = pl.DataFrame(
        {"run_id": ["2"] * 2, "opportunity_id": ["A", "C"], "p_won_30": [0.2, 0.3], "p_won_60": 0.5}
    )
    for rows in (late, early):
        store.save("scores_issued", rows, run_id=rows["run_id"][0])

    def read(*columns: str) -> pl.DataFrame:
        return store.load("scores_issued", columns=columns, where=pl.col("opportunity_id") != "C")

    assert read("opportunity_id", "^p_won_.*$").to_dict(as_series=False) == {
        "opportunity_id": ["B", "A"],
        "p_won_30": [0.1, 0.2],
        "p_won_60": [None, 0.5],
    }
    assert read("run_id", "^p_lost_.*$").to_dict(as_series=False) == {"run_id": ["1", "2"]}


def test_columns_of_a_checked_table_are_read_as_they_are(store: Store) -> None:
    store.save("products", PRODUCTS)

    assert_frame_equal(store.load("products", columns=["series"]), PRODUCTS.select("series"))


def test_a_version_that_does_not_exist_is_refused(store: Store) -> None:
    store.save("products", PRODUCTS)

    with pytest.raises(StoreError, match="version 7"):
        store.load("products", version=7)


def test_what_a_run_appends_is_there_once_also_when_its_step_is_done_again(store: Store) -> None:
    issued = pl.DataFrame({"run_id": ["run-1"], "opportunity_id": ["A"]})
    store.save("scores_issued", issued.with_columns(run_id=pl.lit("run-0")), run_id="run-0")

    first = store.save("scores_issued", issued, run_id="run-1")
    store.save("scores_issued", issued.with_columns(run_id=pl.lit("run-2")), run_id="run-2")
    again = store.save("scores_issued", issued, run_id="run-1")

    assert (first, again) == (1, 1)
    assert store.load("scores_issued")["run_id"].to_list() == ["run-0", "run-1", "run-2"]


def test_of_many_who_write_each_gets_its_own_version(storage: StorageSettings) -> None:
    def save(number: int) -> int:
        frame = PRODUCTS.with_columns(series=pl.lit(str(number)))
        return open_store(storage).save("products", frame, run_id=f"run-{number}")

    with ThreadPoolExecutor(3) as pool:
        versions = list(pool.map(save, range(9)))

    store = open_store(storage)
    assert sorted(versions) == list(range(9))
    for number, version in enumerate(versions):
        assert store.load("products", version=version)["series"].unique().to_list() == [str(number)]


def test_issued_scores_are_appended_also_when_the_horizons_change(store: Store) -> None:
    for run_id, horizons in (("run-1", (30,)), ("run-2", (30, 60))):
        contract = scores_contract(horizons)
        scores = contract.create_empty().with_columns(pl.lit(run_id).alias("run_id"))
        row = {
            "opportunity_id": "a",
            "scored_on": date(2024, 1, 1),
            "model_id": "m",
            "deal_stage": "Engaging",
            "is_stale": False,
            "run_id": run_id,
        }
        store.save("scores_issued", pl.concat([scores, pl.DataFrame([row])], how="diagonal"))

    issued = store.load("scores_issued")
    assert sorted(issued["run_id"]) == ["run-1", "run-2"]
    assert "p_won_60" in issued.columns


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (PRODUCTS.rename({"sales_price": "sale_price"}), "nearest: 'sale_price'"),
        (PRODUCTS.with_columns(sales_price=pl.lit("dear")), "'sales_price'.*dear"),
        (PRODUCTS.with_columns(sales_price=pl.lit(-1.0)), "sales_price|min"),
        (pl.concat([PRODUCTS, PRODUCTS]), "primary_key"),
    ],
)
def test_a_frame_that_breaks_its_contract_is_refused_and_nothing_is_written(
    store: Store, frame: pl.DataFrame, says: str
) -> None:
    with pytest.raises(ContractError, match=says):
        store.save("products", frame)

    assert not store.has("products")


def test_a_table_that_is_not_there_says_what_is(store: Store) -> None:
    store.save("products", PRODUCTS)

    with pytest.raises(StoreError, match="it holds 'products'"):
        store.load("accounts")


def test_an_unknown_table_offers_the_nearest(store: Store) -> None:
    with pytest.raises(StoreError) as refused:
        store.load("crm_feature")

    assert "crm_features" in refused.value.remedy


def test_reading_an_empty_store_creates_nothing(store: Store) -> None:
    assert not store.has("products")
    assert store.get_json("runs/x/manifest.json") is None
    assert store.list_objects("runs") == []
    assert not store.has_object("runs/x/manifest.json")
    store.delete_object("runs/x/manifest.json")
    assert not store.location.is_there()


def test_objects_come_back_and_are_listed_in_order(store: Store) -> None:
    store.put_json("runs/b/manifest.json", {"when": date(2024, 1, 1)})
    store.put_object("runs/a/run.log", "ü".encode())

    assert store.list_objects("runs") == ["runs/a/run.log", "runs/b/manifest.json"]
    assert store.get_json("runs/b/manifest.json") == {"when": "2024-01-01"}
    assert store.get_object("runs/a/run.log") == "ü".encode()


def test_a_deleted_object_is_gone(store: Store) -> None:
    store.put_object("probe/a", b"1")

    store.delete_object("probe/a")
    store.delete_object("probe/a")

    assert not store.has_object("probe/a")
    assert store.list_objects("probe") == []


def test_a_place_is_under_the_root(store: Store) -> None:
    assert store.place("runs/a/run.log") == f"{store.root}/runs/a/run.log"


def test_of_many_who_change_an_object_none_undoes_another(storage: StorageSettings) -> None:
    def add(name: int) -> None:
        open_store(storage).update_json("models/registry.json", lambda old: [*(old or []), name])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))

    assert sorted(open_store(storage).get_json("models/registry.json")) == list(range(12))


def test_an_object_that_is_no_json_is_named(store: Store) -> None:
    store.put_object("runs/x.json", b"{")

    with pytest.raises(StoreError, match=r"runs/x\.json"):
        store.get_json("runs/x.json")


def test_raw_bytes_are_kept_under_their_hash_once(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_bytes(b"\xff\xfea\r\n")

    first = store.keep_raw([file], {"kind": "files"})
    again = store.keep_raw([file], {"kind": "files"})
    file.write_bytes(b"other")
    other = store.keep_raw([file], {"kind": "files"})

    assert first == again != other
    with store.raw_files(first) as files:
        assert [(f.name, f.read_bytes()) for f in files] == [("export.csv", b"\xff\xfea\r\n")]


def test_a_half_written_raw_folder_is_no_export(store: Store) -> None:
    store.put_object("raw/0123/export.csv", b"half")

    with pytest.raises(StoreError, match="no raw export 0123"), store.raw_files("0123"):
        pass


def test_a_file_cannot_be_the_root(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match="is a file"):
        Store(str(tmp_path / "file"))


def test_a_root_elsewhere_is_refused() -> None:
    with pytest.raises(StoreError, match="gs://bucket"):
        Store("gs://bucket/prefix")


def test_a_root_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError):
        Store(str(tmp_path / "file" / "store")).put_object("a", b"")


def test_a_reader_during_writes_sees_one_version_whole(store: Store) -> None:
    frames = [PRODUCTS.with_columns(series=pl.lit(str(n))) for n in range(6)]
    store.save("products", frames[0])

    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(lambda: [store.save("products", f) for f in frames[1:]])
        while not writing.done():
            assert store.load("products")["series"].n_unique() == 1

    assert writing.result() == [1, 2, 3, 4, 5]


def test_a_writer_that_is_killed_leaves_the_former_version(storage: StorageSettings) -> None:
    store = open_store(storage)
    store.save("products", PRODUCTS)
    script = (
        "import json, polars as pl, sys\n"
        "from dealcast.settings import StorageSettings\n"
        "from dealcast.workflow.store import open_store\n"
        "store = open_store(StorageSettings(**json.loads(sys.argv[1])))\n"
        "frame = pl.DataFrame({'product': [str(n) for n in range(200_000)]})\n"
        "frame = frame.with_columns(series=pl.lit('x'), sales_price=1.0)\n"
        "print('ready', flush=True)\n"
        "while True: store.save('products', frame)\n"
    )

    with subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(_revealed(storage))], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            child.wait(timeout=0.4)
        except subprocess.TimeoutExpired:
            child.kill()

    assert store.load("products").height in (2, 200_000)
    assert store.save("products", PRODUCTS.head(1)) == store.version("products")


def _revealed(storage: StorageSettings) -> dict[str, Any]:
    secret = storage.secret_access_key
    shown = storage.model_dump(mode="json")
    return shown | {"secret_access_key": secret.get_secret_value() if secret else None}


def opened_on(day: int, *names: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "opportunity_id": names,
            "snapshot_date": date(2017, 3, day),
            "outcome": None,
            "days_to_close": None,
        }
    )


def names_in(store: Store, *, version: int | None = None) -> list[str]:
    return sorted(store.load("snapshots", version=version)["opportunity_id"])


def save_parts(store: Store, *parts: pl.DataFrame, kept: Collection[str] = ()) -> int | None:
    with store.parts("snapshots", kept=kept) as table:
        for part in parts:
            table.add(part)
    return table.version


def test_parts_are_one_version_of_a_table(store: Store) -> None:
    assert save_parts(store, opened_on(6, "A"), opened_on(13, "A", "B")) == 0
    assert store.load("snapshots").height == 3
    assert store.load("snapshots").schema["days_to_close"] == pl.Int32


def test_parts_replace_what_a_table_held(store: Store) -> None:
    store.save("snapshots", opened_on(6, "A"))

    assert save_parts(store, opened_on(6, "B")) == 1
    assert names_in(store) == ["B"]
    assert names_in(store, version=0) == ["A"]


def test_a_new_version_may_keep_parts_of_the_former(store: Store) -> None:
    save_parts(store, opened_on(6, "A"), opened_on(13, "B"))
    [first, _] = store.files("snapshots", version=0, by="snapshot_date") or ()

    save_parts(store, opened_on(13, "C"), kept=[first.name])

    assert (first.rows, first.first, first.last) == (1, date(2017, 3, 6), date(2017, 3, 6))
    assert names_in(store) == ["A", "C"]
    assert names_in(store, version=0) == ["A", "B"]


def test_what_another_run_has_replaced_cannot_be_kept(store: Store) -> None:
    save_parts(store, opened_on(6, "A"))
    [part] = store.files("snapshots", version=0, by="snapshot_date") or ()
    save_parts(store, opened_on(6, "B"))

    with pytest.raises(StoreError, match="by another run meanwhile"):
        save_parts(store, opened_on(13, "C"), kept=[part.name])

    assert names_in(store) == ["B"]


def test_parts_leave_nothing_behind_where_making_them_fails(store: Store) -> None:
    save_parts(store, opened_on(6, "A"))
    before = store.list_objects("features")

    with pytest.raises(ContractError, match="days_to_close"):
        save_parts(store, opened_on(6, "B"), opened_on(6, "C").drop("days_to_close"))

    assert store.list_objects("features") == before
    assert names_in(store) == ["A"]


def test_parts_may_have_other_columns_than_before(store: Store) -> None:
    for horizons in ((30,), (30, 60)):
        contract = scores_contract(horizons)
        with store.parts("scores", contract=contract):
            pass

    assert "p_won_60" not in store.load("scores", version=0).columns
    assert "p_won_60" in store.load("scores").columns


def test_no_parts_are_an_empty_table(store: Store) -> None:
    save_parts(store, opened_on(6, "A"))

    assert save_parts(store) == 1
    assert store.load("snapshots").columns == opened_on(6).columns
    assert store.load("snapshots").is_empty()
