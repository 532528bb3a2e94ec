"""`dealcast stack` where nothing runs; tests/services/test_stack.py has the real servers."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from servers.folders import reachable_folder

pytest.importorskip("supervisor", reason="not installed: uv pip install 'dealcast[stack]'")


def dealcast(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    (cwd / "config").mkdir(exist_ok=True)
    (cwd / "config" / "staging.yaml").write_text("logging: {level: INFO}\n")
    return subprocess.run(
        [sys.executable, "-m", "dealcast", "stack", *arguments],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if not k.startswith("DEALCAST")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_status_of_a_stack_that_was_never_started(tmp_path: Path) -> None:
    done = dealcast("status", "--json", cwd=tmp_path)

    found = json.loads(done.stdout)
    assert done.returncode == 8
    assert {s["state"] for s in found} == {"stopped"}
    assert not any(s["ready"] for s in found)
    assert not (tmp_path / "data").exists()


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    done = dealcast("down", cwd=tmp_path)

    assert done.returncode == 0
    assert "Nothing was running." in done.stdout


def test_a_taken_port_stops_the_start_before_any_process() -> None:
    with reachable_folder() as folder, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = dealcast("up", "--set", f"stack.prefect_port={port}", cwd=folder)

        assert done.returncode == 8
        assert f"port {port} (stack.prefect_port)" in done.stderr
        assert not (folder / "data" / "stack" / "supervisord.pid").exists()


def test_data_are_removed_only_after_asking(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "stack"
    folder.mkdir(parents=True)

    refused = dealcast("down", "--purge", cwd=tmp_path)
    assert folder.is_dir()
    done = dealcast("down", "--purge", "--yes", cwd=tmp_path)

    assert refused.returncode == 130
    assert done.returncode == 0
    assert not folder.exists()
