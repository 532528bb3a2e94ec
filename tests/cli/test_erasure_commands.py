"""`dealcast store delete` and `store erasures`."""

from pathlib import Path
from typing import Any

import pytest

from dealcast.workflow.store import Store
from servers.grep import named
from servers.stores import RELEASES, store_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return store_of(RELEASES[-1], tmp_path)


def test_a_dry_run_names_what_would_go_and_changes_nothing(call: Any, root: Path) -> None:
    store = Store(str(root))
    one = store.load("scores")["opportunity_id"][0]
    before = len(named(store, one))

    done = call("store", "delete", "--opportunity", one, "--root", root, "--dry-run", "--json")

    assert done.code == 0, done.err
    assert done.json["tables"]["scores"] == 1
    assert done.json["dry_run"]
    assert len(named(store, one)) == before


def test_without_an_answer_nothing_is_erased(call: Any, root: Path) -> None:
    one = Store(str(root)).load("scores")["opportunity_id"][0]

    done = call("store", "delete", "--opportunity", one, "--root", root)

    assert done.code != 0
    assert named(Store(str(root)), one)


def test_those_in_a_file_are_erased_and_the_newest_report_is_drawn_anew(
    call: Any, root: Path, tmp_path: Path
) -> None:
    store = Store(str(root))
    ids = store.load("scores")["opportunity_id"].head(2).to_list()
    file = tmp_path / "ids.txt"
    file.write_text("\n".join(ids) + "\n")
    newest = max(r["run_id"] for r in call("runs", "--root", root, "--json").json)

    done = call("store", "delete", "--file", file, "--root", root, "--yes", "--json")
    listed = call("store", "erasures", "--root", root, "--json")
    shown = call("store", "erasures", "--root", root)
    run = call("runs", "show", newest, "--root", root)

    assert done.code == 0, done.err
    assert [named(store, one) for one in ids] == [[], []]
    assert len(listed.json[0]["hashes"]) == 2
    assert "done" in shown.out
    assert store.has_object(f"runs/{newest}/report.html")
    assert "changed by erasure" in run.out


def test_a_file_of_a_spreadsheet_loses_no_id(call: Any, root: Path, tmp_path: Path) -> None:
    ids = Store(str(root)).load("scores")["opportunity_id"].head(2).to_list()
    file = tmp_path / "ids.txt"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(ids).encode() + b"\r\n\r\n")

    planned = call("store", "delete", "--file", file, "--root", root, "--dry-run", "--json")

    assert planned.json["opportunities"] == 2
    assert planned.json["tables"]["scores"] == 2


def test_a_file_that_is_no_text_is_refused(call: Any, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_bytes(b"caf\xe9\n")

    refused = call("store", "delete", "--file", file, "--root", root, "--yes")

    assert refused.code == 2
    assert "ids.txt' cannot be read" in refused.err


def test_an_erasure_needs_an_id_and_a_store(call: Any, root: Path) -> None:
    assert call("store", "delete", "--root", root, "--yes").code == 5
    assert call("store", "delete", "--opportunity", "A", "--root", "nowhere", "--yes").code == 5


def test_a_killed_run_that_the_store_does_not_know_is_told(call: Any, root: Path) -> None:
    words = ("store", "delete", "--opportunity", "A", "--root", root, "--yes", "--killed", "r1")

    refused = call(*words)

    assert refused.code == 5
    assert "No run 'r1' of this store was broken off" in refused.err
