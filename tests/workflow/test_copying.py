"""Copying a store proves that all of it arrived; the S3 cases run on a real server."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.errors import StoreError
from dealcast.settings import StorageSettings
from dealcast.workflow.copying import PART, copy_store
from dealcast.workflow.location import locate_at
from dealcast.workflow.store import Store, open_store

if TYPE_CHECKING:
    from servers.seaweed import S3Server

PRODUCTS = pl.DataFrame(
    {"product": ["A", "B"], "series": ["x", None], "sales_price": [1.5, None]},
    schema={"product": pl.String, "series": pl.String, "sales_price": pl.Float64},
)


@pytest.fixture
def source(tmp_path: Path) -> Store:
    """Three versions of a table, an append-only one, an export of several parts, a run."""
    store = Store(str(tmp_path / "source"))
    for count in (2, 1, 0):
        store.save("products", PRODUCTS.head(count), run_id=f"run-{count}")
    for run_id in ("run-1", "run-2"):
        issued = pl.DataFrame({"run_id": [run_id], "opportunity_id": ["A"]})
        store.save("scores_issued", issued, run_id=run_id)
    export = tmp_path / "export.csv"
    export.write_bytes(bytes(range(256)) * (PART // 100))
    store.keep_raw([export], {"kind": "files"})
    store.put_json("runs/run-1/manifest.json", {"run_id": "run-1"})
    store.put_json("runs/latest_steps.json", {})
    return store


def content(store: Store) -> dict[str, bytes | None]:
    return {key: store.get_object(key) for key in store.list_objects("")}


def test_a_copy_is_equal_in_every_version_and_object(source: Store, tmp_path: Path) -> None:
    target = Store(str(tmp_path / "target"))
    before = content(source)

    done = copy_store(source, target)
    shutil.rmtree(source.root)

    assert content(target) == before
    assert (done.copied, done.present, done.left) == (len(before), 0, [])
    assert [(t.name, t.version, t.versions, t.rows) for t in done.tables] == [
        ("products", 2, 3, 0),
        ("scores_issued", 1, 2, 2),
    ]
    # The original is gone: no path of it is left in a log.
    assert_frame_equal(target.load("products", version=0), PRODUCTS)
    assert target.save("products", PRODUCTS) == 3


def test_from_a_folder_to_s3_and_back_nothing_is_lost(
    source: Store, tmp_path: Path, s3: "S3Server"
) -> None:
    bucket = open_store(StorageSettings(**s3.settings()))
    back = Store(str(tmp_path / "back"))

    there = copy_store(source, bucket)
    home = copy_store(bucket, back)

    assert content(source) == content(bucket) == content(back)
    assert there.tables == home.tables
    for version in range(3):
        expected = source.load("products", version=version)
        assert_frame_equal(bucket.load("products", version=version), expected)
    assert [h["run_id"] for h in bucket.history("products")] == ["run-0", "run-1", "run-2"]
    assert bucket.save("products", PRODUCTS) == 3


def test_a_copy_that_broke_off_goes_on_where_it_was(source: Store, tmp_path: Path) -> None:
    target = Store(str(tmp_path / "target"))
    seen: list[str] = []

    def interrupt(count: int, total: int, key: str) -> None:
        seen.append(key)
        if count == total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_store(source, target, interrupt)
    done = copy_store(source, target)

    assert done.present >= len(seen)
    assert done.copied + done.present == len(content(source))
    assert content(source) == content(target)


def test_logs_arrive_in_order_and_after_the_files_they_name(source: Store, tmp_path: Path) -> None:
    seen: list[str] = []

    copy_store(source, Store(str(tmp_path / "target")), lambda *of: seen.append(of[2]))

    logs = [key for key in seen if "products/_delta_log" in key]
    files = [key for key in seen if "processed/products/part" in key]
    assert logs == sorted(logs)
    assert max(map(seen.index, files)) < min(map(seen.index, logs))
    assert seen[-1] == "runs/latest_steps.json"


def test_a_place_that_holds_something_else_is_refused(source: Store, tmp_path: Path) -> None:
    target = Store(str(tmp_path / "target"))
    target.put_json("runs/run-9/manifest.json", {})

    with pytest.raises(StoreError, match="run-9"):
        copy_store(source, target)


def test_an_object_that_differs_is_refused_not_overwritten(source: Store, tmp_path: Path) -> None:
    target = Store(str(tmp_path / "target"))
    target.put_json("runs/run-1/manifest.json", {"run_id": "mine"})

    with pytest.raises(StoreError, match=r"run-1/manifest\.json.* another object"):
        copy_store(source, target)

    assert target.get_json("runs/run-1/manifest.json") == {"run_id": "mine"}


def test_what_is_no_part_of_a_store_is_left_and_named(source: Store, tmp_path: Path) -> None:
    other = Path(source.root) / "stack" / "postgres"
    other.mkdir(parents=True)
    (other / "pg.log").touch()

    done = copy_store(source, Store(str(tmp_path / "target")))

    assert done.left == ["stack"]
    assert not (tmp_path / "target" / "stack").exists()


def test_an_empty_place_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        copy_store(Store(str(tmp_path / "a")), Store(str(tmp_path / "b")))


def test_a_store_is_not_copied_onto_itself(source: Store) -> None:
    same = Store(locate_at(StorageSettings(), source.root))

    with pytest.raises(StoreError, match="same"):
        copy_store(source, same)
