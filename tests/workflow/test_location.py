"""Where a store is, why there, and what is refused before any server is asked."""

import re
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import polars as pl
import pytest

from dealcast.errors import StoreError
from dealcast.settings import StorageSettings
from dealcast.workflow import location
from dealcast.workflow.location import Folder, in_container, locate, locate_at
from dealcast.workflow.s3 import Bucket
from dealcast.workflow.store import open_store


@pytest.fixture(autouse=True)
def mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where Docker's mark would be; it is not, also where these tests run in Docker."""
    place = tmp_path / "mark" / ".dockerenv"
    monkeypatch.setattr(location, "DOCKER_MARK", place)
    return place


def test_auto_is_the_data_folder_outside_of_a_container() -> None:
    found = locate(StorageSettings(bucket="crm"), {})

    assert (found.root, found.is_local) == ("data", True)
    assert "no container" in found.why


@pytest.mark.parametrize(
    ("environment", "sign"),
    [
        ({"DEALCAST_IN_CONTAINER": "1"}, "DEALCAST_IN_CONTAINER"),
        ({"KUBERNETES_SERVICE_HOST": "192.0.2.1"}, "KUBERNETES_SERVICE_HOST"),
    ],
)
def test_auto_is_the_bucket_inside_a_container(environment: dict[str, str], sign: str) -> None:
    found = locate(StorageSettings(bucket="crm/prod/"), environment)

    assert (found.root, found.is_local) == ("s3://crm/prod", False)
    assert sign in found.why
    assert "storage.bucket is set" in found.why


def test_docker_is_told_by_its_mark(mark: Path) -> None:
    mark.parent.mkdir()
    mark.touch()

    found = locate(StorageSettings(bucket="crm"), {})

    assert found.root == "s3://crm"
    assert ".dockerenv is there" in found.why


def test_auto_without_a_bucket_is_the_data_folder_and_says_why() -> None:
    found = locate(StorageSettings(), {"DEALCAST_IN_CONTAINER": "1"})

    assert found.root == "data"
    assert "storage.bucket is not set" in found.why


def test_a_root_that_is_set_is_taken_as_it_is() -> None:
    found = locate(StorageSettings(root="there", bucket="crm"), {"DEALCAST_IN_CONTAINER": "1"})

    assert (found.root, found.why) == ("there", "storage.root says so")


def test_nothing_tells_of_a_container_where_there_is_none() -> None:
    assert in_container({"DEALCAST_IN_CONTAINER": "0"}) is None


@pytest.mark.parametrize("root", ["gs://bucket/x", "http://host/bucket"])
def test_other_kinds_of_places_are_refused(root: str) -> None:
    with pytest.raises(StoreError, match=root):
        locate(StorageSettings(root=root), {})


def test_the_same_settings_reach_another_root() -> None:
    storage = StorageSettings(root="s3://crm/prod", region="eu-central-1")

    there, here = locate_at(storage, "s3://other/x"), locate_at(storage, "folder")

    assert isinstance(there, Bucket)
    assert (there.root, there.region) == ("s3://other/x", "eu-central-1")
    assert isinstance(here, Folder)


def test_the_lock_of_a_killed_process_goes_with_it(tmp_path: Path) -> None:
    hold = (
        "import sys, time; from dealcast.workflow.location import Folder\n"
        "with Folder(sys.argv[1], '', 1).locked('a.json'):\n"
        "    print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, tmp_path], stdout=PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()

    with Folder(str(tmp_path), "for the test", 1).locked("a.json"):
        assert list(tmp_path.iterdir()) == []


def test_a_folder_is_locked_for_one_at_a_time(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path), "for the test", 1)

    with folder.locked("a.json"), folder.locked("b.json"):
        pass
    with folder.locked("a.json"):
        pass

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mark", ["#", "?", "%2F"])
def test_a_folder_in_which_tables_would_get_lost_is_refused(tmp_path: Path, mark: str) -> None:
    folder = tmp_path / f"deals {mark}1" / "store"

    with pytest.raises(StoreError, match=re.escape(f"has '{mark}'")):
        locate(StorageSettings(root=str(folder)), {})
    assert not folder.parent.exists()


def test_a_path_may_have_spaces_accents_and_percents(tmp_path: Path) -> None:
    store = open_store(StorageSettings(root=str(tmp_path / "böse deals 100%")))
    first = pl.DataFrame({"product": ["A", "B"], "series": ["x", None], "sales_price": [1.0, 2.0]})
    later = first.head(1)
    issued = pl.DataFrame({"run_id": ["r1"], "opportunity_id": ["A1"]})

    store.save("products", first)
    store.save("products", later)
    store.save("scores_issued", issued)
    store.save("scores_issued", issued.with_columns(grade=pl.lit("A"), run_id=pl.lit("r2")))

    assert store.load("products").equals(later)
    assert store.load("products", version=0).equals(first)
    assert store.load("products", version=0, where=pl.col("product") == "B").height == 1
    assert store.load("scores_issued").sort("run_id")["grade"].to_list() == [None, "A"]
    assert [version["version"] for version in store.history("products")] == [1, 0]
    with pytest.raises(StoreError, match="could not be read at version 7"):
        store.load("products", version=7)
