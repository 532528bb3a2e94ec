"""ObjectStore: plain objects under one root, each written whole or not at all."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import obstore

from dealcast.errors import StoreAwayError, StoreError
from dealcast.workflow.location import Folder, Location
from dealcast.workflow.retries import TRIES_PER_ATTEMPT, patiently, tries
from dealcast.workflow.store_errors import STORE_ERRORS, translated


@dataclass(frozen=True)
class Entry:
    """An object as it is listed: its key, its size (bytes), when it was written (UTC)."""

    key: str
    size: int
    written: datetime


MAY_BE_WRITTEN = "see that the disk has room and the folder may be written"


class ObjectStore:
    """The objects of a location. Nothing is created before the first one is put."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.root: str = location.root

    def place(self, key: str) -> str:
        """The path or URL of an object or a table, to show and to open with other tools."""
        return self.location.place(key)

    def put_object(self, key: str, content: bytes | Path) -> None:
        """Write a plain object whole, or not at all. A file is streamed."""
        self.location.make()
        try:
            obstore.put(self.location.objects(), key, content)
        except STORE_ERRORS as error:
            raise self._unwritten(key, error) from error

    def get_object(self, key: str) -> bytes | None:
        """An object's bytes, or None where there is none."""
        return self._read(key)[0]

    def require_object(self, key: str) -> bytes:
        """An object's bytes. Raises StoreError where a run recorded it and it is gone."""
        content = self.get_object(key)
        if content is None:
            raise StoreError(
                f"'{self.place(key)}' is gone, though a run recorded it.",
                remedy="`dealcast run` makes again what is missing",
            )
        return content

    def put_json(self, key: str, content: object) -> None:
        """Write an object as readable JSON."""
        self.put_object(key, _json(content))

    def get_json(self, key: str) -> Any:
        """A JSON object's content, or None where there is none."""
        return self._parsed(key, self.get_object(key))

    def require_json(self, key: str) -> Any:
        """A JSON object's content. Raises StoreError where a run recorded it and it is gone."""
        return self._parsed(key, self.require_object(key))

    def update_json(self, key: str, change: Callable[[Any], Any]) -> Any:
        """Put what `change` makes of a JSON object's content (None where there is none).

        Of several writers none undoes another's change: who comes second gets the new content to
        change. So `change` may be called more than once.
        """
        self.location.make()
        if isinstance(self.location, Folder):
            with self.location.locked(key):
                content = change(self.get_json(key))
                self.put_json(key, content)
            return content
        tried: bytes | None = None
        most = self.location.attempts * TRIES_PER_ATTEMPT
        for _ in tries(most):
            present, tag = self._read(key)
            if tried is not None and present == tried:
                break  # the write was done, though its answer was lost
            content = change(self._parsed(key, present))
            tried = _json(content)
            if self._put_if(key, tried, tag):
                break
        else:
            raise StoreAwayError(
                f"'{self.place(key)}' was changed by others each of {most} times it was to be.",
                remedy="repeat the command, or raise storage.attempts",
            )
        return json.loads(tried)

    def has_object(self, key: str) -> bool:
        """Whether there is such an object."""
        if not self.location.is_there():
            return False
        doing = f"'{self.place(key)}' could not be read"
        try:
            patiently(self.location, doing, lambda: obstore.head(self.location.objects(), key))
        except FileNotFoundError:
            return False
        return True

    def delete_object(self, key: str) -> None:
        """Delete an object; one that is not there is none the more."""
        if not self.location.is_there():
            return
        try:
            obstore.delete(self.location.objects(), key)
        except FileNotFoundError:
            return
        except STORE_ERRORS as error:
            raise translated(
                error, f"'{self.place(key)}' could not be deleted", self.location
            ) from error

    def list_objects(self, prefix: str) -> list[str]:
        """Keys under a prefix, in order."""
        return [entry.key for entry in self.entries(prefix)]

    def entries(self, prefix: str) -> list[Entry]:
        """The objects under a prefix, in the order of their keys."""
        if not self.location.is_there():
            return []
        found = patiently(
            self.location,
            f"'{self.place(prefix)}' could not be listed",
            lambda: obstore.list(self.location.objects(), prefix=prefix).collect(),
        )
        listed = (Entry(e["path"], e["size"], e["last_modified"]) for e in found)
        return sorted(listed, key=lambda entry: entry.key)

    def _read(self, key: str) -> tuple[bytes | None, str | None]:
        """An object's bytes and tag; twice None where there is none."""
        if not self.location.is_there():
            return None, None
        return fetched(self.location, key)

    def _put_if(self, key: str, content: bytes, tag: str | None) -> bool:
        """Write the object where it is still as it was read; whether it was."""
        mode: Any = "create" if tag is None else {"e_tag": tag}
        try:
            obstore.put(self.location.objects(), key, content, mode=mode, use_multipart=False)
        except (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError):
            return False
        except STORE_ERRORS as error:
            raise self._unwritten(key, error) from error
        return True

    def _parsed(self, key: str, content: bytes | None) -> Any:
        try:
            return None if content is None else json.loads(content)
        except ValueError:
            raise StoreError(
                f"'{self.place(key)}' is not valid JSON.", remedy="restore it, or delete it"
            ) from None

    def _unwritten(self, key: str, error: Exception) -> StoreError:
        return translated(
            error,
            f"'{self.place(key)}' could not be written",
            self.location,
            remedy=MAY_BE_WRITTEN,
        )


def fetched(location: Location, key: str) -> tuple[bytes | None, str | None]:
    """An object's bytes and tag; twice None where there is none."""

    def read() -> tuple[bytes, str | None]:
        found = obstore.get(location.objects(), key)
        return bytes(found.bytes()), found.meta["e_tag"]

    try:
        return patiently(location, f"'{location.place(key)}' could not be read", read)
    except FileNotFoundError:
        return None, None


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2, default=str) + "\n").encode()
