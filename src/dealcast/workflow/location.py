"""Location: where a store's root is, why there, and how tables and objects are reached in it."""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import obstore
from obstore.store import LocalStore, ObjectStore

from dealcast.errors import StoreError
from dealcast.settings import StorageSettings
from dealcast.workflow.s3 import Bucket

DEFAULT_FOLDER = "data"
DOCKER_MARK = Path("/.dockerenv")

# deltalake takes them for what they are in a URL: tables there lose their history, or get lost.
OF_URLS = re.compile(r"[#?]|%[0-9A-Fa-f]{2}")


class Location(Protocol):
    """A folder or a place in a bucket. Nothing is created before `make`."""

    @property
    def root(self) -> str:
        """The folder, or s3://BUCKET/PREFIX."""

    @property
    def why(self) -> str:
        """Why the store is here, in words that go after a dash."""

    @property
    def attempts(self) -> int:
        """Tries of a request or a commit before giving up."""

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""

    @property
    def server(self) -> str:
        """What answers for it, for error messages."""

    @property
    def table_options(self) -> dict[str, str] | None:
        """What deltalake needs to reach it."""

    def place(self, key: str) -> str:
        """The full path or URL of an object or a table in it."""

    def is_there(self) -> bool:
        """Whether the folder or bucket exists. Raises StoreError where it may not be made."""

    def make(self, key: str = "") -> None:
        """Make the folder (and one below it) or the bucket, where it is missing and allowed."""

    def objects(self) -> ObjectStore:
        """The objects in it."""


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    root: str
    why: str
    attempts: int

    is_local = True
    server = "the disk"
    table_options = None

    def place(self, key: str) -> str:
        """The path of an object or a table."""
        return str(Path(self.root) / key)

    def is_there(self) -> bool:
        """Whether the folder exists."""
        return Path(self.root).is_dir()

    def make(self, key: str = "") -> None:
        """Make the folder and one below it."""
        folder = Path(self.root) / key
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder '{folder}' cannot be made: {error.strerror}.",
                remedy="give another folder with --root",
            ) from error

    def objects(self) -> LocalStore:
        """The files in it."""
        try:
            return LocalStore(str(Path(self.root).resolve()))
        except (OSError, obstore.exceptions.BaseError) as error:
            raise StoreError(
                f"The store's folder '{self.root}' cannot be used: {error}",
                remedy="give another folder with --root",
            ) from error

    @contextlib.contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Keep other processes of this machine from changing the object meanwhile.

        Folders know no conditional writes. The lock goes with the process that holds it.
        """
        try:
            import fcntl
        except ImportError:  # Windows: one writer at a time is the user's to see to
            yield
            return
        name = hashlib.sha256(str(Path(self.root, key).resolve()).encode()).hexdigest()[:24]
        lock = Path(tempfile.gettempdir()) / f"dealcast-{os.getuid()}-{name}.lock"
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


def locate(
    storage: StorageSettings, environment: Mapping[str, str] = os.environ
) -> Folder | Bucket:
    """Where the settings put the store. Raises StoreError for what can be nowhere."""
    root, why = _chosen(storage, environment)
    if root.startswith("s3://"):
        return Bucket.of(storage, root, why, environment)
    if "://" in root:
        raise StoreError(
            f"The store cannot be at '{root}'.",
            remedy="give a folder or s3://BUCKET/PREFIX with --root, or storage.root in "
            "config/ENV.yaml",
        )
    folder = str(Path(root))
    if Path(folder).exists() and not Path(folder).is_dir():
        raise StoreError(f"'{folder}' is a file.", remedy="give a folder with --root")
    if wrong := OF_URLS.search(str(Path(folder).resolve())):
        raise StoreError(
            f"The path of '{folder}' has '{wrong[0]}', which is read as a part of a URL: "
            "tables would get lost there.",
            remedy="give a folder without it with --root",
        )
    return Folder(folder, why, storage.attempts)


def locate_at(storage: StorageSettings, root: str) -> Folder | Bucket:
    """The same settings at another root."""
    found = locate(storage.model_copy(update={"root": root}))
    return replace(found, why="as it was asked for")


def in_container(environment: Mapping[str, str] = os.environ) -> str | None:
    """How one can tell that this process runs in a container; None outside of one."""
    if environment.get("DEALCAST_IN_CONTAINER") == "1":
        return "DEALCAST_IN_CONTAINER is 1"
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return "KUBERNETES_SERVICE_HOST is set"
    if DOCKER_MARK.exists():
        return f"{DOCKER_MARK} is there"
    return None


def _chosen(storage: StorageSettings, environment: Mapping[str, str]) -> tuple[str, str]:
    if storage.root != "auto":
        return storage.root, "storage.root says so"
    container = in_container(environment)
    if container is None:
        return DEFAULT_FOLDER, "storage.root is auto, and this is no container"
    if not storage.bucket:
        return (
            DEFAULT_FOLDER,
            f"storage.root is auto and {container}, but storage.bucket is not set",
        )
    bucket = storage.bucket.removeprefix("s3://").strip("/")
    return f"s3://{bucket}", f"storage.root is auto, {container}, and storage.bucket is set"
