"""The versions of a table that are to go, and the files that only they have, or none has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dealcast.workflow.commits import opened, table_name
from dealcast.workflow.objects import Entry
from dealcast.workflow.retention.needs import Needs
from dealcast.workflow.retention.spec import Found, Keep
from dealcast.workflow.retries import patiently
from dealcast.workflow.store import Store
from dealcast.workflow.tables import Table
from dealcast.workflow.versions import LOG, TableVersion, versions_of

OLD_FILES, OLD_LOG = "files of old versions", "log entries of old versions"
ORPHANS = "files that no version names"
LOG_FILE = re.compile(r"(\d{20})\..+")


@dataclass(frozen=True)
class TableVacuum:
    """What becomes of a table: the first version that its log is to tell of, those that go.

    A version goes that can be read now, and not without what goes.
    """

    path: str
    first: int
    gone: frozenset[int]


def look_at(store: Store, table: Table, needs: Needs, keep: Keep, found: Found) -> TableVacuum:
    """Note in `found` what of the table's folder is to go, and why the rest stays.

    A version stays that is the newest, or needed, or was written since. A table without any
    version is what a first write left that was broken off.
    """
    versions = versions_of(store, table.path)
    reasons = _reasons(table.name, versions, needs, keep)
    for why in reasons.values():
        found.stays("versions of tables", why)
    first = min(reasons, default=0)
    named = {name for version in versions for name in version.files}
    kept = {name for v in versions if v.version in reasons for name in v.files}
    going = set()
    for entry in store.entries(table.path):
        name = entry.key.removeprefix(f"{table.path}/")
        kind = _kind(name, named, first)
        if name in kept or kind is None:
            continue
        if keep.spares(entry.written):
            found.stays("other files of tables", "too new: a run may be in progress")
        else:
            found.goes(kind, entry)
            going.add(name)
    gone = {
        v.version
        for v in versions
        if v.is_whole and not going.isdisjoint({*v.files, f"{LOG}/{v.version:020}.json"})
    }
    return TableVacuum(table.path, first, frozenset(gone))


def shorten_log(store: Store, table: TableVacuum, going: list[Entry]) -> None:
    """Let the log begin with the first version that stays: a checkpoint there, then less log."""
    log = [entry for entry in going if entry.key.startswith(f"{table.path}/{LOG}/")]
    if not log:
        return
    first = opened(store.location, table.path, table.first)
    if first is not None:
        doing = f"The log of table '{table_name(table.path)}' could not be shortened"
        patiently(store.location, doing, first.create_checkpoint)


def _reasons(
    name: str, versions: list[TableVersion], needs: Needs, keep: Keep
) -> Mapping[int, str]:
    """Why each version stays that does."""
    newest = versions[-1].version if versions else -1
    reasons = {}
    for v in versions:
        if v.version == newest:
            reasons[v.version] = "the newest of its table"
        elif why := needs.versions.get((name, v.version)):
            reasons[v.version] = why
        elif v.written_at >= min(keep.since, keep.spared):
            reasons[v.version] = "written since"
    return reasons


def _kind(name: str, named: set[str], first: int) -> str | None:
    """What a file is that may go; None of one that has to stay."""
    if not name.startswith(f"{LOG}/"):
        return OLD_FILES if name in named else ORPHANS
    numbered = LOG_FILE.fullmatch(name.removeprefix(f"{LOG}/"))
    if numbered:
        return OLD_LOG if int(numbered[1]) < first else None
    return None if name == f"{LOG}/_last_checkpoint" else ORPHANS
