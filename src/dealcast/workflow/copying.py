"""Copying a whole store to another place, byte for byte, and proving that all of it arrived."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO

import obstore
from deltalake import DeltaTable

from dealcast.errors import StoreError, listed
from dealcast.workflow.commits import opened
from dealcast.workflow.location import Location
from dealcast.workflow.retries import patiently
from dealcast.workflow.standing import LATEST_STEPS
from dealcast.workflow.store import Store
from dealcast.workflow.store_errors import STORE_ERRORS, translated
from dealcast.workflow.tables import TABLES

AT_ONCE = 6
PART = 5 * 1024 * 1024  # the least that S3 takes as a part
LOG = "_delta_log/"
OBJECT_FOLDERS = ("raw", "models", "runs", "erasures")
# What points at other objects comes after them.
LAST = ("models/registry.json", LATEST_STEPS)

# Called with how many objects are done, of how many, and the last one's key.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class CopiedTable:
    """One table in both stores: its version and rows, read from both."""

    name: str
    version: int
    versions: int
    rows: int


@dataclass
class Copy:
    """What was copied, what was there already, what the store does not own; sizes in bytes."""

    source: str
    target: str
    copied: int = 0
    present: int = 0
    size: int = 0
    tables: list[CopiedTable] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """As JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True)
class _Digest:
    """The size and hash of an object's bytes."""

    size: int
    sha256: str


def copy_store(source: Store, target: Store, progress: Progress = lambda *_: None) -> Copy:
    """Copy every table with all its versions, and every object; returns what was proved equal.

    A copy that was broken off goes on where it was. Raises StoreError where the target holds
    anything else, or where what arrived is not what was sent.
    """
    keys, left = _owned(source)
    if not keys:
        raise StoreError(
            f"There is no store at '{source.root}'.", remedy="give the folder or s3:// of one"
        )
    there = set(_all_keys(target))
    _refuse_others(source, target, there - set(keys))
    done = Copy(source.root, target.root, left=left)
    target.location.make()
    digests: dict[str, _Digest] = {}
    for key, digest, new in _send(source.location, target.location, keys, there):
        digests[key] = digest
        done.copied, done.present = done.copied + new, done.present + (not new)
        progress(len(digests), len(keys), key)
    _require_arrived(source, target, digests)
    done.size = sum(d.size for d in digests.values())
    done.tables = [t for name in TABLES if (t := _compared(source, target, name))]
    return done


def _owned(store: Store) -> tuple[list[str], list[str]]:
    """Keys in the order in which they are to be sent, and top folders that are no store's.

    The logs are listed before the files they name: what a log of this list names is in the list.
    """
    tables = [t.path for t in TABLES.values()]
    logs = [k for path in tables for k in store.list_objects(f"{path}/{LOG.rstrip('/')}")]
    data = [k for path in tables for k in store.list_objects(path) if LOG not in k]
    objects = [k for folder in OBJECT_FOLDERS for k in store.list_objects(folder)]
    objects.sort(key=lambda key: (key in LAST, key))
    folders = {t.folder for t in TABLES.values()} | set(OBJECT_FOLDERS)
    left = sorted({k.split("/")[0] for k in _all_keys(store)} - folders)
    # In a log, names sort as versions do, a checkpoint before the commit of its version.
    return [*data, *sorted(logs), *objects], left


def _all_keys(store: Store) -> list[str]:
    return store.list_objects("")


def _refuse_others(source: Store, target: Store, others: set[str]) -> None:
    if source.root == target.root:
        raise StoreError("Both places are the same.", remedy="give two different ones")
    if others:
        raise StoreError(
            f"'{target.root}' is not empty and holds what '{source.root}' does not: "
            f"{listed(sorted(others))}.",
            remedy="give an empty place; a copy that was broken off goes on by itself",
        )


def _send(
    source: Location, target: Location, keys: list[str], there: set[str]
) -> Iterator[tuple[str, _Digest, bool]]:
    """Send what the target lacks; gives the digest of every object, and whether it was sent."""

    def one(key: str) -> tuple[str, _Digest, bool]:
        if key not in there:
            return key, _sent(source, target, key), True
        digest = _digest(source, key)
        same = _digest(target, key) == digest
        _require(same, f"'{target.place(key)}' is there already, and is another object")
        return key, digest, False

    # Logs and what points at other objects go one by one, after all that they point at.
    at_once = [k for k in keys if LOG not in k and k not in LAST]
    in_order = [k for k in keys if LOG in k] + [k for k in keys if k in LAST]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(one, at_once)
    yield from map(one, in_order)


def _sent(source: Location, target: Location, key: str) -> _Digest:
    """Send one object, a large one through a file and never whole in memory; returns its digest.

    A stream of one store cannot be the input of another: obstore refuses to nest them.
    """
    with SpooledTemporaryFile(max_size=PART) as kept:
        digest = _digest(source, key, kept)
        kept.seek(0)
        try:
            obstore.put(target.objects(), key, kept, chunk_size=PART)
        except STORE_ERRORS as error:
            doing = f"'{target.place(key)}' could not be written"
            raise translated(error, doing, target) from error
    return digest


def _digest(location: Location, key: str, kept: IO[bytes] | None = None) -> _Digest:
    """Read an object in parts, keeping them where wanted; returns its digest."""

    def read() -> _Digest:
        seen, size = hashlib.sha256(), 0
        if kept:
            kept.seek(0)
            kept.truncate()
        for part in obstore.get(location.objects(), key).stream(min_chunk_size=PART):
            seen.update(part)
            size += len(part)
            if kept:
                kept.write(part)
        return _Digest(size, seen.hexdigest())

    return patiently(location, f"'{location.place(key)}' could not be read", read)


def _require_arrived(source: Store, target: Store, digests: Mapping[str, _Digest]) -> None:
    """Read every object of the target back. Raises StoreError where its bytes are others."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        arrived = pool.map(lambda key: _digest(target.location, key), digests)
        for key, digest in zip(digests, arrived, strict=True):
            same = digest == digests[key]
            _require(same, f"'{target.place(key)}' is not what '{source.root}' holds")


def _compared(source: Store, target: Store, name: str) -> CopiedTable | None:
    path = TABLES[name].path
    copied = opened(target.location, path)
    if copied is None:
        return None
    # The source may have gone on meanwhile.
    original = opened(source.location, path, copied.version())
    rows = None if original is None else _rows(original)
    _require(rows == _rows(copied), f"Table '{name}' has other rows")
    return CopiedTable(name, copied.version(), len(target.history(name)), _rows(copied))


def _rows(table: DeltaTable) -> int:
    """Rows of a table, by the statistics in its log."""
    return table.count() if table.file_uris() else 0


def _require(fact: bool, otherwise: str) -> None:
    if not fact:
        raise StoreError(
            f"{otherwise}.", remedy="delete the target and copy again, while nothing writes to it"
        )
