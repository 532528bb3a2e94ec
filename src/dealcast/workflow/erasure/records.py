"""What runs recorded, pointed at the table versions that took the place of those erased."""

from collections.abc import Mapping
from dataclasses import replace

from dealcast.workflow.freshness import made_from
from dealcast.workflow.manifest import (
    Removal,
    RunManifest,
    StepRecord,
    change_latest_steps,
    load_latest_steps,
)
from dealcast.workflow.renewal import MADE_FROM
from dealcast.workflow.steps import STEPS
from dealcast.workflow.store import Store
from dealcast.workflow.tables import TABLES
from dealcast.workflow.versions import versions_of

# (table, version that is gone) -> version in its place
Moved = Mapping[tuple[str, int], int]


def moved(store: Store) -> dict[tuple[str, int], int]:
    """The versions that the next run would go on from, which an erasure put others in place of."""
    found = {}
    for name, number in _wanted(store):
        present = versions_of(store, TABLES[name].path)
        if present and number not in {v.version for v in present if v.is_whole}:
            found[name, number] = present[-1].version
    return found


def point_at(store: Store, moves: Moved, manifests: list[RunManifest]) -> None:
    """Have manifests, what features were made from, and last the latest steps name what is there.

    A step that was up to date stays so.
    """
    for manifest in manifests:
        steps = [_pointed(record, moves) for record in manifest.steps]
        earlier = [_pointed(record, moves) for record in manifest.earlier]
        if (steps, earlier) != (manifest.steps, manifest.earlier):
            manifest.steps, manifest.earlier = steps, earlier
            manifest.save(store)
    former = load_latest_steps(store)
    key = former["features"].objects.get(MADE_FROM) if "features" in former else None
    if key and (content := store.get_json(key)):
        store.put_json(key, {**content, "tables": _tables(content["tables"], moves)})
    change_latest_steps(store, lambda records: _latest(records, moves))


def note(manifests: list[RunManifest], store: Store, removals: Mapping[str, Removal]) -> None:
    """Have the manifests of runs tell what an erasure changed of them."""
    for manifest in manifests:
        removal = removals.get(manifest.run_id)
        if removal and removal not in manifest.removed:
            manifest.removed.append(removal)
            manifest.save(store)


def _wanted(store: Store) -> set[tuple[str, int]]:
    latest = load_latest_steps(store)
    wanted = {pair for record in latest.values() for pair in record.tables.items()}
    key = latest["features"].objects.get(MADE_FROM) if "features" in latest else None
    content = store.get_json(key) if key else None
    return wanted | set((content or {"tables": {}})["tables"].items())


def _latest(former: Mapping[str, StepRecord], moves: Moved) -> Mapping[str, StepRecord]:
    new = {name: _pointed(record, moves) for name, record in former.items()}
    for step in STEPS:
        if step.name not in former or not {*step.needs, *step.uses} <= former.keys():
            continue
        if former[step.name].made_from == made_from(step, former.__getitem__):
            fresh = made_from(step, new.__getitem__)
            new[step.name] = replace(new[step.name], made_from=fresh)
    return new


def _pointed(record: StepRecord, moves: Moved) -> StepRecord:
    return replace(record, tables=_tables(record.tables, moves))


def _tables(tables: Mapping[str, int], moves: Moved) -> dict[str, int]:
    return {name: moves.get((name, version), version) for name, version in tables.items()}
