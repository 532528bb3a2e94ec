"""Store: named, contract-checked Delta tables and plain objects, under one root.

A reader sees the old version of a table or the new one, never half of it.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import dataframely as dy
import obstore
import polars as pl
from dataframely.exc import SchemaError, ValidationError
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from obstore.store import LocalStore

from dealcast.errors import ContractError, StoreError, listed, nearest
from dealcast.settings import StorageSettings
from dealcast.workflow.tables import TABLES, Table, table_named

RAW_INDEX = "_index.json"


class Store:
    """The tables and objects under a root folder. Nothing is created before the first save."""

    def __init__(self, root: str) -> None:
        if "://" in root:
            raise StoreError(
                f"The store cannot be at '{root}' yet: this version keeps it in a local folder.",
                remedy="give a folder with --root, or storage.root in config/ENV.yaml",
            )
        self.root = Path("data" if root == "auto" else root)
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"'{self.root}' is a file.", remedy="give a folder with --root")

    # Tables

    def save(
        self,
        name: str,
        frame: pl.DataFrame,
        *,
        run_id: str | None = None,
        contract: type[dy.Schema] | None = None,
    ) -> int:
        """Check the frame against its contract and write it; returns the table's new version.

        `contract` is for the tables whose columns follow from the settings.
        """
        table = table_named(name)
        checked = _checked(table, contract, frame)
        try:
            checked.write_delta(
                str(self._folder(table, create=True)),
                mode=table.mode,
                delta_write_options={
                    "schema_mode": "overwrite" if table.mode == "overwrite" else "merge",
                    "commit_properties": CommitProperties(custom_metadata={"run_id": run_id or ""}),
                },
            )
        except (DeltaError, OSError) as error:
            raise StoreError(
                f"Table '{name}' could not be written: {error}",
                remedy="see that the disk has room and the folder may be written; "
                "the former version of the table is whole",
            ) from error
        return self.version(name)

    def load(self, name: str, *, version: int | None = None) -> pl.DataFrame:
        """The table, as it is now or as it was at a version. Raises StoreError if there is none.

        Of a table that is appended to, the rows of the latest run come last.
        """
        table = table_named(name)
        try:
            frame = pl.read_delta(str(self._folder(table)), version=version)
        except (TableNotFoundError, FileNotFoundError):
            raise self._no_such_table(name) from None
        except (DeltaError, OSError) as error:
            raise StoreError(
                f"Table '{name}' could not be read{_at(version)}: {error}",
                remedy=f"`dealcast export {name} --versions` lists the versions there are",
            ) from error
        if table.mode == "append":
            # Delta gives the latest file first. Ids of runs sort by time.
            frame = frame.sort("run_id", maintain_order=True)
        # Versions of another time may have had another contract: only the current one is checked.
        return frame if version is not None else _checked(table, None, frame)

    def has(self, name: str) -> bool:
        """Whether the table was ever saved."""
        return DeltaTable.is_deltatable(str(self._folder(table_named(name))))

    def version(self, name: str) -> int:
        """The current version of a table."""
        if not self.has(name):
            raise self._no_such_table(name)
        return DeltaTable(str(self._folder(table_named(name)))).version()

    def history(self, name: str) -> list[dict[str, Any]]:
        """version, written_at (UTC) and run_id of every version, newest first."""
        if not self.has(name):
            raise self._no_such_table(name)
        return [
            {
                "version": entry["version"],
                "written_at": datetime.fromtimestamp(entry["timestamp"] / 1000).astimezone(),
                "run_id": entry.get("run_id"),
            }
            for entry in DeltaTable(str(self._folder(table_named(name)))).history()
        ]

    # Objects

    def put_object(self, key: str, content: bytes | Path) -> None:
        """Write a plain object whole, or not at all."""
        try:
            obstore.put(self._objects(create=True), key, content)
        except (OSError, obstore.exceptions.BaseError) as error:
            raise StoreError(
                f"'{self.root}/{key}' could not be written: {error}",
                remedy="see that the disk has room and the folder may be written",
            ) from error

    def get_object(self, key: str) -> bytes | None:
        """An object's bytes, or None where there is none."""
        if not self.root.is_dir():
            return None
        try:
            return bytes(obstore.get(self._objects(), key).bytes())
        except FileNotFoundError:
            return None

    def put_json(self, key: str, content: object) -> None:
        """Write an object as readable JSON."""
        self.put_object(key, (json.dumps(content, indent=2, default=str) + "\n").encode())

    def get_json(self, key: str) -> Any:
        """A JSON object's content, or None where there is none."""
        content = self.get_object(key)
        try:
            return None if content is None else json.loads(content)
        except ValueError:
            raise StoreError(
                f"'{self.root}/{key}' is not valid JSON.", remedy="restore it, or delete it"
            ) from None

    def require_json(self, key: str) -> Any:
        """A JSON object's content. Raises StoreError where a run recorded it and it is gone."""
        content = self.get_json(key)
        if content is None:
            raise StoreError(
                f"'{self.root}/{key}' is gone, though a run recorded it.",
                remedy="`dealcast run` makes again what is missing",
            )
        return content

    def has_object(self, key: str) -> bool:
        """Whether there is such an object."""
        return (self.root / key).is_file()

    def list_objects(self, prefix: str) -> list[str]:
        """Keys under a prefix, in order."""
        if not self.root.is_dir():
            return []
        found = obstore.list(self._objects(), prefix=prefix).collect()
        return sorted(entry["path"] for entry in found)

    # Raw exports

    def keep_raw(self, files: Sequence[Path], about: dict[str, object]) -> str:
        """Keep a source's bytes, untouched, under their hash; returns the hash (16 hex digits).

        The index is written last: a folder without one is not an export.
        """
        digests = {file.name: _sha256(file) for file in sorted(files)}
        raw_hash = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:16]
        if self.get_object(f"raw/{raw_hash}/{RAW_INDEX}") is None:
            for file in files:
                self.put_object(f"raw/{raw_hash}/{file.name}", file)
            self.put_json(f"raw/{raw_hash}/{RAW_INDEX}", {"files": digests, **about})
        return raw_hash

    def raw_files(self, raw_hash: str) -> list[Path]:
        """The files of a kept export."""
        index = self.get_json(f"raw/{raw_hash}/{RAW_INDEX}")
        if index is None:
            raise StoreError(
                f"There is no raw export {raw_hash} in '{self.root}'.",
                remedy="`dealcast ingest` fetches it again",
            )
        return [self.root / "raw" / raw_hash / name for name in index["files"]]

    def _objects(self, *, create: bool = False) -> LocalStore:
        try:
            return LocalStore(str(self.root.resolve()), mkdir=create)
        except (OSError, obstore.exceptions.BaseError) as error:
            raise StoreError(
                f"The store's folder '{self.root}' cannot be used: {error}",
                remedy="give another folder with --root",
            ) from error

    def _folder(self, table: Table, *, create: bool = False) -> Path:
        folder = self.root / table.path
        if create:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"The folder '{folder}' cannot be made: {error.strerror}.",
                    remedy="give another folder with --root",
                ) from error
        return folder

    def _no_such_table(self, name: str) -> StoreError:
        there = [t for t in TABLES if self.has(t)]
        return StoreError(
            f"There is no table '{name}' in '{self.root}'"
            + (f"; it holds {listed(there, shown=len(there))}." if there else ", it is empty."),
            remedy="`dealcast run` makes it, or give another store with --root",
        )


def open_store(storage: StorageSettings) -> Store:
    """The store that the settings choose."""
    return Store(storage.root)


def _checked(table: Table, contract: type[dy.Schema] | None, frame: pl.DataFrame) -> pl.DataFrame:
    contract = contract or (table.contract() if table.contract else None)
    if contract is None:
        return frame
    return check(frame, contract, table.name)


def check(frame: pl.DataFrame, contract: type[dy.Schema], name: str) -> pl.DataFrame:
    """The frame in the contract's columns and types. Raises ContractError with a diff."""
    wanted = contract.column_names()
    missing = [c for c in wanted if c not in frame.columns]
    if missing:
        diff = "; ".join(
            f"'{c}' is missing" + (f" (nearest: '{near}')" if near else "")
            for c in missing[:5]
            if (near := nearest(c, set(frame.columns) - set(wanted))) or True
        )
        raise ContractError(
            f"Table '{name}' does not meet its contract: {diff}.",
            remedy=f"it needs the columns {listed(wanted, shown=len(wanted))}",
        )
    try:
        return contract.validate(frame, cast=True)
    except (SchemaError, ValidationError, pl.exceptions.PolarsError) as error:
        first = str(error).strip()
        raise ContractError(
            f"Table '{name}' does not meet its contract: {first}",
            remedy="see src/dealcast/contracts.py for the rule",
        ) from error


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _at(version: int | None) -> str:
    return "" if version is None else f" at version {version}"
