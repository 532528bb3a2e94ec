"""The versions of a table, told from its log: when, by which run, how, how much."""

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from dealcast.workflow.commits import opened
from dealcast.workflow.migrations.steps import FIRST
from dealcast.workflow.migrations.tables import MARK
from dealcast.workflow.objects import ObjectStore

LOG = "_delta_log"
COMMIT = re.compile(rf"{LOG}/(\d{{20}})\.json")
AT_ONCE = 8


@dataclass(frozen=True)
class DataFile:
    """A file of a table: its size (bytes), its rows (count; None where the log does not say)."""

    size: int
    rows: int | None


@dataclass(frozen=True)
class TableVersion:
    """One version of a table; `how` it was written is told in a word or two.

    `schema`: the version of the table's schema that it was written in.

    `is_whole`: all of its files are there, so that it can be read.
    """

    version: int
    written_at: datetime
    run_id: str | None
    how: str
    files: Mapping[str, DataFile]
    is_whole: bool
    schema: int

    @property
    def rows(self) -> int | None:
        """How many there are; None where the log does not say."""
        counts = [file.rows for file in self.files.values()]
        return None if None in counts else sum(n for n in counts if n is not None)

    @property
    def size(self) -> int:
        """Of all its files (bytes), also of those that other versions share."""
        return sum(file.size for file in self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, without the names of the files."""
        return {
            "version": self.version,
            "written_at": self.written_at,
            "run_id": self.run_id,
            "how": self.how,
            "rows": self.rows,
            "bytes": self.size,
            "files": len(self.files),
            "schema": self.schema,
            "is_whole": self.is_whole,
        }


def versions_of(store: ObjectStore, path: str) -> list[TableVersion]:
    """The versions that the log of a table still tells of, oldest first; none without a table."""
    present = {entry.key.removeprefix(f"{path}/") for entry in store.entries(path)}
    commits_there = (COMMIT.fullmatch(name) for name in present)
    numbers = sorted(int(there[1]) for there in commits_there if there)
    if not numbers:
        return []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        commits = list(pool.map(lambda number: _actions(store, path, number), numbers))
    files = _files_at(store, path, numbers[0])
    found: list[TableVersion] = []
    for number, actions in zip(numbers, commits, strict=True):
        before = files
        files = _after(before, actions) if found or not number else before
        told: dict[str, Any] = next((a["commitInfo"] for a in actions if "commitInfo" in a), {})
        found.append(
            TableVersion(
                version=number,
                written_at=datetime.fromtimestamp(told.get("timestamp", 0) / 1000, UTC),
                run_id=told.get("run_id") or None,
                how=told.get("why") or _how(number, before, actions),
                files=files,
                is_whole=files.keys() <= present,
                schema=_schema(actions),
            )
        )
    return found


def _actions(store: ObjectStore, path: str, number: int) -> list[dict[str, Any]]:
    content = store.require_object(f"{path}/{LOG}/{number:020}.json")
    return [json.loads(line) for line in content.splitlines() if line]


def _files_at(store: ObjectStore, path: str, number: int) -> dict[str, DataFile]:
    """The files of the first version that is told of; what went before it is in a checkpoint."""
    table = opened(store.location, path, number) if number else None
    if table is None:
        return {}
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    if files.is_empty():
        return {}
    columns = files.select("path", "size_bytes", "num_records")
    return {name: DataFile(size, rows) for name, size, rows in columns.iter_rows()}


def _after(before: Mapping[str, DataFile], actions: list[dict[str, Any]]) -> dict[str, DataFile]:
    gone = {a["remove"]["path"] for a in actions if "remove" in a}
    return {k: v for k, v in before.items() if k not in gone} | dict(_added(actions))


def _added(actions: list[dict[str, Any]]) -> Iterator[tuple[str, DataFile]]:
    for action in actions:
        if add := action.get("add"):
            yield (
                add["path"],
                DataFile(add["size"], json.loads(add["stats"] or "{}").get("numRecords")),
            )


def _schema(actions: list[dict[str, Any]]) -> int:
    marks = (a["txn"]["version"] for a in actions if a.get("txn", {}).get("appId") == MARK)
    return next(marks, FIRST)


def _how(number: int, before: Mapping[str, DataFile], actions: list[dict[str, Any]]) -> str:
    """How the version was written, from what it did to the files of the one before."""
    removed = sum("remove" in action for action in actions)
    if number == 0:
        return "made"
    if not removed:
        return "appended" if any("add" in action for action in actions) else "unchanged"
    return "replaced" if removed == len(before) else f"replaced {removed} of {len(before)} files"
