"""An MLflow server, a real one: on a free loopback port, stopped with all its processes."""

import contextlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from servers.ports import free_port, require_running, wait_until

READY_SECONDS = 90
STOP_SECONDS = 15


@dataclass(frozen=True)
class MlflowServer:
    """A running server: its address and its log."""

    uri: str
    log: Path

    def settings(self, **more: object) -> dict[str, object]:
        """The tracking section of the settings."""
        return {"kind": "mlflow", "uri": self.uri, **more}


@contextlib.contextmanager
def mlflow_server_in(
    folder: Path,
    *,
    backend: str | None = None,
    artifacts: str | None = None,
    environment: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[MlflowServer]:
    """Run a server until the block ends, however it ends. Clients need no keys: it hands on.

    `backend`: database URL, else SQLite in the folder. `artifacts`: where it keeps them, such as
    s3://BUCKET/PREFIX with the keys in `environment`, else in the folder.
    """
    if find_spec("mlflow") is None:
        pytest.skip("MLflow is not installed: uv pip install 'dealcast[mlflow]'")
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    log = folder / "server.log"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", backend or f"sqlite:///{folder}/mlflow.db"),
        *("--serve-artifacts", "--artifacts-destination", artifacts or str(folder / "artifacts")),
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,  # its workers end with it
            env=os.environ
            | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
            | dict(environment or {}),
        )
    try:
        server = MlflowServer(f"http://127.0.0.1:{port}", log)
        wait_until(
            lambda: _is_healthy(server, process), seconds=READY_SECONDS, what="the MLflow server"
        )
        yield server
    finally:
        _stop(process)


def _is_healthy(server: MlflowServer, process: subprocess.Popen[bytes]) -> bool:
    require_running(process, server.log, "the MLflow server")
    with (
        contextlib.suppress(OSError, urllib.error.URLError),
        urllib.request.urlopen(f"{server.uri}/health", timeout=2) as answer,
    ):
        return bool(answer.read() == b"OK")
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the group of processes that was started: asked first, then made to."""
    for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # a worker that outlived it
