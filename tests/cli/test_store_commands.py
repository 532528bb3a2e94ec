"""`dealcast store copy`, and where `config show` says the store is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from dealcast.workflow.store import Store
from servers.stores import RELEASES, store_of

if TYPE_CHECKING:
    from servers.seaweed import S3Server

PRODUCTS = pl.DataFrame({"product": ["A"], "series": ["x"], "sales_price": [1.5]})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    store = Store(str(tmp_path / "data"))
    store.save("products", PRODUCTS)
    store.put_json("runs/a/manifest.json", {})
    return tmp_path / "data"


def test_a_store_is_copied_and_shown(call: Any, data: Path) -> None:
    done = call("store", "copy", data, "there")

    assert done.code == 0, done.err
    assert "1 tables in there" in done.out
    assert "read back and equal" in done.out
    assert Store("there").load("products").height == 1


def test_a_store_is_copied_to_s3_and_back(
    call: Any, data: Path, s3: "S3Server", monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment("unused").items():
        monkeypatch.setenv(name, value)
    url = f"s3://{s3.bucket()}/prod"

    there = call("store", "copy", data, url, "--json")
    again = call("store", "copy", data, url, "--json")
    back = call("store", "copy", url, "back", "--json")

    assert [c.code for c in (there, again, back)] == [0, 0, 0], there.err + back.err
    assert there.json["tables"] == [{"name": "products", "version": 0, "versions": 1, "rows": 1}]
    assert (there.json["copied"], again.json["present"]) == (again.json["present"], 3)
    assert back.json["size"] == there.json["size"]


def test_the_versions_of_every_table_are_listed(call: Any, data: Path) -> None:
    Store(str(data)).save("products", PRODUCTS.clear(), run_id="run-2")

    every = call("store", "history", "--root", data, "--json")
    one = call("store", "history", "products", "--root", data)
    none = call("store", "history", "scores", "--root", data)

    told = [(v["table"], v["version"], v["run_id"], v["rows"], v["how"]) for v in every.json]
    assert told == [
        ("products", 1, "run-2", 0, "replaced"),
        ("products", 0, None, 1, "made"),
    ]
    assert "2 versions" in one.out
    assert none.code == 5


def test_a_vacuum_tells_what_goes_and_what_stays(call: Any, tmp_path: Path) -> None:
    root = store_of(RELEASES[-1], tmp_path)
    for file in root.rglob("*"):
        file.touch()  # as if the store had been written now, not when it was kept
    arguments = ("store", "vacuum", "--root", root, "--keep-runs", 1, "--json")
    at_once = ("--set", "storage.retention.grace_hours=0")

    spared = call(*arguments)
    planned = call(*arguments, *at_once, "--dry-run")
    done = call(*arguments, *at_once)
    again = call(*arguments[:-1], *at_once)

    assert spared.json["files"] == 0
    assert planned.json["dry_run"]
    assert done.json == {**planned.json, "dry_run": False, **clock(done.json)}
    assert len(done.json["runs"]) == 2
    assert "Freed 0 files" in again.out
    assert "the newest of its table" in again.out


def test_a_run_of_which_much_is_gone_says_so(call: Any, tmp_path: Path) -> None:
    root = store_of(RELEASES[-1], tmp_path)
    oldest = min(r["run_id"] for r in call("runs", "--root", root, "--json").json)
    at_once = ("--set", "storage.retention.grace_hours=0")
    call("store", "vacuum", "--root", root, "--keep-runs", 1, *at_once)

    shown = call("runs", "show", oldest, "--root", root)
    told = call("runs", "show", oldest, "--root", root, "--json")
    report = call("report", oldest, "--root", root)
    exported = call("export", "scores", "--version", 0, "--root", root)

    assert "Removed or changed since" in shown.out
    assert told.json["lineage"]["removed"][0]["by"] == "vacuum"
    assert report.code == exported.code == 5
    assert "was removed or changed" in report.err
    assert "dealcast store history scores" in exported.err


def test_two_rules_at_once_are_refused(call: Any, data: Path) -> None:
    done = call("store", "vacuum", "--keep", 1, "--keep-runs", 1, "--root", data)

    assert done.code == 2


@pytest.mark.parametrize(
    "rule", [("--keep", "1e9"), ("--keep", "nan"), ("--set", "storage.retention.grace_hours=1e9")]
)
def test_more_days_than_a_calendar_has_are_refused(call: Any, data: Path, rule: Any) -> None:
    done = call("store", "vacuum", *rule, "--root", data)

    assert done.code == 2
    assert "Unexpected" not in done.err


@pytest.mark.parametrize("command", ["history", "erasures"])
def test_of_no_store_nothing_is_told(call: Any, command: str) -> None:
    done = call("store", command, "--root", "nowhere")

    assert done.code == 5
    assert "no run in 'nowhere'" in done.err


def clock(content: Any) -> Any:
    return {name: content[name] for name in ("runs_kept_since", "spared_since")}


def test_what_cannot_be_copied_ends_with_the_code_of_a_store(call: Any, data: Path) -> None:
    assert call("store", "copy", "nowhere", "there").code == 5
    assert call("store", "copy", data, "gs://bucket/x").code == 5


def test_config_shows_where_the_store_is_and_why(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEALCAST_IN_CONTAINER", "1")

    plain = call("config", "show")
    bucket = call("config", "show", "--set", "storage.bucket=crm/prod", "--json")

    assert "The store is data - storage.root is auto" in plain.out
    assert bucket.json["store"]["root"] == "s3://crm/prod"
