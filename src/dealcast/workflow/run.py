"""Run steps in this process: skip what did not change, record everything."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from io import StringIO
from typing import Protocol

from dealcast.errors import DealcastError, OutOfMemoryError, StoreError
from dealcast.settings import LoadedSettings
from dealcast.tracking.base import Param, open_registry, open_tracker
from dealcast.workflow.freshness import made_from, outdated
from dealcast.workflow.log import logged_run, logged_step
from dealcast.workflow.manifest import (
    Beginning,
    RunManifest,
    StepRecord,
    code_version,
    digest,
    load_latest_steps,
    machine,
    new_run_id,
    save_latest_step,
)
from dealcast.workflow.memory import free_gb
from dealcast.workflow.plan import Plan, possible
from dealcast.workflow.steps import STEP_NAMES, Step, function_of
from dealcast.workflow.store import Store, open_store
from dealcast.workflow.workspace import Made, Workspace

logger = logging.getLogger(__name__)

# What a run reads without a record of this run: its manifest pins what it found.
READ_AS_THEY_STAND = ("corrections", "scores_issued", "forecasts_issued")
READ_OWN_FORMER = ("score", "forecast")


class Watcher(Protocol):
    """Is told how a run goes, to show it."""

    def started(self, step: Step) -> None:
        """A step begins."""
        ...

    def progressed(self, note: str, share: float) -> None:
        """A share (0-1) of the current step is done."""
        ...

    def finished(self, record: StepRecord) -> None:
        """A step ended, done or skipped."""
        ...


# Is given a run that has ended and its store, before the log is kept.
Closing = Callable[[RunManifest, Store], None]


@dataclass
class Run:
    """One run on a store: its steps, to be done in order by whoever drives it."""

    steps: Sequence[Step]
    manifest: RunManifest
    workspace: Workspace
    watcher: Watcher
    forced: str | None = None

    def do(self, step: Step) -> StepRecord:
        """Do a step, or skip it where nothing changed, and record it.

        Raises DealcastError where it fails; what earlier steps made stays, so that the same step
        may be done again.
        """
        record = _run_step(step, self.workspace, self.watcher, forced=step.name == self.forced)
        # Known only once it is kept: where that fails, the step is done again and told anew.
        save_latest_step(self.workspace.store, record)
        former = [s for s in self.manifest.steps if s.name != step.name]
        self.manifest.steps[:] = [*former, record]
        self.manifest.save(self.workspace.store)
        self.workspace.records[step.name] = record
        return record


def run_steps(  # noqa: PLR0913 - as open_run
    loaded: LoadedSettings,
    plan: Plan,
    watcher: Watcher,
    *,
    quiet: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    closing: Closing | None = None,
) -> RunManifest:
    """Run the planned steps in this process, one after another; returns the finished manifest."""
    with open_run(loaded, plan, watcher, quiet=quiet, now=now, closing=closing) as run:
        for step in run.steps:
            run.do(step)
    return run.manifest


@contextmanager
def open_run(  # noqa: PLR0913 - three say what to run, three are for whoever runs it
    loaded: LoadedSettings,
    plan: Plan,
    watcher: Watcher,
    *,
    quiet: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    closing: Closing | None = None,
) -> Iterator[Run]:
    """A run on the store of the settings, for whoever does its steps; recorded when it ends.

    `closing` is called then, however it ended, such as to draw its report.
    A step that fails leaves a manifest that says so, and its DealcastError goes on to the caller.
    Nothing at all is written before the first step has succeeded in reading its input.
    """
    settings = loaded.settings
    plan.steps()  # a wrong name is told before the store is asked
    store = open_store(settings.storage)
    records = load_latest_steps(store)
    steps = possible(plan.steps(records), settings.engine.name)
    _refuse_other_source(loaded, records, steps)
    run_id = new_run_id(now())
    manifest = RunManifest(
        run_id=run_id,
        environment=loaded.environment,
        settings=settings.model_dump(mode="json"),
        code=code_version(),
        started=now().isoformat(timespec="seconds"),
    )
    tracker = open_tracker(settings.tracking, store, run_id)
    registry = open_registry(settings.tracking, store)
    ws = Workspace(store, settings, run_id, tracker, registry, records, watcher.progressed)
    with logged_run(run_id, settings.logging, quiet=quiet) as log:
        logger.info("store %s (%s)", store.root, store.location.why)
        try:
            tracker.start(datetime.fromisoformat(manifest.started))
            registry.refresh()
            manifest.began = _beginning(ws)
            yield Run(steps, manifest, ws, watcher, plan.start if plan.again else None)
            manifest.status = "done"
            tracker.log([Param("environment", loaded.environment)])
        except DealcastError as error:
            manifest.status, manifest.error = "failed", error.problem
            logger.error("%s", error.problem, extra={"kept_only": True})
            raise
        except KeyboardInterrupt:
            manifest.status, manifest.error = "interrupted", "interrupted"
            raise
        except BaseException as error:
            manifest.status, manifest.error = "failed", f"unexpected {type(error).__name__}"
            logger.exception("unexpected")
            raise
        finally:
            # Where the store failed in a step, or another thing did, that error is the one to tell.
            with suppress(StoreError) if manifest.status != "done" else nullcontext():
                _close(manifest, ws, log, now(), closing)


def _beginning(ws: Workspace) -> Beginning:
    champion = ws.registry.champion()
    return Beginning(
        records=[ws.records[name] for name in READ_OWN_FORMER if name in ws.records],
        tables={t: ws.store.version(t) for t in READ_AS_THEY_STAND if ws.store.has(t)},
        champion=asdict(champion) if champion else None,
        machine=machine(),
    )


def _close(
    manifest: RunManifest, ws: Workspace, log: StringIO, ended: datetime, closing: Closing | None
) -> None:
    """Record how the run ended, in the store and then by its tracker."""
    manifest.finished = ended.isoformat(timespec="seconds")
    taken = {record.name for record in manifest.steps}
    manifest.earlier = [r for name, r in ws.records.items() if name not in taken]
    is_recorded = bool(manifest.steps or load_latest_steps(ws.store))

    def keep_log() -> None:
        if is_recorded:
            ws.store.put_object(f"runs/{ws.run_id}/run.log", log.getvalue().encode())

    if is_recorded:
        manifest.save(ws.store)
        if closing is not None:
            closing(manifest, ws.store)
    keep_log()
    ws.tracker.finish(manifest.status, ended, manifest.error)
    if ws.settings.tracking.kind != "local":
        keep_log()  # with what the tracker had to say


def _run_step(step: Step, ws: Workspace, watcher: Watcher, *, forced: bool) -> StepRecord:
    _refuse_outdated_needs(step, ws)
    fingerprint = _fingerprint(step, ws)
    watcher.started(step)
    former = ws.records.get(step.name)
    if not forced and former is not None and _unchanged(step, former, fingerprint, ws):
        record = replace(former, skipped=True, seconds=0.0)
        watcher.finished(record)
        return record
    with logged_step(step.name):
        began = time.perf_counter()
        made = _made(step, ws)
        seconds = round(time.perf_counter() - began, 3)
    record = StepRecord(
        name=step.name,
        run_id=ws.run_id,
        fingerprint=fingerprint,
        made_from=made_from(step, ws.record),
        seconds=seconds,
        tables=made.tables,
        objects=made.objects,
        figures=made.figures,
    )
    watcher.finished(record)
    return record


def _made(step: Step, ws: Workspace) -> Made:
    try:
        return function_of(step, ws.settings.engine)(ws)
    except MemoryError as error:
        raise OutOfMemoryError(
            f"The memory was not enough for step '{step.name}': "
            f"{free_gb():.1f} GB are free now ({str(error) or 'no more could be had'}).",
            remedy="set engine.memory_gb to less, end other programs or take a larger machine; "
            f"`dealcast run --root {ws.store.root}` then goes on with this step",
        ) from error


def _fingerprint(step: Step, ws: Workspace) -> str:
    """What the step's outcome depends on: code, settings, watched tables, what it is made from."""
    return digest(
        {
            "step": step.name,
            **({"engine": "spark"} if ws.settings.engine.name == "spark" else {}),
            "code": {k: v for k, v in code_version().items() if k != "commit"},
            "settings": {s: getattr(ws.settings, s).model_dump(mode="json") for s in step.sections},
            "watches": {t: ws.store.version(t) for t in step.watches if ws.store.has(t)},
            "champion": asdict(c) if step.asks_registry and (c := ws.registry.champion()) else None,
            "made_from": made_from(step, ws.record),
        }
    )


def _refuse_outdated_needs(step: Step, ws: Workspace) -> None:
    """No step may mix what was made from different versions of the same tables."""
    if name := outdated(step.needs, ws.record):
        raise StoreError(
            f"What '{name}' made is older than what it was made from: "
            f"'{step.name}' would mix versions.",
            remedy=f"`dealcast run --from {name} --root {ws.store.root}`",
        )


def _unchanged(step: Step, former: StepRecord, fingerprint: str, ws: Workspace) -> bool:
    # The source itself may have changed, and only fetching tells; the raw hash then stays the same.
    if step.name == STEP_NAMES[0] or not ws.settings.orchestration.skip_unchanged:
        return False
    return (
        former.fingerprint == fingerprint
        and all(ws.store.has(t) for t in former.tables)
        and all(ws.store.has_object(key) for key in former.objects.values())
    )


def _refuse_other_source(
    loaded: LoadedSettings, records: Mapping[str, StepRecord], steps: Sequence[Step]
) -> None:
    """A default source must not replace an export that somebody chose."""
    if steps[0].name != STEP_NAMES[0] or "ingest" not in records:
        return
    kept = records["ingest"].figures.get("source_kind")
    if "source.kind" not in loaded.origins and kept not in (None, loaded.settings.source.kind):
        raise StoreError(
            f"The store '{loaded.settings.storage.root}' holds an export from '{kept}', and no "
            f"source was chosen: the default '{loaded.settings.source.kind}' would replace it.",
            remedy=f"--source {kept} to fetch it again, --from validate to go on with what is "
            "there, or another --root",
        )
