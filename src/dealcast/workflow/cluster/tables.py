"""Tables of the store, read and written by the cluster: here only the names of files pass."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dataframely as dy
import narwhals as nw
import polars as pl
from deltalake import Schema
from deltalake.transaction import AddAction

from dealcast.engines.base import Frame, WrittenFile
from dealcast.engines.spark.engine import SparkEngine
from dealcast.errors import StoreError
from dealcast.snapshots import known_on
from dealcast.workflow.checking import check
from dealcast.workflow.commits import NextFiles, commit_files, opened
from dealcast.workflow.migrations.tables import is_older
from dealcast.workflow.tables import table_named
from dealcast.workflow.workspace import Made, Workspace

Contract = Callable[[], type[dy.Schema]]


def cluster_of(ws: Workspace) -> SparkEngine:
    """The cluster that the settings choose. Raises StoreError where it cannot reach the store."""
    if not ws.store.location.is_local:
        raise StoreError(
            f"The store '{ws.store.root}' is a bucket, to which Spark does not write for Dealcast "
            "yet.",
            remedy="give with --root a folder that driver and workers share (such as NFS, or a "
            "mounted bucket), and `dealcast store copy` it to the bucket afterwards",
        )
    engine: SparkEngine = SparkEngine.opened(ws.settings.engine)
    return engine


@dataclass(frozen=True)
class ClusterTables:
    """The tables of a run, as frames of its cluster."""

    ws: Workspace
    engine: SparkEngine

    def read(self, name: str, made_by: str) -> Frame | None:
        """A table in the version that the step made; None where it made none."""
        version = self.ws.record(made_by).tables.get(name)
        return None if version is None else self.at_version(name, version)

    def known_opportunities(self) -> Frame:
        """The clean opportunities as known on `as_of`."""
        rows = self.read("crm_data_processed", "clean")
        assert rows is not None  # noqa: S101 - `clean` always makes it
        return rows if self.ws.is_at_export_end else known_on(rows, self.ws.as_of)

    def count_known(self) -> int:
        """How many there are."""
        if self.ws.is_at_export_end:
            return int(self.ws.record("clean").figures["rows_clean"])
        return int(self.engine.collect(self.known_opportunities().select(nw.len())).item())

    def at_version(self, name: str, version: int) -> Frame:
        """A table as it was at a version."""
        table = opened(self.ws.store.location, table_named(name).path, version)
        if table is None:
            raise StoreError(
                f"There is no table '{name}' in '{self.ws.store.root}'.",
                remedy="`dealcast run` makes it",
            )
        if is_older(name, table):
            raise StoreError(
                f"Table '{name}' was written by an older release, and Spark reads the present "
                "schema only.",
                remedy="`dealcast run --from clean` makes it anew",
            )
        files = table.file_uris()
        if files:
            return self.engine.read(files)
        return self.engine.from_polars(pl.DataFrame(schema=pl.Schema(table.schema().to_arrow())))

    def write(self, made: Made, name: str, rows: Frame, contract: Contract) -> None:
        """Check the rows where they are, write them from there, and show them in one commit.

        Keys are checked to be unique only within a batch. Raises ContractError.
        """
        table, location = table_named(name), self.ws.store.location
        if table.mode == "append":
            self.ws.store.upgrade(name)
        former = opened(location, table.path) if table.mode == "append" else None
        if former is not None:
            # What a run appends is there once, also when its step is done again.
            appended = former.transaction_version(self.ws.run_id)
            if appended is not None:
                made.tables[name] = appended
                return
        schema = Schema.from_arrow(contract().create_empty().schema)
        # Delta knows no unsigned numbers: files must have the types that it has for them.
        stored = pl.Schema(schema.to_arrow())
        checked = self.engine.mapped(rows, Checked(contract, name), stored)
        location.make(table.path)
        # A folder of its own: what a run leaves that fails is nobody's file.
        folder = f"{self.ws.run_id}-{secrets.token_hex(4)}"
        place = Path(location.place(table.path)).resolve() / folder
        written = self.engine.write(checked, str(place))
        files = NextFiles(
            schema,
            [_added(folder, file) for file in written],
        )
        made.tables[name] = commit_files(
            location, table.path, files, mode=table.mode, run_id=self.ws.run_id
        )


@dataclass(frozen=True)
class Checked:
    """A kernel that gives rows back as their contract has them, or raises ContractError."""

    contract: Contract
    name: str

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows, checked."""
        return check(rows, self.contract(), self.name)


def contract_of(name: str) -> Contract:
    """The contract of a table, to be found again in a task."""
    return partial(_contract, name)


def _contract(name: str) -> type[dy.Schema]:
    found = table_named(name).contract
    assert found is not None  # noqa: S101 - the caller knows which tables have none of their own
    return found()


def _added(folder: str, file: WrittenFile) -> AddAction:
    about = json.dumps({"numRecords": file.rows})
    now = int(time.time() * 1000)
    return AddAction(f"{folder}/{file.name}", file.size, {}, now, data_change=True, stats=about)
