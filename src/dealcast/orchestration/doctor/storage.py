"""Can the store be written, read, listed and deleted from? Tried with an object that is removed."""

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from dealcast.errors import StoreError
from dealcast.orchestration.doctor.spec import ANSWER_SECONDS, Finding, Setup, failed, ok, warning
from dealcast.settings import LoadedSettings, StorageSettings
from dealcast.workflow.location import in_container, locate
from dealcast.workflow.objects import ObjectStore

FOLDER = "_doctor"


def storage(setup: Setup) -> Finding:
    """Where the store is and why, and whether a probe object went there and back.

    A bucket that is missing is made where storage.create_bucket allows it; folders go again.
    """
    chosen = quick(setup.settings.storage)
    location = locate(chosen, setup.environment)
    store = ObjectStore(location)
    where = f"'{store.root}'" + ("" if location.is_local else f" on {location.server}")
    begun = time.monotonic()
    with _without_new_folders(location.root if location.is_local else None):
        was_there = location.is_there()
        lost = _round_trip(store)
    took = f"{time.monotonic() - begun:.2f} s"
    if lost:
        return failed(
            f"An object was written to {where}, and then {lost}.",
            "see what stands between here and there: S3 must show what was written at once",
        )
    told = f"{where} - {location.why}; wrote, read, listed and deleted an object in {took}."
    if not was_there:
        told += " The first run makes it." if location.is_local else " The bucket was made for it."
    if location.is_local and _is_lost_with_container(setup):
        return warning(
            f"{told} What a container writes is lost with it.",
            "set DEALCAST__STORAGE__BUCKET, or DEALCAST__STORAGE__ROOT to the path of a volume",
        )
    return ok(told)


def _is_lost_with_container(setup: Setup) -> bool:
    # In development, the folder of a container is often one of its host.
    serious = isinstance(setup.loaded, LoadedSettings) and setup.loaded.environment != "development"
    chosen = setup.settings.storage.root
    return serious and chosen == "auto" and in_container(setup.environment) is not None


def quick(chosen: StorageSettings) -> StorageSettings:
    """The same storage, asked once, with little patience."""
    seconds = min(chosen.timeout_seconds, ANSWER_SECONDS)
    return chosen.model_copy(update={"attempts": 1, "timeout_seconds": seconds})


def _round_trip(store: ObjectStore) -> str:
    """What was lost on the way; empty where all came back."""
    content, key = secrets.token_bytes(16), f"{FOLDER}/{secrets.token_hex(8)}"
    store.put_object(key, content)
    try:
        if store.get_object(key) != content:
            return "other bytes were read back"
        if key not in store.list_objects(FOLDER):
            return "it was not listed"
    except StoreError:
        # The first failure is the one to tell.
        with contextlib.suppress(StoreError):
            store.delete_object(key)
        raise
    store.delete_object(key)
    return "it was still there after it was deleted" if store.has_object(key) else ""


@contextlib.contextmanager
def _without_new_folders(root: str | None) -> Iterator[None]:
    """Take away the folders that were made meanwhile, where they are empty."""
    if root is None:
        yield
        return
    inner = Path(root).resolve() / FOLDER
    new = [p for p in (inner, *inner.parents) if not p.exists()]
    try:
        yield
    finally:
        for folder in new:
            with contextlib.suppress(OSError):
                folder.rmdir()
