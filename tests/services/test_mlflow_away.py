"""What a run does when MLflow is away, is another version, or comes back; with real servers."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dealcast.__main__ import main
from dealcast.settings import load_settings
from dealcast.tracking.mlflow.client import quiet
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import open_run
from servers.answers import answering
from servers.mlflow import mlflow_server_in
from servers.ports import deaf_port, free_port

if TYPE_CHECKING:
    from mlflow.entities import Run

    from servers.answers import answering
from servers.mlflow import MlflowServer

SAMPLE = ("--source", "sample", "--set", "source.opportunities=300")
SERVICE_ERROR = 8
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Call:
    """Call `dealcast ARGUMENTS` on a store in an empty folder, tracked by MLflow."""
    monkeypatch.chdir(tmp_path)

    def of(*arguments: str, uri: str = "auto") -> tuple[int, str, str]:
        tracking = {"kind": "mlflow", "uri": uri, "experiment": tmp_path.name, "timeout_seconds": 2}
        sets = [f"--set=tracking.{name}={value}" for name, value in tracking.items()]
        command = ["dealcast", *arguments, *sets, "--root", "store"]
        monkeypatch.setattr("sys.argv", command)
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return of


class Silent:
    def started(self, step: object) -> None: ...
    def progressed(self, note: str, share: float) -> None: ...
    def finished(self, record: object) -> None: ...


def first_steps(call: Call, uri: str) -> tuple[int, str, str]:
    return call("run", *SAMPLE, "--to", "clean", "--json", uri=uri)


def runs_in(uri: str, experiment: str) -> "list[Run]":
    from mlflow import MlflowClient

    with quiet():
        client = MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(experiment)
        return list(client.search_runs([found.experiment_id])) if found else []


def warnings_in(root: Path) -> list[str]:
    log = next((root / "store" / "runs").glob("*/run.log")).read_text()
    return [line for line in log.splitlines() if " WARNING " in line]


def test_a_run_without_its_server_finishes_with_one_warning_and_is_sent_later(
    call: Call, mlflow_server: "MlflowServer", tmp_path: Path
) -> None:
    code, out, _ = first_steps(call, f"http://127.0.0.1:{deaf_port()}")
    (warning,) = warnings_in(tmp_path)
    summary = json.loads(out)

    synced = call("runs", "sync", "--json", uri=mlflow_server.uri)

    assert (code, summary["status"]) == (0, "done")
    assert "does not answer" in warning
    assert "`dealcast runs sync` sends it" in warning
    assert json.loads(synced[1])["runs"] == [summary["run_id"]]
    (run,) = runs_in(mlflow_server.uri, tmp_path.name)
    manifest = json.loads(
        (tmp_path / "store/runs" / summary["run_id"] / "manifest.json").read_text()
    )
    assert run.info.status == "FINISHED"
    assert run.info.start_time == 1000 * datetime.fromisoformat(manifest["started"]).timestamp()
    assert run.data.metrics["quality_clean"] == summary["quality_clean"]


def test_a_server_that_accepts_and_never_answers_holds_a_run_up_for_seconds_only(
    call: Call, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        code, _, _ = first_steps(call, f"http://127.0.0.1:{silent.getsockname()[1]}")
        took = time.monotonic() - began

    assert code == 0
    assert took < 20
    assert len(warnings_in(tmp_path)) == 1


def test_another_version_is_named_with_the_remedy_before_any_work_starts(
    call: Call, tmp_path: Path
) -> None:
    with answering({"/version": (200, "2.22.0")}) as uri:
        code, _, err = first_steps(call, uri)

    assert code == SERVICE_ERROR
    assert "is 2.22.0; Dealcast is tested with 3.17" in err
    assert "uv pip install 'mlflow" in err
    assert not (tmp_path / "store").exists()


def test_a_run_that_fails_is_there_as_failed_with_its_error(
    call: Call, mlflow_server: "MlflowServer", tmp_path: Path
) -> None:
    code, _, _ = call("run", "--path", "nowhere.csv", uri=mlflow_server.uri)

    assert code != 0
    (run,) = runs_in(mlflow_server.uri, tmp_path.name)
    assert run.info.status == "FAILED"
    assert "nowhere.csv" in run.data.tags["dealcast.error"]
    assert run.info.end_time is not None


def test_a_run_that_was_killed_days_ago_is_sent_as_killed_and_a_younger_one_is_left(
    call: Call, mlflow_server: "MlflowServer", tmp_path: Path
) -> None:
    first_steps(call, f"http://127.0.0.1:{deaf_port()}")
    (file,) = (tmp_path / "store" / "runs").glob("*/manifest.json")
    manifest = json.loads(file.read_text()) | {"status": "running", "finished": None}

    def sync(started: str) -> dict[str, Any]:
        file.write_text(json.dumps(manifest | {"started": started}))
        synced: dict[str, Any] = json.loads(
            call("runs", "sync", "--json", uri=mlflow_server.uri)[1]
        )
        return synced

    younger = sync(manifest["started"])
    older, again = (sync("2026-01-01T00:00:00+00:00") for _ in range(2))

    (run,) = runs_in(mlflow_server.uri, tmp_path.name)
    assert (younger["runs"], younger["running"]) == ([], [manifest["run_id"]])
    assert (older["runs"], again["runs"]) == ([manifest["run_id"]], [])
    assert run.info.status == "KILLED"


def test_sync_without_a_server_says_so(call: Call) -> None:
    first_steps(call, f"http://127.0.0.1:{deaf_port()}")

    code, _, err = call("runs", "sync", uri=f"http://127.0.0.1:{deaf_port()}")

    assert code == SERVICE_ERROR
    assert "does not answer" in err


def test_auto_keeps_a_database_and_artifacts_in_the_store(call: Call, tmp_path: Path) -> None:
    code, out, _ = first_steps(call, "auto")

    database = f"sqlite:///{tmp_path}/store/mlflow/mlflow.db"
    (run,) = runs_in(database, tmp_path.name)
    assert code == 0
    assert run.data.tags["dealcast.run_id"] == json.loads(out)["run_id"]
    assert list((tmp_path / "store/mlflow/artifacts").rglob("quality_raw.json"))
    assert sorted(f.name for f in tmp_path.iterdir()) == ["store"]


def test_auto_writes_nothing_where_the_first_step_cannot_read(call: Call, tmp_path: Path) -> None:
    code, _, _ = call("run", "--path", "nowhere.csv")

    assert code != 0
    assert not (tmp_path / "store").exists()


def test_models_can_be_listed_without_the_server(call: Call) -> None:
    first_steps(call, f"http://127.0.0.1:{deaf_port()}")

    code, out, _ = call("models", "--json", uri=f"http://127.0.0.1:{deaf_port()}")

    assert (code, json.loads(out)["champion"]) == (0, None)


@pytest.mark.slow
def test_a_server_that_goes_away_in_mid_run_and_comes_back_gets_everything_once(
    call: Call, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    uri = f"http://127.0.0.1:{port}"
    tracking = {"tracking.kind": "mlflow", "tracking.uri": uri, "tracking.timeout_seconds": 2}
    flags = {"storage.root": "store", "source.kind": "sample", "source.opportunities": 300}
    named = {"tracking.experiment": tmp_path.name}
    loaded = load_settings(environ={}, flags={**flags, **tracking, **named})
    with ExitStack() as server, ExitStack() as rest:
        server.enter_context(mlflow_server_in(folder, port=port))
        run = rest.enter_context(open_run(loaded, Plan(stop="clean"), Silent(), quiet=True))
        (begun,) = runs_in(uri, tmp_path.name)
        run.do(run.steps[0])
        server.close()
        for step in run.steps[1:]:
            run.do(step)

    with mlflow_server_in(folder, port=port):
        synced: dict[str, Any] = json.loads(call("runs", "sync", "--json", uri=uri)[1])
        again = json.loads(call("runs", "sync", "--json", uri=uri)[1])
        (there,) = runs_in(uri, tmp_path.name)

    assert (begun.info.status, run.manifest.status) == ("RUNNING", "done")
    assert len(warnings_in(tmp_path)) == 1
    assert (synced["runs"], again["runs"]) == ([run.manifest.run_id], [])
    assert (there.info.run_id, there.info.status) == (begun.info.run_id, "FINISHED")
    assert there.data.metrics["rows_quarantined"] == 0
