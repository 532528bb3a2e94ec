"""`dealcast store copy`, and where `config show` says the store is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from dealcast.workflow.store import Store

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
