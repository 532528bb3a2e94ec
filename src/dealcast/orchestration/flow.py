"""STEPS as a Prefect flow: a task per step, done again where its failure may pass."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import Task, flow, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import APILogHandler
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Crashed, Failed
from prefect.task_engine import TaskRunTimeoutError

from dealcast.errors import DealcastError, ServiceAwayError, ServiceError
from dealcast.hiding import hidden
from dealcast.orchestration.artifacts import ARTIFACTS, LINKS, links
from dealcast.orchestration.connection import connected
from dealcast.orchestration.heartbeats import MOST_STARTS
from dealcast.orchestration.versions import Say, reach
from dealcast.settings import LoadedSettings, OrchestrationSettings, load_settings
from dealcast.surfaces.report import keep_report
from dealcast.workflow.manifest import RunManifest, StepRecord
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import Run, Watcher, open_run
from dealcast.workflow.steps import Step

FLOW = "dealcast"
ENTRYPOINT = "dealcast.orchestration.flow.scheduled"
SERVER_FAILS = (httpx.HTTPError, PrefectException)
logger = logging.getLogger(__name__)


class _Hiding(logging.Formatter):
    """What Prefect is told of a log line."""

    def format(self, record: logging.LogRecord) -> str:
        return hidden(super().format(record))


class Unwatched:
    """Shows nothing: a worker's flow is watched in Prefect."""

    def started(self, step: Step) -> None:
        """A step begins."""

    def progressed(self, note: str, share: float) -> None:
        """A share (0-1) of the current step is done."""

    def finished(self, record: StepRecord) -> None:
        """A step ended, done or skipped."""


def run_here(
    loaded: LoadedSettings, plan: Plan, watcher: Watcher, say: Say = lambda _text: None
) -> RunManifest:
    """Run the plan in this process as a flow run on the server of the settings.

    Raises ServiceError where that server cannot be used, before any work, and what a step raises.
    """
    plan.steps()  # a wrong name is told before the server is asked
    settings = loaded.settings.orchestration
    server = reach(settings, say)
    done: list[RunManifest] = []
    failed: list[DealcastError] = []

    @flow(name=FLOW, persist_result=False, validate_parameters=False)
    def here(environment: str, job: str | None, start: str | None, stop: str | None) -> State[Any]:  # noqa: ARG001 - shown in Prefect
        try:
            done.append(_run(loaded, plan, watcher))
        except DealcastError as error:
            failed.append(error)
            return _failed(error)
        return _completed(done)

    with connected(settings, server.api_url), _console_kept():
        try:
            state = here(loaded.environment, plan.job, plan.start, plan.stop, return_state=True)
            APILogHandler().flush()
            if not (done or failed):
                state.result()  # raises what else went wrong
        except SERVER_FAILS as error:
            if not (done or failed):
                raise _broken_off(error) from error
            say(f"{_broken_off(error).problem} The run has ended all the same.")
    if failed:
        raise failed[0]
    return done[0]


@flow(name=FLOW, persist_result=False, flow_run_name="{job}")
def scheduled(
    job: str,
    environment: str,
    config_dir: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> State[Any]:
    """A job of a deployment, in a worker's process; the settings are read there.

    The monitor job goes on to train where drift asks for it (monitoring.retrain_on).
    """
    done: list[RunManifest] = []
    try:
        _close_tasks_of_former_starts()
        _refuse_endless_starts()
        folder = Path(config_dir) if config_dir else None
        # The kind of source decides which other keys there are; a server may reorder them.
        flags = dict(sorted((overrides or {}).items(), key=lambda kv: kv[0] != "source.kind"))
        loaded = load_settings(env=environment, config_dir=folder, flags=flags)
        settings = loaded.settings.orchestration
        reach(settings.model_copy(update={"api_url": PREFECT_API_URL.value()}))
        done.append(_run(loaded, Plan(job=job), Unwatched()))
        if job == "monitor" and (reason := done[0].figures.get("retrain_reason")):
            logger.info("training anew: %s", reason)
            done.append(_run(loaded, Plan(job="train"), Unwatched()))
    except DealcastError as error:
        return _failed(error)
    return _completed(done)


def _run(loaded: LoadedSettings, plan: Plan, watcher: Watcher) -> RunManifest:
    settings = loaded.settings.orchestration
    with _logged_in_prefect():
        with open_run(loaded, plan, watcher, closing=keep_report) as run:
            try:
                _name_flow_run(f"{plan.job or 'run'} · {run.manifest.run_id}", loaded.environment)
                for step in run.steps:
                    _do(step, run, settings)
            except SERVER_FAILS as error:
                raise _broken_off(error) from error
        _publish(LINKS, "Where the run's records lie", links, run.manifest, run.workspace.store)
    return run.manifest


def _do(step: Step, run: Run, settings: OrchestrationSettings) -> None:
    try:
        step_task(step, run, settings)()
    except TaskRunTimeoutError:
        raise DealcastError(
            f"The step '{step.name}' took longer than {settings.step_timeout_seconds} s.",
            remedy="raise orchestration.step_timeout_seconds, and run again: steps that are done "
            "are skipped",
        ) from None


def step_task(step: Step, run: Run, settings: OrchestrationSettings) -> Task[[], State[Any]]:
    """A step as a task; its state is "Cached" where nothing it depends on has changed."""

    @task(
        name=step.name,
        task_run_name=step.name,
        description=step.about,
        retries=settings.attempts - 1,
        retry_delay_seconds=_waits(settings),
        retry_condition_fn=_may_pass,
        timeout_seconds=settings.step_timeout_seconds,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def do() -> State[Any]:
        record = run.do(step)
        if record.skipped:
            return Completed(name="Cached", message=f"unchanged since run {record.run_id}")
        for artifact in (a for a in ARTIFACTS if a.step == step.name):
            written, store = artifact.written, run.workspace.store
            _publish(artifact.key, artifact.about, written, record, store)
        return Completed(message=f"done in {record.seconds:.1f} s")

    return do


def _waits(settings: OrchestrationSettings) -> list[float] | None:
    """Seconds before each further try: doubled every time."""
    return [settings.retry_delay_seconds * 2**n for n in range(settings.attempts - 1)] or None


def _may_pass(_task: object, _run: object, state: State[Any]) -> bool:
    error = state.data
    return isinstance(error, DealcastError) and error.may_pass


def _publish(key: str, about: str, written: Callable[..., str], *of: object) -> None:
    """Show a page in Prefect. That it cannot be shown is no reason to fail, or redo, the step."""
    try:
        create_markdown_artifact(written(*of), key=key, description=about)
    except (*SERVER_FAILS, DealcastError, LookupError, TypeError, ValueError) as error:
        logger.warning("the artifact '%s' was not made: %s", key, error)


def _name_flow_run(name: str, environment: str) -> None:
    with get_client(sync_client=True) as client:
        this = client.read_flow_run(UUID(runtime.flow_run.get_id()))
        client.update_flow_run(this.id, name=name, tags=sorted({*this.tags, environment}))


def _close_tasks_of_former_starts() -> None:
    """A worker that died could not say how its last task ended."""
    if runtime.flow_run.get_run_count() == 1:
        return
    this = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(runtime.flow_run.get_id())]))
    with get_client(sync_client=True) as client:
        for left in client.read_task_runs(flow_run_filter=this):
            if left.state is not None and not left.state.is_final():
                state: State[Any] = Crashed(message="the worker died in the midst of it")
                client.set_task_run_state(left.id, state, force=True)


def _refuse_endless_starts() -> None:
    if (starts := runtime.flow_run.get_run_count()) > MOST_STARTS:
        raise DealcastError(
            f"This job died {MOST_STARTS} times, and is not picked up again.",
            remedy="see the worker's log and the machine's memory; then `dealcast run --job JOB`, "
            f"or a new flow run ({starts - 1} starts so far)",
        )


def _completed(done: list[RunManifest]) -> State[Any]:
    steps = [s for manifest in done for s in manifest.steps]
    skipped = sum(s.skipped for s in steps)
    runs = ", ".join(manifest.run_id for manifest in done)
    return Completed(message=f"{len(steps) - skipped} steps done, {skipped} unchanged; run {runs}")


def _failed(error: DealcastError) -> State[Any]:
    return Failed(message=f"{error.problem} Try: {error.remedy}")


def _broken_off(error: Exception) -> ServiceError:
    if not isinstance(error, httpx.TransportError):
        return ServiceError(
            f"The Prefect server refused a request in mid-run: {type(error).__name__}.",
            remedy="see its log, whether the key may do this, and whether the run was cancelled; "
            "steps that are done are skipped when it runs again",
        )
    return ServiceAwayError(
        f"The Prefect server went away in mid-run: {type(error).__name__}.",
        remedy="start it and run again: steps that are done are skipped; or "
        "--set orchestration.kind=local",
    )


@contextmanager
def _console_kept() -> Iterator[None]:
    """Keep Prefect's own lines off the terminal; its server has them."""
    setup_logging()
    prefect = logging.getLogger("prefect")
    before, prefect.propagate = prefect.propagate, False
    try:
        yield
    finally:
        prefect.propagate = before


@contextmanager
def _logged_in_prefect() -> Iterator[None]:
    """Send Dealcast's log lines to Prefect too; standard error gets them once, as ever."""
    ours, handler = logging.getLogger("dealcast"), APILogHandler()
    handler.setFormatter(_Hiding())
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)
