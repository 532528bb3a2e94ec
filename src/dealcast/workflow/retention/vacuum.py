"""Vacuum: delete runs, versions and orphaned files older than asked that nothing needs."""

import contextlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dealcast.errors import StoreError
from dealcast.settings import RetentionSettings, TrackingSettings
from dealcast.workflow.manifest import Removal, RunManifest, load_manifests, read_manifest
from dealcast.workflow.objects import Entry
from dealcast.workflow.retention.needs import needs_of
from dealcast.workflow.retention.objects import RAW, look_at_models, look_at_raw, look_at_runs
from dealcast.workflow.retention.spec import Found, Keep, began
from dealcast.workflow.retention.tables import ORPHANS, TableVacuum, look_at, shorten_log
from dealcast.workflow.store import Store
from dealcast.workflow.tables import TABLES

AT_ONCE = 8


@dataclass
class Vacuum:
    """What is to go, or went, and what stays and why.

    `removals`: what goes of each older run, for its manifest.
    """

    root: str
    keep: Keep
    found: Found
    tables: dict[str, TableVacuum] = field(default_factory=dict)
    removals: dict[str, Removal] = field(default_factory=dict)

    @property
    def entries(self) -> list[Entry]:
        """All that goes."""
        return [entry for entries in self.found.going.values() for entry in entries]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "root": self.root,
            "runs_kept_since": self.keep.since,
            "spared_since": self.keep.spared,
            "frees": [
                {"what": kind, "files": len(entries), "bytes": sum(e.size for e in entries)}
                for kind, entries in self.found.going.items()
            ],
            "files": len(self.entries),
            "bytes": sum(e.size for e in self.entries),
            "versions": {n: sorted(t.gone) for n, t in self.tables.items() if t.gone},
            "runs": sorted(self.removals),
            "stays": [
                {"what": what, "count": count, "why": why}
                for (what, why), count in sorted(self.found.staying.items())
            ],
        }


def plan_vacuum(
    store: Store,
    retention: RetentionSettings,
    tracking: TrackingSettings,
    now: datetime | None = None,
) -> Vacuum:
    """What a vacuum would delete, and what stays; nothing is changed.

    Raises StoreError where there is no store, SettingsError where nothing says what to keep.
    """
    now = now or datetime.now(UTC)
    runs = sorted(load_manifests(store), key=began)
    keep = Keep.of(retention, runs, now)
    kept = _kept_runs(store, runs, keep, tracking)
    needs = needs_of(store, kept)
    plan = Vacuum(store.root, keep, Found())
    look_at_runs(store, kept, needs, keep, plan.found)
    look_at_models(store, needs, keep, plan.found)
    look_at_raw(store, needs, keep, plan.found)
    for name, table in TABLES.items():
        plan.tables[name] = look_at(store, table, needs, keep, plan.found)
    plan.found.goes(ORPHANS, *_broken_off(store, keep))
    if not plan.entries and not plan.found.staying:
        raise StoreError(
            f"There is no store at '{store.root}'.", remedy="give the folder or s3:// of one"
        )
    for manifest in runs:
        removal = None if manifest.run_id in kept else _removal(manifest, plan, now)
        if removal is not None:
            plan.removals[manifest.run_id] = removal
    return plan


def carry_out(store: Store, plan: Vacuum) -> None:
    """Delete what is planned to go. One that was broken off is finished by the next.

    First the manifests of the runs tell what is removed; then logs are shortened; then files go.
    """
    for run_id, removal in plan.removals.items():
        manifest = read_manifest(store, run_id)
        if manifest is not None:
            manifest.removed.append(removal)
            manifest.save(store)
    going = plan.entries
    for table in plan.tables.values():
        shorten_log(store, table, going)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda entry: _delete(store, entry), going))


def _kept_runs(
    store: Store, runs: list[RunManifest], keep: Keep, tracking: TrackingSettings
) -> dict[str, tuple[RunManifest, str]]:
    """The runs of which all stays, and why: the newest, those since, those still to be sent."""
    kept = {}
    for manifest in runs:
        if manifest is runs[-1]:
            why = "the newest"
        elif began(manifest) >= keep.since:
            why = f"began on or after {keep.since:%Y-%m-%d %H:%M}"
        elif tracking.kind == "mlflow" and not store.has_object(_receipt(manifest)):
            why = "not sent to MLflow yet"
        else:
            continue
        kept[manifest.run_id] = (manifest, why)
    return kept


def _receipt(manifest: RunManifest) -> str:
    return f"runs/{manifest.run_id}/mlflow.json"


def _removal(manifest: RunManifest, plan: Vacuum, now: datetime) -> Removal | None:
    """What goes of a run; None where nothing does."""
    made = (*manifest.steps, *manifest.earlier)
    versions = {(name, version) for record in made for name, version in record.tables.items()}
    tables = sorted({n for n, v in versions if n in plan.tables and v in plan.tables[n].gone})
    raw = {r.objects["raw"] for r in made if "raw" in r.objects}
    gone_raw = raw & {e.key.split("/")[1] for e in plan.found.going.get(RAW, ())}
    objects = _objects_of(manifest.run_id, plan.found.going)
    if not (tables or gone_raw or objects):
        return None
    return Removal(now.isoformat(timespec="seconds"), "vacuum", tables, objects, bool(gone_raw))


def _objects_of(run_id: str, going: Mapping[str, list[Entry]]) -> int:
    prefix = f"runs/{run_id}/"
    return sum(e.key.startswith(prefix) for entries in going.values() for e in entries)


def _broken_off(store: Store, keep: Keep) -> list[Entry]:
    """Files under names of their own that a write to a folder left when it was killed."""
    if not store.location.is_local:
        return []
    found = []
    root = Path(store.root)
    for folder in {table.folder for table in TABLES.values()} | {"runs", "models", "raw"}:
        for file in root.joinpath(folder).rglob("*#*"):
            status = file.stat()
            entry = Entry(
                file.relative_to(root).as_posix(),
                status.st_size,
                datetime.fromtimestamp(status.st_mtime, UTC),
            )
            if file.name.rsplit("#", 1)[1].isdigit() and not keep.spares(entry.written):
                found.append(entry)
    return found


def _delete(store: Store, entry: Entry) -> None:
    if "#" in entry.key and store.location.is_local:
        with contextlib.suppress(FileNotFoundError):
            Path(store.place(entry.key)).unlink()
    else:
        store.delete_object(entry.key)
