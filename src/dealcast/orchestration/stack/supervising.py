"""supervisord, the existing supervisor that keeps the services running; the only home of it."""

import http.client
import os
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from dealcast.errors import MissingExtraError, ServiceError
from dealcast.orchestration.stack.layout import Layout, write_private
from dealcast.orchestration.stack.processes import FOLDER_MARK
from dealcast.orchestration.stack.services import SERVICES, Service

TIMEOUT_SECONDS = 10
START_SECONDS = 30
ALREADY_STARTED, NOT_RUNNING = 60, 70
NEEDED = ("asyncpg", "boto3", "mlflow", "prefect", "psutil", "psycopg", "supervisor")


@dataclass(frozen=True)
class ProcessState:
    """What supervisord says of a service; times in epoch seconds."""

    name: str
    state: str
    pid: int
    started: float
    now: float
    error: str


def require_extra() -> None:
    """Raise MissingExtraError where something of the extra 'stack' is not installed."""
    if any(find_spec(name) is None for name in NEEDED):
        raise MissingExtraError("`dealcast stack`", extra="stack")


class Supervisor:
    """The supervisor of one stack, asked over its unix socket."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._socket = str(layout.socket("supervisor"))

    def answers(self) -> bool:
        """Whether it is running."""
        try:
            return bool(self._call("getPID"))
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False

    def start(self) -> None:
        """Start it in the background, with all services stopped."""
        file = self._layout.folder / "supervisord.conf"
        write_private(file, config(self._layout))
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(file)],
            env=os.environ | {FOLDER_MARK: str(self._layout.folder)},
            cwd=self._layout.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )
        end = time.monotonic() + START_SECONDS
        while done.returncode == 0 and time.monotonic() < end:
            if self.answers():
                return
            time.sleep(0.1)
        told = (done.stderr + done.stdout).strip()[-1000:]
        raise ServiceError(
            f"The supervisor (supervisord) did not start.\n{told}",
            remedy=f"see {self._layout.log('supervisord')}",
        )

    def states(self) -> dict[str, ProcessState]:
        """What each service does, by name."""
        found = self._ask("getAllProcessInfo")
        return {
            i["name"]: ProcessState(
                i["name"], i["statename"], i["pid"], i["start"], i["now"], i["spawnerr"]
            )
            for i in found
        }

    def start_service(self, service: Service) -> None:
        """Start it, unless it is started already; does not wait."""
        self._ask("startProcess", service.name, False, unless=ALREADY_STARTED)

    def stop_service(self, service: Service) -> None:
        """Ask it to stop, unless it is stopped; does not wait."""
        self._ask("stopProcess", service.name, False, unless=NOT_RUNNING)

    def shut_down(self) -> int:
        """Ask the supervisor itself to end; its process id."""
        pid = int(self._ask("getPID"))
        self._ask("shutdown")
        return pid

    def _ask(self, method: str, *arguments: object, unless: int | None = None) -> Any:
        try:
            return self._call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == unless:
                return None
            raise ServiceError(
                f"The stack's supervisor refuses {method}: {fault.faultString}.",
                remedy="dealcast stack down, then dealcast stack up",
            ) from fault
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise ServiceError(
                f"The stack's supervisor does not answer: {error}.",
                remedy="dealcast stack down, then dealcast stack up",
            ) from error

    def _call(self, method: str, *arguments: object) -> Any:
        transport = _OverSocket(self._socket)
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)


def config(layout: Layout) -> str:
    """supervisord.conf. It holds no secrets: those are in the files that `launch` reads."""
    log = layout.log("supervisord")
    lines = [
        *("[unix_http_server]", f"file={_raw(layout.socket('supervisor'))}", "chmod=0700", ""),
        *("[supervisord]", f"logfile={_raw(log)}", "logfile_maxbytes=5MB", "logfile_backups=1"),
        *(f"pidfile={_raw(layout.folder / 'supervisord.pid')}", "umask=077", "minfds=1024"),
        f"childlogdir={_raw(layout.folder / 'logs')}",
        # Said outright, for it warns of running as root otherwise.
        *(["user=root"] if os.geteuid() == 0 else []),
        *("", "[rpcinterface:supervisor]"),
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        *(line for service in SERVICES for line in _program(layout, service)),
    ]
    return "\n".join(lines) + "\n"


def _program(layout: Layout, service: Service) -> list[str]:
    launch = [*(sys.executable, "-P", "-m", "dealcast.orchestration.stack.launch")]
    launch.append(str(layout.launch_file(service.name)))
    return [
        *("", f"[program:{service.name}]", f"command={_raw(shlex.join(launch))}"),
        *(f"priority={service.stage}", "autostart=false", "autorestart=true"),
        *("startsecs=2", "startretries=3", f"stopsignal={service.stop_signal}"),
        *(f"stopwaitsecs={service.stop_seconds}", "stopasgroup=true", "killasgroup=true"),
        # Expanded twice, unlike all else.
        *(f"stdout_logfile={_raw(_raw(layout.log(service.name)))}", "redirect_stderr=true"),
        *("stdout_logfile_maxbytes=10MB", "stdout_logfile_backups=2"),
    ]


def _raw(value: object) -> str:
    """A value in which supervisord is to expand nothing."""
    return str(value).replace("%", "%%")


class _OverSocket(xmlrpc.client.Transport):
    """XML-RPC over a unix socket; no request takes longer than the time-out."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT_SECONDS)
        connection.connect = partial(_connect, connection, self._path)  # type: ignore[method-assign]
        self._connection = (host, connection)
        return connection


def _connect(connection: http.client.HTTPConnection, path: str) -> None:
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(TIMEOUT_SECONDS)
    connection.sock.connect(path)
