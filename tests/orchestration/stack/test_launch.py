import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dealcast.orchestration.stack.launch import environment_of
from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.processes import FOLDER_MARK, SERVICE_MARK, end, processes_of

pytest.importorskip("psutil", reason="psutil is not installed: uv pip install 'dealcast[stack]'")
SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def test_what_the_shell_says_of_other_servers_is_not_inherited() -> None:
    inherited = {"PREFECT_API_URL": "elsewhere", "AWS_PROFILE": "mine", "PATH": "/bin", "HOME": "/"}

    found = environment_of({"environment": {"AWS_ACCESS_KEY_ID": "own"}}, inherited)

    assert found == {"PATH": "/bin", "HOME": "/", "AWS_ACCESS_KEY_ID": "own"}


def test_a_child_that_a_killed_server_left_is_ended_before_the_next_starts(tmp_path: Path) -> None:
    marks = {FOLDER_MARK: str(tmp_path), SERVICE_MARK: "mlflow"}
    file = tmp_path / "mlflow.json"
    content = {"command": [sys.executable, "-c", "print('the service')"], "environment": marks}
    content |= {"folder": str(tmp_path), "user": None, "group": None, "sweep": True}
    file.write_text(json.dumps(content))
    with started(marks) as orphan, started({**marks, SERVICE_MARK: "worker"}) as other:
        done = subprocess.run(
            [sys.executable, "-m", "dealcast.orchestration.stack.launch", str(file)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

        assert done.stdout == "the service\n"
        assert orphan.wait(10) != 0
        assert other.poll() is None
        other.kill()


def test_processes_are_found_by_their_stack_and_ended(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    marks = {FOLDER_MARK: str(tmp_path), SERVICE_MARK: "prefect"}
    with started(marks) as process, started({FOLDER_MARK: f"{tmp_path}-other"}) as other:
        found = processes_of(layout)

        assert [p.pid for p in found] == [process.pid]
        assert [p.pid for p in processes_of(layout, "prefect")] == [process.pid]
        assert processes_of(layout, "mlflow") == []
        assert end(layout, found, seconds=5) == []
        assert other.poll() is None
        other.kill()


def started(marks: dict[str, str]) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        SLEEP, env=os.environ | marks, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process
