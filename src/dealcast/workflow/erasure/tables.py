"""Tables without the rows of erased opportunities, and without any version that had them."""

import io
import re
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl
from deltalake import DeltaTable, Schema

from dealcast.cells import tidy
from dealcast.errors import StoreError
from dealcast.workflow.commits import NextFiles, commit_files, opened
from dealcast.workflow.erasure.records import Moved, recorded
from dealcast.workflow.erasure.search import log_names
from dealcast.workflow.erasure.words import ID, Sought
from dealcast.workflow.migrations.tables import as_now, is_older
from dealcast.workflow.parts import put_file
from dealcast.workflow.retries import patiently
from dealcast.workflow.store import Store
from dealcast.workflow.tables import TABLES, Table
from dealcast.workflow.versions import LOG

PARQUET = ".parquet"
# Corrections first: whose they are is told by the quarantine.
ORDER = sorted(TABLES.values(), key=lambda table: table.name != "corrections")
# What the log says of a version that an erasure wrote: which one it is there instead of.
INSTEAD_OF = re.compile(r"erased by \S+, in place of version (\d+)")
OF_VERSION = re.compile(r"(\d{20})\..+")


@dataclass(frozen=True)
class Rule:
    """Which rows of a table are of the ids, told from these columns. Never null."""

    columns: tuple[str, ...]
    is_theirs: pl.Expr


@dataclass(frozen=True)
class Holder:
    """A table of which some file, of this version or another, holds erased opportunities.

    `newest`: its version, None where there is no table, only what a killed run left. `version`: the
    one to go on from, which has `rows` (count) of them. `recorded`: the one that steps name.
    `keys`: all that was in its folder.
    """

    table: Table
    rule: Rule
    newest: int | None
    version: int | None
    recorded: int | None
    rows: int
    keys: tuple[str, ...]


def holders(store: Store, sought: Sought) -> list[Holder]:
    """The tables with rows of the ids in any file, or with a log that names one, in order."""
    hashes = _row_hashes(store, sought)
    by_steps = recorded(store, moved(store))
    found = []
    for table in filter(_names_them, ORDER):
        rule, keys = _rule(table, sought, hashes), tuple(store.list_objects(f"{table.path}/"))
        counts = {key: _theirs(store, key, rule).height for key in _data_files(table, keys)}
        if any(counts.values()) or log_names(store, table.path, sought):
            newest = opened(store.location, table.path)
            by_step = by_steps.get(table.name)
            there = _to_go_on_from(store, table, newest, by_step, keys)
            rows = sum(counts.get(key, 0) for key in _files(table, there))
            now, version = (v.version() if v is not None else None for v in (newest, there))
            recorded_version = version if by_step is None else by_step
            found.append(Holder(table, rule, now, version, recorded_version, rows, keys))
    return found


def erase_rows(store: Store, holder: Holder, erasure: str) -> int | None:
    """Have the newest version be the one to go on from, without the rows; returns its number.

    Not that of a run that was interrupted, which no step has recorded. Of a table to which runs
    add, the newest is the one. Raises StoreError where another run writes to it meanwhile.
    """
    path = holder.table.path
    is_so_already = not holder.rows and {holder.version, holder.recorded} == {holder.newest}
    if holder.newest is None or is_so_already:
        return holder.newest
    former = opened(store.location, path, holder.version)
    assert former is not None  # noqa: S101 - it was found there
    return commit_files(
        store.location,
        path,
        _files_left(store, holder, former, may_stay=holder.version == holder.newest),
        run_id=None,
        why=f"erased by {erasure}, in place of version {holder.recorded}",
        expected=holder.newest,
    )


def _files_left(store: Store, holder: Holder, former: DeltaTable, *, may_stay: bool) -> NextFiles:
    """What is left of a version, file by file; `may_stay`: its files may be part of the next."""
    table, kept, added, schema = holder.table, [], [], former.schema()
    is_old = is_older(table.name, former)
    for place, key in enumerate(_files(table, former)):
        rows = as_now(table.name, _read(store, key), former)
        left = rows.filter(~holder.rule.is_theirs) if _has(rows.columns, holder.rule) else rows
        name = key.removeprefix(f"{table.path}/")
        if is_old:
            schema = Schema.from_arrow(rows.schema)
        if may_stay and not is_old and left.height == rows.height:
            kept.append(name)
        elif not left.is_empty():
            kind = name.rsplit("/", 1)[-1].split("-")[0]
            added.append(put_file(store, table.path, f"{kind}-{place:05}", left))
    return NextFiles(schema, added, kept)


def moved(store: Store) -> Moved:
    """The versions that erasures wrote others in place of, as the logs of tables tell."""
    found = {}
    for table in TABLES.values():
        newest = opened(store.location, table.path)
        told = newest.history(1)[0].get("why", "") if newest is not None else ""
        if newest is not None and (instead := INSTEAD_OF.fullmatch(told)):
            found[table.name, int(instead[1])] = newest.version()
    return found


def forget_older(store: Store, holder: Holder, number: int | None) -> None:
    """Delete every version before this one: files, log entries, and what they tell.

    What came into the folder since the holder was found stays. Raises StoreError where this is no
    longer the newest version, and deletes nothing.
    """
    table = holder.table
    present = opened(store.location, table.path)
    if present is not None:
        if present.version() != number:
            raise StoreError(
                f"Table '{table.name}' was written by another run meanwhile.",
                remedy="repeat the command, when the other run is done",
            )
        doing = f"The log of table '{table.name}' could not be shortened"
        patiently(store.location, doing, present.create_checkpoint)
    files = set(_files(table, present))
    for key in holder.keys:
        if key not in files and not _is_of_log_from(table, key, number):
            store.delete_object(key)


def _is_of_log_from(table: Table, key: str, number: int | None) -> bool:
    """Whether an object of the log tells of this version or of a later one."""
    log, _, name = key.rpartition("/")
    if log != f"{table.path}/{LOG}" or number is None:
        return False
    of_version = OF_VERSION.fullmatch(name)
    return int(of_version[1]) >= number if of_version else name == "_last_checkpoint"


def _to_go_on_from(
    store: Store,
    table: Table,
    newest: DeltaTable | None,
    by_step: int | None,
    keys: Collection[str],
) -> DeltaTable | None:
    """The version that a step recorded; the newest of a table without one, or that is added to."""
    if newest is None or by_step is None or table.mode == "append":
        return newest
    wanted = opened(store.location, table.path, by_step)
    is_whole = wanted is not None and set(keys).issuperset(_files(table, wanted))
    return wanted if is_whole else newest


def _names_them(table: Table) -> bool:
    columns = table.contract().column_names() if table.contract else [ID]
    return ID in columns or table.folder == "quarantine"


def _rule(table: Table, sought: Sought, hashes: Collection[str]) -> Rule:
    ids = list(sought.ids)
    if table.name == "quarantine":
        is_theirs = (pl.col("table") == "opportunities") & tidy("key").is_in(ids)
        columns: tuple[str, ...] = ("table", "key", "row_hash")
    elif table.name == "corrections":
        is_id = (pl.col("column") == ID) & tidy("value").is_in(ids)
        is_theirs = pl.col("row_hash").is_in(list(hashes)) | is_id
        columns = ("row_hash", "column", "value")
    else:
        is_theirs, columns = tidy(ID).is_in(ids), (ID,)
    return Rule(columns, is_theirs.fill_null(value=False))


def _row_hashes(store: Store, sought: Sought) -> frozenset[str]:
    """The names of quarantined rows of the ids: corrections know no other."""
    table = TABLES["quarantine"]
    rule = _rule(table, sought, ())
    keys = _data_files(table, store.list_objects(f"{table.path}/"))
    return frozenset(name for key in keys for name in _theirs(store, key, rule)["row_hash"])


def _data_files(table: Table, keys: Collection[str]) -> list[str]:
    """The data files among the objects of a table's folder, of whatever version."""
    log = f"{table.path}/{LOG}/"
    return [key for key in keys if key.endswith(PARQUET) and not key.startswith(log)]


def _theirs(store: Store, key: str, rule: Rule) -> pl.DataFrame:
    """The rows of the ids in a file; only the columns that tell them are unpacked."""
    rows = pl.scan_parquet(io.BytesIO(store.require_object(key)))
    if not _has(rows.collect_schema().names(), rule):
        return pl.DataFrame()
    return rows.select(rule.columns).filter(rule.is_theirs).collect()


def _has(columns: Collection[str], rule: Rule) -> bool:
    return set(columns).issuperset(rule.columns)


def _files(table: Table, version: DeltaTable | None) -> list[str]:
    """The keys of the files of an opened version."""
    if version is None:
        return []
    names = pl.DataFrame(version.get_add_actions(flatten=True))["path"]
    return [f"{table.path}/{name}" for name in names]


def _read(store: Store, key: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(store.require_object(key)))
