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

# (table, version that is gone) -> version in its place
Moved = Mapping[tuple[str, int], int]


def recorded(store: Store, moves: Moved) -> dict[str, int]:
    """The version of each table that the next run would go on from."""
    made = (record.tables for record in load_latest_steps(store).values())
    return {name: version for tables in made for name, version in _tables(tables, moves).items()}


def point_at(store: Store, moves: Moved, manifests: list[RunManifest]) -> None:
    """Have manifests, what features were made from, and last the latest steps name what is there.

    A step that was up to date stays so. Features that were made from another version than steps
    recorded last name one that is gone: they are made anew.
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
