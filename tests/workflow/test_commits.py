import json
from pathlib import Path

import polars as pl
import pytest
from deltalake import Schema
from deltalake.transaction import AddAction

from dealcast.errors import StoreError
from dealcast.settings import StorageSettings
from dealcast.workflow.commits import Mode, NextFiles, commit_files, opened
from dealcast.workflow.location import Location, locate

PATH = "scores/scores_issued"


@pytest.fixture
def location(tmp_path: Path) -> Location:
    located = locate(StorageSettings(root=str(tmp_path / "store")), {})
    located.make(PATH)
    return located


def files(location: Location, name: str) -> NextFiles:
    """A file of one row, which bears the name, already in the table's folder."""
    frame = pl.DataFrame({"name": [name]})
    file = Path(location.place(PATH)) / f"{name}.parquet"
    frame.write_parquet(file)
    added = AddAction(
        file.name, file.stat().st_size, {}, 0, data_change=True, stats=json.dumps({"numRecords": 1})
    )
    return NextFiles(Schema.from_arrow(frame.schema), [added])


def names(location: Location) -> list[str]:
    table = opened(location, PATH)
    assert table is not None
    return sorted(pl.scan_delta(table).collect()["name"])


def put(location: Location, name: str, mode: Mode = "append", run_id: str | None = None) -> int:
    return commit_files(location, PATH, files(location, name), mode=mode, run_id=run_id or name)


def test_what_is_appended_stays_beside_what_was_there(location: Location) -> None:
    assert [put(location, name) for name in "abc"] == [0, 1, 2]
    assert names(location) == ["a", "b", "c"]


def test_what_is_made_from_a_version_replaces_no_later_one(location: Location) -> None:
    put(location, "a")
    put(location, "b")

    with pytest.raises(StoreError, match="written by another run meanwhile"):
        commit_files(location, PATH, files(location, "c"), run_id="c", expected=0)

    assert names(location) == ["a", "b"]


def test_a_run_that_is_quicker_loses_nothing_it_appended(
    location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(location, "a")
    appending = files(location, "c")
    seen: list[int] = []

    def late(*args: object) -> object:
        table = opened(*args)  # type: ignore[arg-type]
        assert table is not None
        seen.append(table.version())
        if len(seen) == 1:
            commit_files(location, PATH, files(location, "b"), mode="append", run_id="b")
        return table

    with monkeypatch.context() as patched:
        patched.setattr("dealcast.workflow.commits.opened", late)
        commit_files(location, PATH, appending, mode="append", run_id="c")

    assert names(location) == ["a", "b", "c"]


def test_a_run_appends_once_also_when_it_does_so_again(location: Location) -> None:
    assert put(location, "a", run_id="one") == put(location, "again", run_id="one") == 0
    assert names(location) == ["a"]


def test_what_overwrites_replaces_all_files_but_the_kept(location: Location) -> None:
    put(location, "a")
    put(location, "b")
    replacing = files(location, "c")
    kept = NextFiles(replacing.schema, replacing.added, kept=["b.parquet"])

    commit_files(location, PATH, kept, run_id="c")

    assert names(location) == ["b", "c"]
    assert put(location, "d", mode="overwrite") == 3
    assert names(location) == ["d"]
