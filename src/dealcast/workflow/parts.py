"""Tables written part by part: files are put into the table's folder, then one commit shows all.

So a table may be larger than the memory, and a new version of it may keep files of the former.
"""

import io
import json
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import dataframely as dy
import polars as pl
from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction

from dealcast.workflow.checking import check
from dealcast.workflow.commits import NextFiles, commit_files, table_name
from dealcast.workflow.objects import ObjectStore

NOT_YET = -1


@dataclass(frozen=True)
class Part:
    """One file of a table: its name there, its rows (count), first and last date of a column."""

    name: str
    rows: int
    first: date
    last: date


class PartWriter:
    """Takes the parts of a table's next version, of which nobody sees any before `commit`."""

    def __init__(
        self,
        store: ObjectStore,
        path: str,
        contract: type[dy.Schema],
        kept: Collection[str],
    ) -> None:
        self._store, self._path, self._contract, self._kept = store, path, contract, kept
        self._added: list[AddAction] = []
        self.rows = 0
        self.version = NOT_YET

    def add(self, rows: pl.DataFrame, kind: str = "part") -> None:
        """Check the rows against the contract and put them into a file. Raises ContractError.

        `kind` (letters) is what the file's name begins with.
        """
        checked = check(rows, self._contract, table_name(self._path))
        if checked.is_empty():
            return
        name = f"{kind}-{len(self._added):05}"
        self._added.append(put_file(self._store, self._path, name, checked))
        self.rows += checked.height

    def commit(self, run_id: str | None) -> None:
        """Make the parts, and the files that are kept, the next version of the table."""
        schema = Schema.from_arrow(self._contract.create_empty().schema)
        files = NextFiles(schema, self._added, self._kept)
        self.version = commit_files(self._store.location, self._path, files, run_id=run_id)

    def discard(self) -> None:
        """Delete the parts again."""
        for action in self._added:
            self._store.delete_object(f"{self._path}/{action.path}")


def put_file(store: ObjectStore, path: str, name: str, rows: pl.DataFrame) -> AddAction:
    """Put rows into a file of a table, which nobody sees before its commit; what to commit.

    What is told of it leaves out the least and the greatest text: they would name somebody.
    """
    content = io.BytesIO()
    # The fastest level: files of such columns are as small as by slower ones.
    rows.write_parquet(content, compression="zstd", compression_level=1)
    file = f"{name}-{secrets.token_hex(8)}.parquet"
    added = _added(file, content.getbuffer().nbytes, rows)
    store.put_object(f"{path}/{file}", content.getvalue())
    return added


def _added(name: str, size: int, rows: pl.DataFrame) -> AddAction:
    dates = [c for c, kind in rows.schema.items() if kind == pl.Date and rows[c].count()]
    known = {
        "numRecords": rows.height,
        "minValues": {c: str(rows[c].min()) for c in dates},
        "maxValues": {c: str(rows[c].max()) for c in dates},
        "nullCount": {c: rows[c].null_count() for c in dates},
    }
    now = int(time.time() * 1000)
    return AddAction(name, size, {}, now, data_change=True, stats=json.dumps(known))


def parts_by(table: DeltaTable, column: str) -> list[Part] | None:
    """The files of a table with the span of a date column in each; None where one does not say."""
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    about = ("path", "num_records", f"min.{column}", f"max.{column}")
    if (
        not set(about).issubset(files.columns)
        or files.select(about).null_count().sum_horizontal()[0]
    ):
        return None
    return [Part(*row) for row in files.select(about).sort("path").iter_rows()]
