"""The whole stack for real: PostgreSQL, SeaweedFS, MLflow, Prefect and a worker."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.processes import processes_of
from dealcast.orchestration.stack.stopping import down
from dealcast.settings.loading import read_env_file
from servers.folders import reachable_folder
from servers.ports import free_port, wait_until

pytest.importorskip("supervisor", reason="not installed: uv pip install 'dealcast[stack]'")
REPOSITORY = Path(__file__).resolve().parents[2]
PORTS = ("postgres_port", "s3_port", "mlflow_port", "prefect_port")


@dataclass(frozen=True)
class Site:
    """A folder with the shipped configuration, and free ports."""

    folder: Path
    ports: dict[str, int]

    @property
    def layout(self) -> Layout:
        return Layout((self.folder / "data" / "stack").resolve())

    def stack(self, command: str, *more: str) -> "subprocess.CompletedProcess[str]":
        sets = [f"--set=stack.{name}={port}" for name, port in self.ports.items()]
        return subprocess.run(
            [sys.executable, "-m", "dealcast", "stack", command, *sets, *more],
            cwd=self.folder,
            env={k: v for k, v in os.environ.items() if not k.startswith("DEALCAST")},
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )

    def services(self) -> dict[str, dict[str, Any]]:
        return {s["name"]: s for s in json.loads(self.stack("status", "--json").stdout)}

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        url = read_env_file(self.layout.env_file)["STACK_DATABASE_URL"]
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with reachable_folder() as folder:
        (folder / "config").symlink_to(REPOSITORY / "config")
        found = Site(folder, {name: free_port() for name in PORTS})
        try:
            yield found
        finally:
            down(found.layout)


@pytest.mark.slow
def test_the_stack_starts_heals_stops_and_keeps_its_data(site: Site) -> None:
    done = site.stack("up", "--json")
    assert done.returncode == 0, done.stderr
    assert all(s["ready"] for s in json.loads(done.stdout)["services"])
    site.query("CREATE TABLE kept (n int)")

    _starting_it_again_changes_nothing(site)
    _a_killed_service_comes_back(site)
    _a_killed_supervisor_is_noticed(site)
    _a_service_that_cannot_start_is_told_with_its_log_and_stops_the_rest(site)

    back = site.stack("up", "--json")
    assert back.returncode == 0, back.stderr
    assert all(s["ready"] for s in json.loads(back.stdout)["services"])
    assert site.query("SELECT count(*) FROM kept") == [(0,)]

    stopped = site.stack("down")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(site.layout) == []
    assert all(_is_free(port) for port in site.ports.values())
    assert site.stack("status").returncode == 8


def _starting_it_again_changes_nothing(site: Site) -> None:
    before = {name: s["pid"] for name, s in site.services().items()}

    done = json.loads(site.stack("up", "--json").stdout)

    assert {s["name"]: s["pid"] for s in done["services"]} == before


def _a_killed_service_comes_back(site: Site) -> None:
    killed = site.services()["mlflow"]["pid"]
    os.kill(killed, signal.SIGKILL)

    def is_back() -> bool:
        found = site.services()["mlflow"]
        return bool(found["ready"] and found["pid"] != killed)

    wait_until(is_back, seconds=120, what="MLflow after it was killed")


def _a_killed_supervisor_is_noticed(site: Site) -> None:
    os.kill(int((site.layout.folder / "supervisord.pid").read_text()), signal.SIGKILL)

    def is_noticed() -> bool:
        # One that logs just then ends by itself: nobody reads its output any more.
        states = {s["state"] for s in site.services().values()}
        return "lost" in states and states <= {"lost", "stopped"}

    wait_until(is_noticed, seconds=60, what="the loss of the supervisor")


def _a_service_that_cannot_start_is_told_with_its_log_and_stops_the_rest(site: Site) -> None:
    file = site.layout.postgres_data / "postgresql.conf"
    right = file.read_text()
    file.write_text(right + "\nno_such_setting = 1\n")

    done = site.stack("up")

    assert done.returncode == 8
    assert "PostgreSQL is not ready" in done.stderr
    assert "no_such_setting" in done.stderr
    assert processes_of(site.layout) == []
    file.write_text(right)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
