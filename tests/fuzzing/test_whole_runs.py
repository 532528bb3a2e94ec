"""Hostile exports through the whole command line: an exit code that docs/errors.md has, in time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fuzzing.exports import HostileExport, hostile_export

Call = Callable[..., Any]
SECONDS = 120  # for one run in a process of its own; it takes five
# Done; unreadable; too bad; too little to learn from.
EXPECTED = {0, 3, 4, 6}


def rows_of(export: HostileExport) -> int | None:
    """The opportunity rows of all its files; None where nobody knows."""
    truths = [
        export.truth[name] for name, table in export.tables.items() if table == "opportunities"
    ]
    known = [len(truth.rows) for truth in truths if truth is not None]
    return sum(known) if len(known) == len(truths) else None


def arguments(export: HostileExport, folder: Path, *, stop: str | None) -> list[object]:
    export.write(folder / "export")
    until = ["--to", stop] if stop else []
    return ["run", "--path", folder / "export", "--root", folder / "store", *until, "--json"]


def check(export: HostileExport, code: int, out: str, err: str) -> None:
    said = f"export {export.number}: {err or out}"
    assert code in EXPECTED, said
    assert "Traceback" not in err + out, said
    assert "Unexpected" not in err, said
    if code:
        assert "Error: " in err, said
        assert "Try: " in err, said
        return
    done = json.loads(out)
    assert done["rows_in"] == done["rows_clean"] + done["rows_quarantined"], said
    assert done["rows_in"] == (rows_of(export) or done["rows_in"]), said


@pytest.mark.parametrize("number", range(900_000, 900_012))
def test_a_hostile_export_ends_in_a_way_that_is_told(
    call: Call, tmp_path: Path, number: int
) -> None:
    export = hostile_export(number)

    ended = call(*arguments(export, tmp_path, stop="clean"))

    check(export, ended.code, ended.out, ended.err)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(15))
def test_so_do_three_hundred(call: Call, tmp_path: Path, block: int) -> None:
    for number in range(910_000 + 20 * block, 910_020 + 20 * block):
        export = hostile_export(number)

        ended = call(*arguments(export, tmp_path / str(number), stop="clean"))

        check(export, ended.code, ended.out, ended.err)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(920_000, 920_020))
def test_a_whole_run_in_a_process_of_its_own_ends_in_time(tmp_path: Path, number: int) -> None:
    export = hostile_export(number)
    command = [sys.executable, "-m", "dealcast", *map(str, arguments(export, tmp_path, stop=None))]

    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    check(export, ended.returncode, ended.stdout, ended.stderr)
