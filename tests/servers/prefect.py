"""A real Prefect server and its workers: on free loopback ports, stopped by their process ids."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from servers.ports import ServerEndedError, free_port, require_running, wait_until

READY_SECONDS = 90
STOP_SECONDS = 5
ATTEMPTS = 3
# A server's loops, as quick as tests need them.
QUICK = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "3",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "3",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1S",
}


@dataclass(frozen=True)
class PrefectServer:
    """A running server: the address of its API, the folder it keeps everything in, its log."""

    api_url: str
    home: Path
    log: Path

    def environment(self) -> dict[str, str]:
        """Variables for a process that talks to this server and writes nothing into a home."""
        return {**prefect_environment(self.home), "PREFECT_API_URL": self.api_url}


def prefect_environment(home: Path) -> dict[str, str]:
    """Variables that keep Prefect quiet, and out of the user's own folder."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
    }


@contextlib.contextmanager
def prefect_server_in(
    folder: Path, *, port: int | None = None, more: Mapping[str, str] | None = None
) -> Iterator[PrefectServer]:
    """Run a server with its data in the folder until the block ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    process, server = _started(folder, port, more or {})
    try:
        yield server
    finally:
        stop(process)


@contextlib.contextmanager
def worker(
    server: PrefectServer, pool: str, folder: Path, *, more: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process worker for the pool until the block ends; it and its flows are one group."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **server.environment(),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "2",
        **(more or {}),
    }
    with (folder / "worker.log").open("ab") as output:
        process = subprocess.Popen(
            [*_prefect(), "worker", "start", "--pool", pool, "--type", "process"],
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: asked first, then made to."""
    started = _descendants(process.pid)
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)  # it may ignore the first request
    _kill([*started, *_descendants(process.pid), process.pid])
    process.wait(STOP_SECONDS)


def lose_power(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started at once, as a machine does that loses its power."""
    _kill([process.pid, *_descendants(process.pid)])
    process.wait(STOP_SECONDS)


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """A worker's flows are in sessions of their own, so its group of processes is not all."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _started(
    folder: Path, port: int | None, more: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], PrefectServer]:
    for attempt in range(ATTEMPTS):
        chosen = port or free_port()
        server = PrefectServer(
            f"http://127.0.0.1:{chosen}/api", folder, folder / f"server-{attempt}.log"
        )
        with server.log.open("wb") as output:
            process = subprocess.Popen(
                [*_prefect(), "server", "start", "--host", "127.0.0.1", "--port", str(chosen)],
                stdout=output,
                stderr=output,
                cwd=folder,
                env={**os.environ, **prefect_environment(folder), **QUICK, **more},
                start_new_session=True,
            )
        try:
            _wait_until_ready(process, server)
        except BaseException as error:
            stop(process)
            # Between asking for a free port and taking it, somebody else may have taken it.
            if not isinstance(error, ServerEndedError) or attempt == ATTEMPTS - 1:
                raise
        else:
            return process, server
    raise AssertionError


def _prefect() -> list[str]:
    return [sys.executable, "-m", "prefect"]


def _wait_until_ready(process: subprocess.Popen[bytes], server: PrefectServer) -> None:
    def answers() -> bool:
        require_running(process, server.log, "Prefect")
        with (
            contextlib.suppress(OSError, urllib.error.URLError),
            urllib.request.urlopen(f"{server.api_url}/health", timeout=2) as answer,
        ):
            return bool(answer.read() == b"true")
        return False

    wait_until(answers, seconds=READY_SECONDS, what="the Prefect server")


@dataclass(frozen=True)
class Seen:
    """What a server shows, asked over HTTP as its pages do."""

    server: PrefectServer

    def ask(self, path: str, content: object = None) -> Any:
        """The JSON answer; a POST where there is content. A locked database is asked again."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.server.api_url}{path}", body, headers)
        answers: list[Any] = []

        def answered() -> bool:
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    answers.append(json.load(answer))
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
            return bool(answers)

        wait_until(answered, seconds=30, what=f"an answer to {path}")
        return answers[0]

    def flow_run(self, name: str) -> dict[str, Any]:
        """The only flow run of that name."""
        (found,) = self.ask("/flow_runs/filter", {"flow_runs": {"name": {"any_": [name]}}})
        return dict(found)

    def again(self, flow_run: dict[str, Any]) -> dict[str, Any]:
        """The flow run as it is now."""
        return dict(self.ask(f"/flow_runs/{flow_run['id']}"))

    def latest(self) -> dict[str, Any]:
        """The flow run of no deployment that started last."""
        wanted = {
            "flow_runs": {"deployment_id": {"is_null_": True}},
            "sort": "START_TIME_DESC",
            "limit": 1,
        }
        return dict(self.ask("/flow_runs/filter", wanted)[0])

    def task_runs(self, flow_run: dict[str, Any]) -> list[dict[str, Any]]:
        """Its task runs in the order of their start, once the server has recorded them all."""
        wanted = {
            "flow_runs": {"id": {"any_": [flow_run["id"]]}},
            "sort": "EXPECTED_START_TIME_ASC",
        }
        found: list[dict[str, Any]] = []

        def recorded() -> bool:
            # It learns of them from events, a moment after the flow run has ended.
            found[:] = self.ask("/task_runs/filter", wanted)
            ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
            return bool(found) and all(t["state_type"] in ended for t in found)

        wait_until(recorded, seconds=60, what="the record of all task runs")
        return found

    def tasks(self, flow_run: dict[str, Any]) -> dict[str, str]:
        """State by step; where a step was started anew, the later one."""
        return {t["name"]: t["state_name"] for t in self.task_runs(flow_run)}

    def starts(self, flow_run: dict[str, Any], step: str) -> int:
        """How often the step's task was tried."""
        return max(t["run_count"] for t in self.task_runs(flow_run) if t["name"] == step)

    def artifacts(self, flow_run: dict[str, Any]) -> dict[str, str]:
        """Markdown by key."""
        of = {"artifacts": {"flow_run_id": {"any_": [flow_run["id"]]}}}
        return {a["key"]: a["data"] for a in self.ask("/artifacts/filter", of)}

    def logs(self, flow_run: dict[str, Any]) -> list[str]:
        """Every message of the flow run and its tasks, once the last one has come."""
        of = {"logs": {"flow_run_id": {"any_": [flow_run["id"]]}}, "limit": 200}
        found: list[str] = []

        def complete() -> bool:
            found[:] = [line["message"] for line in self.ask("/logs/filter", of)]
            return any("Finished in state" in line for line in found[-1:])

        wait_until(complete, seconds=60, what="the last line of the log")
        return found
