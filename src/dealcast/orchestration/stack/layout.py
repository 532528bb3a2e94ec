"""Where the stack keeps its data, logs, sockets and secrets: all under one folder."""

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dealcast.errors import ServiceError

# A unix socket's path has 104 (macOS) or 108 bytes; supervisord adds its process id while binding.
LONGEST_SOCKET_PATH = 90
PRIVATE, PASSABLE = 0o700, 0o711


@dataclass(frozen=True)
class Layout:
    """The stack's folder (absolute) and what is where in it."""

    folder: Path

    @classmethod
    def of(cls, folder: str) -> "Layout":
        """The layout under a folder as the settings give it."""
        return cls(Path(folder).expanduser().resolve())

    @property
    def env_file(self) -> Path:
        """Secrets and addresses, as KEY=VALUE lines."""
        return self.folder / "stack.env"

    @property
    def state_file(self) -> Path:
        """What a running stack was started with."""
        return self.folder / "stack.json"

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "postgres" / "data"

    def data(self, service: str) -> Path:
        """The folder of a service's data."""
        return self.folder / service

    def log(self, service: str) -> Path:
        """The log of a service."""
        return self.folder / "logs" / f"{service}.log"

    def launch_file(self, service: str) -> Path:
        """What is to be executed as a service, with its secrets."""
        return self.folder / "services" / f"{service}.json"

    def socket(self, name: str) -> Path:
        """The path of a unix socket, short enough to be one."""
        inside = self.folder / "run" / f"{name}.sock"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
            return inside
        key = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"dealcast-{os.geteuid()}-{key}" / f"{name}.sock"

    def make(self) -> None:
        """Make the folders. As root, other users may pass through, for PostgreSQL is one."""
        mode = PASSABLE if os.geteuid() == 0 else PRIVATE
        try:
            for path in (self.folder, self.folder / "postgres"):
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(mode)
            for name in ("logs", "services", "seaweedfs", "mlflow", "prefect", "worker"):
                (self.folder / name).mkdir(mode=PRIVATE, exist_ok=True)
        except OSError as error:
            raise ServiceError(
                f"The folder of the stack cannot be made: {error.strerror}: {error.filename}.",
                remedy="choose another with --set stack.folder=FOLDER",
            ) from error
        self._make_socket_folder()

    def _make_socket_folder(self) -> None:
        folder = self.socket("any").parent
        folder.mkdir(mode=PRIVATE, exist_ok=True)
        found = folder.lstat()
        # In a temp folder that all may write to, somebody else may have made it first.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ServiceError(
                f"{folder} belongs to somebody else; the stack's sockets are to be there.",
                remedy="remove it, or choose a shorter folder with --set stack.folder=FOLDER",
            )
        folder.chmod(PRIVATE)

    def remove_sockets(self) -> None:
        """Remove the sockets and their folder."""
        folder = self.socket("any").parent
        if folder.is_dir():
            for path in folder.glob("*.sock*"):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other `dealcast stack` away. Raises ServiceError where one is at work."""
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ServiceError(
                    f"Another `dealcast stack` is at work on {self.folder}.",
                    remedy="wait until it is done, then try again",
                ) from error
            yield
        finally:
            os.close(handle)


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, at once or not at all."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            target.write(text)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_state(layout: Layout) -> dict[str, int]:
    """Port by name of the stack that was started last; empty where there was none."""
    try:
        content = json.loads(layout.state_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): int(v) for k, v in content.items()} if isinstance(content, dict) else {}


def write_state(layout: Layout, ports: Mapping[str, int]) -> None:
    """Keep the ports, so that the next start takes the same ones."""
    write_private(layout.state_file, json.dumps(dict(ports), indent=2) + "\n")
