"""Store: named, contract-checked Delta tables, plain objects and raw exports, under one root.

A reader sees the old version of a table or the new one, never half of it.
"""

import contextlib
import hashlib
import json
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import dataframely as dy
import obstore
import polars as pl
from deltalake import DeltaTable

from dealcast.errors import StoreError, listed
from dealcast.settings import StorageSettings
from dealcast.workflow.checking import check
from dealcast.workflow.commits import commit, opened
from dealcast.workflow.frames import read_frame
from dealcast.workflow.location import Location, locate
from dealcast.workflow.migrations.documents import read, stamped
from dealcast.workflow.migrations.tables import is_older
from dealcast.workflow.objects import ObjectStore
from dealcast.workflow.parts import Part, PartWriter, parts_by
from dealcast.workflow.retries import patiently
from dealcast.workflow.tables import TABLES, Table, table_named
from dealcast.workflow.versions import versions_of

RAW_INDEX = "_index.json"
LOG_ENTRY = re.compile(r"\d{20}\.(json|checkpoint.*\.parquet)")


class Store(ObjectStore):
    """The tables and objects of a folder or a bucket. Nothing is created before the first save."""

    def __init__(self, root: str | Location) -> None:
        super().__init__(
            locate(StorageSettings(root=root)) if isinstance(root, str) else root,
        )

    # Tables

    def save(
        self,
        name: str,
        frame: pl.DataFrame,
        *,
        run_id: str | None = None,
        contract: type[dy.Schema] | None = None,
    ) -> int:
        """Check the frame against its contract and write it; returns the version this made.

        `contract` is for the tables whose columns follow from the settings.
        """
        table = table_named(name)
        checked = _checked(table, contract, frame)
        self.location.make(table.path)
        if table.mode == "append":
            self.upgrade(name)
        return commit(self.location, table.path, checked, mode=table.mode, run_id=run_id)

    def upgrade(self, name: str) -> None:
        """Write a table of an older schema anew in the present one, before rows are added to it.

        Tables that runs replace need it not: the next version is in the present schema. Raises
        StoreError where another run writes to it meanwhile.
        """
        table = table_named(name)
        former = opened(self.location, table.path)
        if former is not None and is_older(name, former):
            version = former.version()
            rows = self.load(name, version=version)
            commit(self.location, table.path, rows, mode="overwrite", run_id=None, expected=version)

    @contextlib.contextmanager
    def parts(
        self,
        name: str,
        *,
        run_id: str | None = None,
        contract: type[dy.Schema] | None = None,
        kept: Collection[str] = (),
    ) -> Iterator[PartWriter]:
        """Take a table's next version part by part inside the block; it is there when that ends.

        `kept` names files of the present version that stay part of it. Where the block fails, the
        table is as it was.
        """
        table = table_named(name)
        contract = contract or (table.contract() if table.contract else None)
        if contract is None or table.mode != "overwrite":
            raise AssertionError(f"'{name}' is not a table to write in parts")
        self.location.make(table.path)
        writer = PartWriter(self, table.path, contract, kept)
        try:
            yield writer
        except BaseException:
            writer.discard()
            raise
        writer.commit(run_id)

    def files(self, name: str, *, version: int, by: str) -> list[Part] | None:
        """The files of a table with the span of a date column in each; None: they do not say.

        Nor do files of an older schema, which no new version may keep.
        """
        table = self._table(name, version)
        return None if is_older(name, table) else parts_by(table, by)

    def load(
        self,
        name: str,
        *,
        version: int | None = None,
        where: pl.Expr | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """The table, as it is now or as it was at a version. Raises StoreError if there is none.

        Of a table that is appended to, the rows of the latest run come last. `where`: only these
        rows; `columns`: only these, by name or pattern (`^p_.*$`), in which order they stand.
        """
        table = table_named(name)
        frame = read_frame(self.location, table.path, version, where, _asked(table, columns))
        if frame is None:
            raise self._no_such_table(name, version)
        if table.mode == "append":
            # Delta gives the latest file first. Ids of runs sort by time.
            frame = frame.sort("run_id", maintain_order=True)
        if columns is not None:
            return frame.select(columns)
        # Versions of another time may have had another contract: only the current one is checked.
        return frame if version is not None else _checked(table, None, frame)

    def has(self, name: str) -> bool:
        """Whether the table was ever saved."""
        # Not by deltalake, which would keep other threads from running while it asks S3.
        log = f"{table_named(name).path}/_delta_log"
        return any(LOG_ENTRY.fullmatch(key.rsplit("/", 1)[-1]) for key in self.list_objects(log))

    def version(self, name: str) -> int:
        """The current version of a table."""
        return self._table(name).version()

    def history(self, name: str) -> list[dict[str, Any]]:
        """Every version that the log tells of, newest first. Raises StoreError without a table.

        version, written_at (UTC), run_id, how, rows, bytes, files (counts), schema, and is_whole:
        whether it can still be read.
        """
        found = versions_of(self, table_named(name).path)
        if not found:
            raise self._no_such_table(name)
        return [version.to_dict() for version in reversed(found)]

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
            index = stamped("raw index", {"files": digests, **about})
            self.put_json(f"raw/{raw_hash}/{RAW_INDEX}", index)
        return raw_hash

    @contextlib.contextmanager
    def raw_files(self, raw_hash: str) -> Iterator[list[Path]]:
        """The files of a kept export, to read inside the block: copies, where they are on S3."""
        index = self.get_json(f"raw/{raw_hash}/{RAW_INDEX}")
        if index is None:
            raise StoreError(
                f"There is no raw export {raw_hash} in '{self.root}'.",
                remedy="`dealcast ingest` fetches it again",
            )
        index = read("raw index", index, self.place(f"raw/{raw_hash}/{RAW_INDEX}"))
        keys = [f"raw/{raw_hash}/{name}" for name in index["files"]]
        if self.location.is_local:
            yield [Path(self.place(key)) for key in keys]
            return
        with tempfile.TemporaryDirectory(prefix="dealcast-raw-") as folder:
            yield [self._downloaded(key, Path(folder)) for key in keys]

    def _downloaded(self, key: str, folder: Path) -> Path:
        file = folder / key.rsplit("/", 1)[-1]

        def read() -> None:
            with file.open("wb") as target:
                for part in obstore.get(self.location.objects(), key).stream():
                    target.write(part)

        patiently(self.location, f"'{self.place(key)}' could not be read", read)
        return file

    def _table(self, name: str, version: int | None = None) -> DeltaTable:
        found = opened(self.location, table_named(name).path, version)
        if found is None:
            raise self._no_such_table(name, version)
        return found

    def _no_such_table(self, name: str, version: int | None = None) -> StoreError:
        if version is not None and self.has(name):
            return StoreError(
                f"There is no version {version} of table '{name}' in '{self.root}' any more.",
                remedy=f"`dealcast store history {name}` lists the versions there are",
            )
        there = [t for t in TABLES if self.has(t)]
        return StoreError(
            f"There is no table '{name}' in '{self.root}'"
            + (f"; it holds {listed(there, shown=len(there))}." if there else ", it is empty."),
            remedy="`dealcast run` makes it, or give another store with --root",
        )


def open_store(storage: StorageSettings) -> Store:
    """The store that the settings choose."""
    return Store(locate(storage))


def _asked(table: Table, columns: Sequence[str] | None) -> Sequence[str] | None:
    """The columns to read: where rows are put in order by run, its id too."""
    if columns is None or table.mode != "append" or "run_id" in columns:
        return columns
    return ["run_id", *columns]


def _checked(table: Table, contract: type[dy.Schema] | None, frame: pl.DataFrame) -> pl.DataFrame:
    contract = contract or (table.contract() if table.contract else None)
    if contract is None:
        return frame
    return check(frame, contract, table.name)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
