"""Commits: a frame, or files, become exactly one new version of a table, whoever else writes.

The library's own retries are off: after an answer that was lost it would take its own commit for
somebody else's and write the rows a second time.
"""

import logging
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import count
from typing import Literal

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from dealcast.errors import StoreError
from dealcast.workflow.location import Location
from dealcast.workflow.migrations.tables import marked, refuse_newer_table
from dealcast.workflow.objects import MAY_BE_WRITTEN, fetched
from dealcast.workflow.retries import TRIES_PER_ATTEMPT, broke_off, patiently, tries
from dealcast.workflow.store_errors import STORE_ERRORS, translated

logger = logging.getLogger(__name__)

WHOLE = "the former version of the table is whole"

Mode = Literal["overwrite", "append"]
# Makes the next version of the table, or the first of one that is not there.
Write = Callable[[DeltaTable | None, CommitProperties], None]


def opened(location: Location, path: str, version: int | None = None) -> DeltaTable | None:
    """The table at a version (default: the latest), or None where there is none.

    Raises StoreError where a newer release wrote it in a schema that this one does not know.
    """
    if not location.is_there():
        return None
    try:
        table = patiently(
            location,
            f"Table '{table_name(path)}' could not be read"
            + ("" if version is None else f" at version {version}"),
            lambda: DeltaTable(
                location.place(path), version=version, storage_options=location.table_options
            ),
            remedy=f"`dealcast export {table_name(path)} --versions` lists the versions there are",
        )
    except (TableNotFoundError, FileNotFoundError):
        return None
    refuse_newer_table(table_name(path), table)
    return table


def table_name(path: str) -> str:
    """The name of the table that lies there."""
    return path.rsplit("/", 1)[-1]


def commit(  # noqa: PLR0913 - where, what, how, and by whom
    location: Location,
    path: str,
    frame: pl.DataFrame,
    *,
    mode: Mode,
    run_id: str | None,
    expected: int | None = None,
) -> int:
    """Write the frame as one new version of the table; returns that version.

    What a run appends is there once, also when its step is done again. `expected`: the version
    that it is made from. Raises StoreError where there is another by now.
    """

    def write(table: DeltaTable | None, properties: CommitProperties) -> None:
        frame.write_delta(
            location.place(path) if table is None else table,
            mode=mode,
            storage_options=location.table_options,
            credential_provider=None,
            delta_write_options={
                "schema_mode": "overwrite" if mode == "overwrite" else "merge",
                "commit_properties": properties,
            },
        )

    return _committed(location, path, write, mode=mode, run_id=run_id, expected=expected)


@dataclass(frozen=True)
class NextFiles:
    """What a table is to be: files that lie in its folder already, and files it has that stay."""

    schema: Schema
    added: list[AddAction]
    kept: Collection[str] = ()


def commit_files(  # noqa: PLR0913 - as commit
    location: Location,
    path: str,
    files: NextFiles,
    *,
    mode: Mode = "overwrite",
    run_id: str | None,
    why: str = "",
    expected: int | None = None,
) -> int:
    """Make the files the table's next version, or append them to it; returns that version.

    `why`: told in the log where it was no run's work. `expected`: the version that it is made from.
    Raises StoreError where there is another by now, or it has a file no longer that was to stay.
    """
    schema = files.schema

    def write(table: DeltaTable | None, properties: CommitProperties) -> None:
        if table is None:
            create_table_with_add_actions(
                location.place(path),
                schema,
                files.added,
                storage_options=location.table_options,
                commit_properties=properties,
            )
        elif mode == "overwrite" and files.kept:
            changed: list[AddAction | RemoveAction] = [
                *files.added,
                *_removed(location, path, table, files.kept),
            ]
            table.create_write_transaction(
                changed, mode="append", schema=schema, commit_properties=properties
            )
        else:
            table.create_write_transaction(
                [*files.added], mode=mode, schema=schema, commit_properties=properties
            )

    return _committed(location, path, write, mode=mode, run_id=run_id, why=why, expected=expected)


def _removed(
    location: Location, path: str, table: DeltaTable, kept: Collection[str]
) -> list[RemoveAction]:
    files = set(pl.DataFrame(table.get_add_actions(flatten=True))["path"])
    if not files.issuperset(kept):
        raise _written_meanwhile(location, path)
    now = int(time.time() * 1000)
    return [
        RemoveAction(file, data_change=True, deletion_timestamp=now) for file in files - set(kept)
    ]


def _committed(  # noqa: PLR0913 - as commit
    location: Location,
    path: str,
    write: Write,
    *,
    mode: Mode,
    run_id: str | None,
    why: str = "",
    expected: int | None = None,
) -> int:
    """Have the next version written, and again where another was quicker; returns that version."""
    commit_id = secrets.token_hex(8)
    doing = f"Table '{table_name(path)}' could not be written"
    for attempt in tries(location.attempts * TRIES_PER_ATTEMPT):
        before = -1
        try:
            table = opened(location, path)
            if table is not None:
                before = table.version()
                if (done := _appended(table, mode, run_id)) is not None:
                    return done
            if expected not in (None, before):
                raise _written_meanwhile(location, path)
            own = [Transaction(run_id, before + 1)] if run_id else []
            said = _said(commit_id, run_id, why)
            write(table, _properties(said, [marked(table_name(path)), *own]))
        except STORE_ERRORS as error:
            version = _version_of(location, path, commit_id, before + 1)
            if version is not None:
                return version
            failed = translated(error, doing, location, remedy=f"{MAY_BE_WRITTEN}; {WHOLE}")
            again = _met_another(error) or broke_off(failed)
            if not again or attempt + 1 == location.attempts * TRIES_PER_ATTEMPT:
                raise failed from error
            logger.debug("%s; try %d", failed.problem, attempt + 2)
        else:
            version = _version_of(location, path, commit_id, before + 1)
            if version is not None:
                return version
            raise StoreError(
                f"{doing}: its log does not show it.",
                remedy=f"see that no other program removes files from '{location.place(path)}'",
            )
    raise AssertionError


def _written_meanwhile(location: Location, path: str) -> StoreError:
    return StoreError(
        f"Table '{location.place(path)}' was written by another run meanwhile.",
        remedy="do it again, when the other run is done",
    )


def _appended(table: DeltaTable, mode: str, run_id: str | None) -> int | None:
    """The version in which the run already appended to the table."""
    return table.transaction_version(run_id) if run_id and mode == "append" else None


def _said(commit_id: str, run_id: str | None, why: str) -> dict[str, str]:
    """What the log is to tell of a commit."""
    return {"run_id": run_id or "", "commit_id": commit_id} | ({"why": why} if why else {})


def _properties(said: dict[str, str], marks: list[Transaction]) -> CommitProperties:
    return CommitProperties(custom_metadata=said, max_commit_retries=0, app_transactions=marks)


def _version_of(location: Location, path: str, commit_id: str, first: int) -> int | None:
    """The version that the commit became, from `first` on; None where it became none."""
    for version in count(first):
        entry, _ = fetched(location, f"{path}/_delta_log/{version:020}.json")
        if entry is None:
            return None
        if f'"{commit_id}"'.encode() in entry:
            return version
    raise AssertionError


def _met_another(error: Exception) -> bool:
    """Whether another writer was quicker, so that the same write may succeed on top of it."""
    text = str(error)
    return isinstance(error, CommitFailedError) or (
        isinstance(error, DeltaError)
        and any(mark in text for mark in ("already exists", "concurrent", "onflict"))
    )
