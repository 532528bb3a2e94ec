"""`dealcast` alone: where the work stands, and what to do next."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dealcast.workflow.store import Store

Call = Callable[..., Any]
ROWS = (
    "opportunity_id,deal_stage,engage_date,close_date,close_value\nA1,Won,2024-01-02,2024-02-01,9\n"
)


def run_on(call: Call, root: Path, *arguments: str) -> Any:
    (root.parent / "opportunities.csv").write_text(ROWS, encoding="utf-8")
    path = root.parent / "opportunities.csv"
    return call("run", "--path", path, "--root", root, *arguments)


def test_on_an_empty_folder_the_first_run_is_offered(call: Call) -> None:
    done = call()

    assert done.code == 0
    assert done.out.splitlines() == [
        "data: nothing has been run yet.",
        "",
        "Next: dealcast run --source sample --root data",
        "`dealcast --help` lists all commands.",
    ]


def test_what_failed_is_told_with_how_to_go_on(call: Call, tmp_path: Path) -> None:
    root = tmp_path / "store"
    assert run_on(call, root).code == 6

    done = call("--root", root)

    assert "did not get through 'train'" in done.out
    assert "at least 200 are needed" in done.out
    assert f"Next: dealcast run --from train --root {root}" in done.out


def test_what_is_there_is_told_as_json_and_alike_to_people(call: Call, tmp_path: Path) -> None:
    root = tmp_path / "store"
    assert run_on(call, root, "--to", "clean").code == 0

    told = call("--root", root, "--json").json

    assert (told["state"], told["step"]) == ("unfinished", "features")
    assert Path(told["report"]).is_file()
    assert told["report"] in call("--root", root).out


@pytest.mark.parametrize("place", ["environment", "file"])
def test_the_store_is_that_of_the_settings(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    if place == "environment":
        monkeypatch.setenv("DEALCAST__STORAGE__ROOT", "elsewhere")
    else:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "development.yaml").write_text("storage: {root: elsewhere}\n")

    assert call("--json").json["store"] == "elsewhere"


def test_settings_that_take_more_are_asked_in_full(call: Call, tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("DEALCAST__STORAGE__ROOT=by-file\n")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "development.yaml").write_text("env_file: secrets.env\n")

    assert call("--json").json["store"] == "by-file"


@pytest.mark.parametrize("content", [b"{", b'"\xff"'])
def test_an_object_that_is_no_json_is_refused(call: Call, tmp_path: Path, content: bytes) -> None:
    run = tmp_path / "store" / "runs" / "20261101T060000Z-aaaa"
    run.mkdir(parents=True)
    (run / "manifest.json").write_bytes(content)

    done = call("--root", tmp_path / "store")

    assert done.code == 5
    assert "manifest.json' cannot be read" in done.err


def test_options_of_a_command_go_after_it(call: Call) -> None:
    done = call("--json", "runs")

    assert done.code == 2
    assert "go after the command: dealcast runs" in done.err


def test_the_whole_help_is_still_there(call: Call) -> None:
    assert "Commands:" in call("--help").out


@pytest.mark.parametrize(
    "text",
    ["storage: 5", "storage: [a]", "data: {as_of: 2024-13-45}", "a: a: a", "a: !!timestamp b"],
)
def test_settings_that_are_wrong_are_refused_here_too(
    call: Call, tmp_path: Path, text: str
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "development.yaml").write_text(text, encoding="utf-8")

    refused = call()

    assert refused.code == 2, refused.err
    assert "development.yaml" in refused.err
    assert "Unexpected" not in refused.err


def test_a_store_that_may_not_be_read_is_told(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(self: Path, _: str) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "glob", forbidden)

    done = call("--root", tmp_path)

    assert done.code == 5
    assert f"'{tmp_path / 'runs'}' may not be read by this user." in done.err


def test_too_little_memory_outside_of_any_step_is_told(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> list[str]:
        raise MemoryError

    monkeypatch.setattr(Store, "list_objects", fill)

    done = call("runs", "--root", tmp_path)

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: The memory was not enough.\n\nTry: set engine.memory_gb")
