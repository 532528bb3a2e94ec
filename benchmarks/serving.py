"""One opportunity scored over HTTP: `python benchmarks/serving.py [REQUESTS] [--json]`.

`dealcast api` beside `mlflow models serve` on the same model, both on loopback: first they must
answer the same, then each is asked in turn for one opportunity at a time over one connection, then
over 16 at once. Memory is the peak of all processes of a server.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from dealcast.settings import load_settings
from dealcast.surfaces.api.keys import new_key
from dealcast.workflow.manifest import load_latest_steps
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store
from measuring import peak_gigabytes
from results import Result, arguments, tell

REQUESTS, CONNECTIONS = 1_000, 16
WARM_UP = 50
READY_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 180, 20, 60
# How many times as quick issue 6 asks for, and how close the answers must be.
BOUND, TOLERANCE = 3.0, 1e-12
OPPORTUNITIES, ASKED = 2_000, 50
KNOWN = ("opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date")
SILENT = SimpleNamespace(
    **dict.fromkeys(("started", "progressed", "finished"), lambda *_told: None)
)
COLUMNS = {
    "server": "<27",
    "p50_milliseconds": "9.2f",
    "p99_milliseconds": "9.2f",
    "per_second": "10,.0f",
    "gigabytes": "9.2f",
    "times_p50": "9.1f",
    "times_p99": "9.1f",
    "asked_for": "<6",
}


@dataclass(frozen=True)
class Way:
    """A server and what it is asked, once for each opportunity."""

    name: str
    port: int
    pid: int
    path: str
    bodies: tuple[bytes, ...]
    headers: Mapping[str, str]

    def connection(self) -> http.client.HTTPConnection:
        """A new one to the server."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)

    def ask(self, connection: http.client.HTTPConnection, number: int) -> bytes:
        """The answer to the question of that number. Raises RuntimeError where it is an error."""
        body = self.bodies[number % len(self.bodies)]
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self.name} answered {answer.status}: {content[:500]!r}")
        return content


def store_in(folder: Path) -> Store:
    """A store with a model and scores."""
    flags = {"storage.root": str(folder), "source.opportunities": OPPORTUNITIES}
    settings = load_settings(environ={}, flags={"source.kind": "sample", **flags})
    run_steps(settings, Plan(None, "score"), SILENT, quiet=True)
    return Store(str(folder))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[object], port: int, ready: str, log: Path, **variables: str
) -> Iterator[int]:
    """A server, from when it is ready; its process id."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=output,
            stderr=output,
            env={**os.environ, **variables},
            start_new_session=True,
        )
    try:
        end = time.monotonic() + READY_SECONDS
        while not is_ready(port, ready):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} is not there\n{log.read_text()[-3_000:]}")
            time.sleep(0.2)
        yield process.pid
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)


def is_ready(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, Way]]:
    """The three ways to ask, both servers on the same model."""
    from dealcast.tracking.mlflow.models import write_model

    store = store_in(folder / "store")
    content = store.get_object(load_latest_steps(store)["train"].objects["model"])
    assert content is not None
    write_model(folder / "model", content)
    scores = store.load("scores").drop_nulls("engage_date").head(ASKED)
    rows = json.loads(json.dumps(scores.select(KNOWN).to_dicts(), default=str))
    key, kept = new_key("benchmark", ["score"])
    api, mlflow = free_port(), free_port()
    python = Path(sys.executable)
    serve_model = [
        *(python.with_name("mlflow"), "models", "serve", "-m", folder / "model"),
        *("--env-manager", "local", "-h", "127.0.0.1", "-p", mlflow),
    ]
    serve_api = [python, "-m", "dealcast", "api", "--root", folder / "store", "--port", api]
    serve_api += ["--set", "api.requests_per_minute=null"]  # how fast it can be is the question
    keys = {"DEALCAST__API__KEYS": json.dumps([kept.model_dump(mode="json")])}
    path = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    with (
        running(serve_api, api, "/readyz", folder / "api.log", **keys) as api_pid,
        running(serve_model, mlflow, "/ping", folder / "mlflow.log", **path) as mlflow_pid,
    ):
        json_type = {"Content-Type": "application/json"}
        with_key = json_type | {"Authorization": f"Bearer {key}"}
        plain, explained = (
            tuple(json.dumps({"opportunities": [row], "reasons": reasons}).encode() for row in rows)
            for reasons in (False, True)
        )
        split = tuple(
            json.dumps({"dataframe_split": {"columns": KNOWN, "data": [list(r.values())]}}).encode()
            for r in rows
        )
        yield {
            "api": Way("dealcast api", api, api_pid, "/v1/score", plain, with_key),
            "reasons": Way(
                "dealcast api, with reasons", api, api_pid, "/v1/score", explained, with_key
            ),
            "mlflow": Way(
                "mlflow models serve", mlflow, mlflow_pid, "/invocations", split, json_type
            ),
        }


def refuse_other_answers(ways: Mapping[str, Way]) -> None:
    """Both must say the same of every opportunity."""
    ours, theirs = ways["api"].connection(), ways["mlflow"].connection()
    for number in range(len(ways["api"].bodies)):
        (here,) = json.loads(ways["api"].ask(ours, number))["opportunities"]
        (there,) = json.loads(ways["mlflow"].ask(theirs, number))["predictions"]
        for chance in here["chances"]:
            other = there[f"p_won_{chance['horizon_days']}"]
            if abs(chance["p_won"] - other) > TOLERANCE:
                raise RuntimeError(f"{here['opportunity_id']}: {chance['p_won']} and {other}")


def latencies(ways: Mapping[str, Way], requests: int) -> dict[str, list[float]]:
    """Milliseconds of each request; the ways take turns, so that a busy moment meets all alike."""
    connections = {name: way.connection() for name, way in ways.items()}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-WARM_UP, requests):
        for name, way in ways.items():
            began = time.perf_counter()
            way.ask(connections[name], number)
            if number >= 0:
                found[name].append((time.perf_counter() - began) * 1_000)
    return found


def throughput(way: Way, requests: int) -> float:
    """Requests answered per second over 16 connections."""
    numbers = iter(range(requests))
    failed: list[Exception] = []

    def ask_on() -> None:
        connection = way.connection()
        try:
            for number in numbers:
                way.ask(connection, number)
        except (RuntimeError, OSError) as error:
            failed.append(error)

    callers = [threading.Thread(target=ask_on) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    if failed:
        raise failed[0]
    return requests / (time.perf_counter() - began)


def peak_of(pid: int) -> float:
    """The peaks of a process and all that it started, added up (GB)."""
    import psutil

    tree = [pid, *(p.pid for p in psutil.Process(pid).children(recursive=True))]
    return sum(map(peak_gigabytes, tree))


def results(requests: int) -> Iterator[Result]:
    """A result for each way to ask."""
    with tempfile.TemporaryDirectory(prefix="dealcast-") as folder, servers(Path(folder)) as ways:
        refuse_other_answers(ways)
        took = latencies(ways, requests)
        p50 = {name: statistics.median(each) for name, each in took.items()}
        p99 = {name: statistics.quantiles(each, n=100)[98] for name, each in took.items()}
        for name, way in ways.items():
            times = {"p50": p50["mlflow"] / p50[name], "p99": p99["mlflow"] / p99[name]}
            met = min(times.values()) >= BOUND
            yield {
                "server": way.name,
                "p50_milliseconds": p50[name],
                "p99_milliseconds": p99[name],
                "per_second": throughput(way, requests),
                "gigabytes": peak_of(way.pid),
                "times_p50": times["p50"],
                "times_p99": times["p99"],
                "asked_for": ("met" if met else "SLOWER") if name == "api" else "-",
            }


def main() -> None:
    given = arguments(__doc__, [REQUESTS], of="REQUESTS").parse_args()
    tell(results(given.sizes[0]), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    main()
