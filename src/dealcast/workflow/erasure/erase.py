"""Erase opportunities from a store: all rows, all versions, all reports; proved, and recorded."""

import getpass
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from dealcast.cells import tidy
from dealcast.errors import StoreError, listed
from dealcast.workflow.erasure import objects as plain
from dealcast.workflow.erasure.listed import put_on_list
from dealcast.workflow.erasure.records import note, point_at
from dealcast.workflow.erasure.search import names
from dealcast.workflow.erasure.tables import Holder, erase_rows, forget_older, holders, moved
from dealcast.workflow.erasure.words import Sought
from dealcast.workflow.manifest import Removal, RunManifest, load_manifests, new_run_id
from dealcast.workflow.store import Store

LOG = "erasures/log"
# A run that has not said how it ended for longer than that was killed.
ABANDONED = timedelta(days=1)


@dataclass
class Traces:
    """Where opportunities are named: rows (count) by table and by raw export, keys of the rest."""

    tables: list[Holder] = field(default_factory=list)
    raw: dict[str, int] = field(default_factory=dict)
    objects: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing names them."""
        return not (self.tables or self.raw or self.objects or self.reports)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it; no id is in it."""
        return {
            "tables": {holder.table.name: holder.rows for holder in self.tables},
            "raw": self.raw,
            "objects": self.objects,
            "reports": self.reports,
        }


@dataclass(frozen=True)
class Erasure:
    """One that was carried out: its id, what it touched, the hashes of what it erased."""

    erasure: str
    traces: Traces
    hashes: tuple[str, ...]


def sought(ids: Iterable[str]) -> Sought:
    """The ids to erase, as the reader takes them. Raises StoreError for a blank one or none."""
    given = pl.DataFrame({"id": list(ids)}, schema={"id": pl.String})
    read = given.select(tidy("id")).to_series()
    if read.is_empty() or read.null_count():
        raise StoreError(
            "No opportunity is named.", remedy="--opportunity ID, or --file with an id per line"
        )
    return Sought(tuple(dict.fromkeys(read)))


def look_for(store: Store, wanted: Sought) -> Traces:
    """Where the opportunities are named; nothing is changed."""
    manifests = load_manifests(store)
    found = Traces(tables=holders(store, wanted))
    for raw_hash in sorted({key.split("/")[1] for key in store.list_objects("raw")}):
        files, rows = plain.raw_without(store, raw_hash, wanted, manifests)
        if files:
            found.raw[raw_hash] = rows
    for key in [*store.list_objects("runs"), *store.list_objects("models")]:
        if key.endswith(plain.REPORT):
            if plain.report_names(store, key, wanted):
                found.reports.append(key)
        elif plain.changed(store, key, wanted) is not None:
            found.objects.append(key)
    return found


def erase(
    store: Store,
    wanted: Sought,
    command: str,
    now: datetime | None = None,
    killed: Collection[str] = (),
) -> Erasure:
    """Erase them, prove that nothing names them, and record it.

    What an erasure that was broken off left is done by the next one of the same ids. First they
    are put on the list, so that no run brings them back meanwhile. `killed`: ids of runs that are
    known to have been, though their manifests say that they go on. Raises StoreError where another
    run has not ended, where there is no such run, or where something still names them.
    """
    began = now or datetime.now(UTC)
    _refuse_running(store, began, killed)
    erasure = new_run_id(began)
    on_list = put_on_list(store, wanted.ids)
    hashes = tuple(on_list.hash_of(one) for one in wanted.ids)
    about = {"erasure": erasure, "by": _who(), "command": command, "hashes": hashes}
    traces = look_for(store, wanted)
    _record(store, erasure, "begun", {**about, "at": began, **traces.to_dict()})
    _carry_out(store, wanted, traces, erasure, began)
    _require_gone(store, wanted)
    _record(store, erasure, "done", {**about, "at": datetime.now(UTC), **traces.to_dict()})
    return Erasure(erasure, traces, hashes)


def _carry_out(store: Store, wanted: Sought, traces: Traces, erasure: str, began: datetime) -> None:
    """First new versions, then records that name them, and only then the former versions go.

    So whatever is broken off leaves a store that runs can go on from, and that a second call
    finishes.
    """
    written = [(holder, erase_rows(store, holder, erasure)) for holder in traces.tables]
    manifests = load_manifests(store)
    note(manifests, store, _removals(manifests, traces, erasure, began))
    point_at(store, moved(store), manifests)
    for holder, number in written:
        forget_older(store, holder, number)
    for raw_hash in traces.raw:
        files, rows = plain.raw_without(store, raw_hash, wanted, manifests)
        told = {"erasure": erasure, "at": began.isoformat(timespec="seconds"), "rows": rows}
        plain.put_raw(store, raw_hash, files, told)
    for key in traces.objects:
        new = plain.changed(store, key, wanted)
        if new is not None:
            store.put_object(key, new)
    for key in traces.reports:
        store.delete_object(key)


def erasures(store: Store) -> list[dict[str, Any]]:
    """The record of every erasure, newest first; `is_done` is false of one that was broken off."""
    entries = [store.require_json(key) for key in store.list_objects(LOG)]
    done = {entry["erasure"] for entry in entries if entry["state"] == "done"}
    return [
        {**entry, "is_done": entry["erasure"] in done}
        for entry in reversed(entries)
        if entry["state"] == "begun"
    ]


def _refuse_running(store: Store, now: datetime, killed: Collection[str]) -> None:
    """A run would write back what it has read."""
    begun = {m.run_id: m.started for m in load_manifests(store) if m.finished is None}
    wrong = sorted(set(killed) - set(begun))
    if wrong:
        raise StoreError(
            f"No run {listed(wrong)} of this store was broken off.",
            remedy="`dealcast runs` lists the state of every run",
        )
    running = [
        run_id
        for run_id, started in begun.items()
        if run_id not in killed and now - datetime.fromisoformat(started) < ABANDONED
    ]
    if running:
        raise StoreError(
            f"The run {listed(running)} has not ended: it would write back what it has read.",
            remedy="repeat the command when it has; one that was killed counts as ended a day "
            "after it began, or at once with --killed RUN",
        )


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _record(store: Store, erasure: str, state: str, content: Mapping[str, Any]) -> None:
    """Add an entry to the record, of which none is ever changed."""
    store.put_json(f"{LOG}/{erasure}-{state}.json", {"state": state, **content})


def _removals(
    manifests: list[RunManifest], traces: Traces, erasure: str, at: datetime
) -> dict[str, Removal]:
    """What changed of each run."""
    touched = {holder.table.name for holder in traces.tables}
    removals = {}
    for manifest in manifests:
        made = (*manifest.steps, *manifest.earlier)
        versions = sorted({name for record in made for name in record.tables} & touched)
        own = (*traces.objects, *traces.reports)
        count = sum(key.startswith(f"runs/{manifest.run_id}/") for key in own)
        raw = any(record.objects.get("raw") in traces.raw for record in made)
        if versions or count or raw:
            when = at.isoformat(timespec="seconds")
            removal = Removal(when, f"erasure {erasure}", versions, count, raw)
            removals[manifest.run_id] = removal
    return removals


def _require_gone(store: Store, wanted: Sought) -> None:
    """A second look finds nothing; nor does a search of all that is no raw export."""
    found = look_for(store, wanted)
    left = {
        *(holder.table.path for holder in found.tables),
        *(f"raw/{raw_hash}" for raw_hash in found.raw),
        *found.objects,
        *found.reports,
        *(key for key in store.list_objects("") if _names(store, key, wanted)),
    }
    if left:
        raise StoreError(
            f"The store still names what was to be erased, in {listed(sorted(left))}.",
            remedy="see that no run writes to it, and repeat the command",
        )


def _names(store: Store, key: str, wanted: Sought) -> bool:
    # How a raw export is to be read, the look at it knows.
    return not key.startswith("raw/") and names(store, key, wanted)
