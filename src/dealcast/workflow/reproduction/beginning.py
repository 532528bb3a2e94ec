"""A store as a run found it: its raw export, and the versions that its manifest pins."""

from dataclasses import replace

import polars as pl

from dealcast.errors import StoreAwayError, StoreError
from dealcast.settings import TrackingSettings
from dealcast.tracking.base import ModelVersion, Promotion, open_registry
from dealcast.workflow.freshness import made_from
from dealcast.workflow.manifest import (
    Beginning,
    RunManifest,
    StepRecord,
    change_latest_steps,
)
from dealcast.workflow.migrations.documents import SCHEMA
from dealcast.workflow.steps import STEPS
from dealcast.workflow.store import RAW_INDEX, Store

INGEST = "ingest"


def to_do_again(manifest: RunManifest) -> tuple[str, ...]:
    """The steps that the run did itself. What it fetched is kept, so it is not fetched again.

    Raises StoreError where the manifest alone says that the run cannot be made again.
    """
    names = tuple(s.name for s in manifest.steps if not s.skipped and s.name != INGEST)
    if why_not := _why_not(manifest, names):
        because, remedy = why_not
        raise StoreError(f"Run {manifest.run_id} cannot be made again: {because}.", remedy=remedy)
    return names


def _why_not(manifest: RunManifest, names: tuple[str, ...]) -> tuple[str, str] | None:
    """What speaks against it, and the remedy."""
    if manifest.began is None:
        return (
            "an older release wrote its manifest, which does not say what it found in the store",
            "`dealcast run` makes a run that can be made again",
        )
    if manifest.finished is None:
        return (
            "it has not ended, or was killed, and its manifest is not complete",
            "wait for its end, or take another of `dealcast runs`",
        )
    if manifest.settings["engine"]["name"] == "spark":
        return (
            "it was made on Spark, where sums come in any order",
            "runs with engine.name polars or duckdb can be made again",
        )
    if not names:
        return (
            "it computed nothing itself, as its steps were skipped or only fetched the export",
            f"`dealcast runs show {manifest.run_id}` names the runs that made what it has",
        )
    return None


def lay_out(manifest: RunManifest, source: Store, target: Store) -> None:
    """Fill an empty store with all that the run found. Raises StoreError where some of it is gone.

    Versions of tables get other numbers there, and what the steps have made says so.
    """
    again, began = set(to_do_again(manifest)), _beginning_of(manifest)
    former = {r.name: r for r in began.records}
    others = {r.name: r for r in (*manifest.earlier, *manifest.steps) if r.name not in again}
    records = former | others
    _keep_raw(manifest, records[INGEST].objects["raw"], source, target)
    asked = {n for s in STEPS if s.name in again for n in (*s.needs, *s.uses)}
    for name in sorted((asked & set(others)) | set(former)):
        records[name] = _copied(manifest, records[name], source, target)
    for table, version in began.tables.items():
        target.save(table, _version(manifest, source, table, version))
    _crown(manifest, began, source, target)
    change_latest_steps(target, lambda _: _agreeing(records))


def _beginning_of(manifest: RunManifest) -> Beginning:
    if manifest.began is None:
        raise AssertionError("lay_out begins with to_do_again, which refuses such a run")
    return manifest.began


def _keep_raw(manifest: RunManifest, raw_hash: str, source: Store, target: Store) -> None:
    """The export's bytes, proved by their hash."""
    index = source.get_json(f"raw/{raw_hash}/{RAW_INDEX}")
    if index is None:
        raise _gone(manifest, f"the raw export {raw_hash}")
    if index.get("erased"):
        raise StoreError(
            f"Opportunities have been erased from the raw export {raw_hash} since run "
            f"{manifest.run_id}: what it read is not there any more, and never will be.",
            remedy="`dealcast run --from validate` makes a new run of what is left",
        )
    about = {name: value for name, value in index.items() if name not in ("files", SCHEMA)}
    with source.raw_files(raw_hash) as files:
        if lost := [file.name for file in files if not file.exists()]:
            raise _gone(manifest, f"the file '{lost[0]}' of the raw export {raw_hash}")
        kept = target.keep_raw(files, about)
    if kept != raw_hash:
        raise StoreError(
            f"The bytes of the raw export {raw_hash} are not those that were kept: their hash is "
            f"{kept} now.",
            remedy="restore them from a copy of the store",
        )


def _copied(manifest: RunManifest, record: StepRecord, source: Store, target: Store) -> StepRecord:
    """What a step had made, in the target; the record names the versions there."""
    tables = {
        table: target.save(table, _version(manifest, source, table, version))
        for table, version in record.tables.items()
        # These are laid out as they stood when the run began.
        if table not in _beginning_of(manifest).tables
    }
    for key in record.objects.values():
        if "/" in key:  # others are hashes
            _copy_object(manifest, key, source, target)
    return replace(record, tables={**record.tables, **tables})


def _copy_object(manifest: RunManifest, key: str, source: Store, target: Store) -> None:
    content = source.get_object(key)
    if content is None:
        raise _gone(manifest, f"'{key}'")
    target.put_object(key, content)


def _version(manifest: RunManifest, source: Store, table: str, version: int) -> pl.DataFrame:
    frame = kept_version(source, table, version)
    if frame is None:
        raise _gone(manifest, f"version {version} of table '{table}'")
    return frame


def kept_version(store: Store, table: str, version: int) -> pl.DataFrame | None:
    """A version of a table; None where it, or a file of it, is gone."""
    try:
        return store.load(table, version=version)
    except StoreAwayError:
        raise
    except StoreError:
        return None


def _crown(manifest: RunManifest, began: Beginning, source: Store, target: Store) -> None:
    if began.champion is None:
        return
    champion = ModelVersion(**began.champion)
    _copy_object(manifest, champion.key, source, target)
    registry = open_registry(TrackingSettings(), target)
    registry.register(champion)
    registry.promote(Promotion(champion.model_id, champion.run_id, "champion when the run began"))


def _agreeing(records: dict[str, StepRecord]) -> dict[str, StepRecord]:
    """The records with what each was made from, told by the versions of the new store."""
    for step in STEPS:
        if step.name in records and all(n in records for n in (*step.needs, *step.uses)):
            made = made_from(step, records.__getitem__)
            records[step.name] = replace(records[step.name], made_from=made)
    return records


def _gone(manifest: RunManifest, what: str) -> StoreError:
    by = [f"{r.by} ({r.at})" for r in manifest.removed]
    return StoreError(
        f"Run {manifest.run_id} cannot be made again: {what} is gone"
        + (f", removed by {', '.join(by)}." if by else "."),
        remedy="use a copy of the store that still has it; storage.retention says how long "
        "versions are kept (docs/retention.md)",
    )
