"""Tables without the rows of erased opportunities, and without any version that had them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from dealcast.workflow.commits import NextFiles, commit_files, opened
from dealcast.workflow.erasure.search import names
from dealcast.workflow.erasure.words import Sought
from dealcast.workflow.parts import put_file
from dealcast.workflow.retries import patiently
from dealcast.workflow.store import Store
from dealcast.workflow.tables import TABLES, Table
from dealcast.workflow.versions import LOG

ID = "opportunity_id"
PARQUET = ".parquet"
# Corrections first: whose they are is told by the quarantine.
ORDER = sorted(TABLES.values(), key=lambda table: table.name != "corrections")


@dataclass(frozen=True)
class Holder:
    """A table of which some version holds erased opportunities; `rows` (count): the present one."""

    table: Table
    rows: int


def holders(store: Store, sought: Sought) -> list[Holder]:
    """The tables with rows of the ids in any file, of this version or another, in working order."""
    hashes = _row_hashes(store, sought)
    found = []
    for table in ORDER:
        counts = {key: theirs.height for key, theirs in _theirs(store, table, sought, hashes)}
        # A log may tell of the least and the greatest text of files that are gone.
        log = store.list_objects(f"{table.path}/{LOG}")
        if any(counts.values()) or any(names(store, key, sought) for key in log):
            found.append(Holder(table, sum(counts.get(key, 0) for key in _present(store, table))))
    return found


def erase_rows(store: Store, holder: Holder, sought: Sought, erasure: str) -> None:
    """Make the present version one without the rows, and delete every version before it."""
    table, path = holder.table, holder.table.path
    store.upgrade(table.name)  # what is committed now bears the mark of the present schema
    hashes = _row_hashes(store, sought)
    present = opened(store.location, path)
    assert present is not None  # noqa: S101 - it holds rows
    kept, added = [], []
    for number, key in enumerate(_present(store, table) if holder.rows else ()):
        name = key.removeprefix(f"{path}/")
        rows = _read(store, key)
        left = rows.filter(~_is_theirs(table, rows, sought, hashes))
        if left.height == rows.height:
            kept.append(name)
        elif not left.is_empty():
            kind = name.rsplit("/", 1)[-1].split("-")[0]
            added.append(put_file(store, path, f"{kind}-{number:05}", left))
    if holder.rows:
        files = NextFiles(present.schema(), added, kept)
        commit_files(store.location, path, files, run_id=None, why=f"erased by {erasure}")
    forget_older(store, table)


def forget_older(store: Store, table: Table) -> None:
    """Delete every version but the present one: files, log entries, and what they tell."""
    present = opened(store.location, table.path)
    assert present is not None  # noqa: S101 - it was written
    number = present.version()
    doing = f"The log of table '{table.name}' could not be shortened"
    patiently(store.location, doing, present.create_checkpoint)
    files = set(_present(store, table))
    log = f"{table.path}/{LOG}/"
    for key in store.list_objects(table.path):
        of_log = key.startswith(log)
        stays = key in files or (
            of_log and key.removeprefix(log).startswith(("_last_checkpoint", f"{number:020}."))
        )
        if not stays:
            store.delete_object(key)


def _theirs(
    store: Store, table: Table, sought: Sought, hashes: frozenset[str]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Key of a file, and its rows of the ids, for every file in the table's folder."""
    if table.contract and not _names_them(table):
        return
    for key in store.list_objects(table.path):
        if key.endswith(PARQUET) and f"/{LOG}/" not in key:
            rows = _read(store, key)
            yield key, rows.filter(_is_theirs(table, rows, sought, hashes))


def _names_them(table: Table) -> bool:
    columns = table.contract().column_names() if table.contract else [ID]
    return ID in columns or table.folder == "quarantine"


def _is_theirs(table: Table, rows: pl.DataFrame, sought: Sought, hashes: frozenset[str]) -> pl.Expr:
    """Whether a row is of one of the ids. Never null."""
    ids = list(sought.ids)
    if table.name == "quarantine":
        is_theirs = (pl.col("table") == "opportunities") & pl.col("key").is_in(ids)
    elif table.name == "corrections":
        is_theirs = pl.col("row_hash").is_in(list(hashes)) | pl.col("value").is_in(ids)
    elif ID in rows.columns:
        is_theirs = pl.col(ID).is_in(ids)
    else:
        is_theirs = pl.lit(value=False)
    return is_theirs.fill_null(value=False)


def _row_hashes(store: Store, sought: Sought) -> frozenset[str]:
    """The names of quarantined rows of the ids: corrections know no other."""
    found = _theirs(store, TABLES["quarantine"], sought, frozenset())
    return frozenset(name for _, rows in found for name in rows["row_hash"])


def _present(store: Store, table: Table) -> list[str]:
    """The keys of the files of the present version."""
    found = opened(store.location, table.path)
    if found is None:
        return []
    names = pl.DataFrame(found.get_add_actions(flatten=True))["path"]
    return [f"{table.path}/{name}" for name in names]


def _read(store: Store, key: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(store.require_object(key)))
