"""Start the stack: what is not running is started, stage by stage, until all of it is ready."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dealcast.errors import ServiceError
from dealcast.orchestration.stack import postgres, seaweedfs
from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.preparing import (
    end_orphans,
    prepare,
    refuse_other_ports,
    refuse_unusable,
    setup_of,
)
from dealcast.orchestration.stack.services import STAGES, Service, Setup
from dealcast.orchestration.stack.stopping import stop_all
from dealcast.orchestration.stack.supervising import ProcessState, Supervisor
from dealcast.settings import Settings

LOG_LINES = 15
STORES_SECONDS = 60
POLL_SECONDS = 0.25
GIVEN_UP = ("FATAL", "UNKNOWN")
STARTS = 4


@dataclass(frozen=True)
class Started:
    """What `up` did: the services it started, processes of a lost stack that it ended first."""

    services: tuple[str, ...]
    orphans: int
    note: str


# Told of each service when it is waited for, and again with the seconds when it is ready.
Watcher = Callable[[str, float | None], None]


def up(
    settings: Settings,
    watcher: Watcher,
    *,
    environment: str = "staging",
    config_dir: Path | None = None,
) -> Started:
    """Start what is not running and wait until all is ready; data of former starts are kept.

    `environment` and `config_dir` are those of the worker's runs. Raises SettingsError;
    MissingExtraError; ServiceError, and then stops what it started.
    """
    refuse_unusable(settings)
    layout = Layout.of(settings.stack.folder)
    user = postgres.postgres_user(settings.stack.postgres_user)
    layout.make()
    postgres.refuse_unreachable(layout, user)
    with layout.locked():
        supervisor = Supervisor(layout)
        running = supervisor.answers()
        orphans = 0
        if running:
            refuse_other_ports(layout, settings.stack)
        else:
            orphans = end_orphans(layout)
        setup = replace(
            setup_of(settings, layout, user, running=running),
            environment=environment,
            config_dir=config_dir.resolve() if config_dir else None,
        )
        if not running:
            prepare(setup)
        try:
            if not running:
                supervisor.start()
            started = tuple(_start_in_stages(supervisor, setup, watcher))
        except BaseException:
            if not running:
                stop_all(layout)
            raise
    return Started(started, orphans, _note(setup))


def _note(setup: Setup) -> str:
    if setup.programs is None or setup.programs.trigrams:
        return ""
    return (
        "Prefect's own records are in SQLite: this PostgreSQL "
        f"({setup.programs.version}, {setup.programs.folder}) lacks the extension pg_trgm."
    )


def _start_in_stages(supervisor: Supervisor, setup: Setup, watcher: Watcher) -> Iterator[str]:
    for number, stage in enumerate(STAGES):
        states = supervisor.states()
        idle = [s for s in stage if states[s.name].state not in ("RUNNING", "STARTING")]
        for service in idle:
            supervisor.start_service(service)
        for service in stage:
            watcher(service.name, None)
        for service, seconds in _until_ready(supervisor, setup, stage):
            watcher(service.name, seconds)
        if number == 0:
            _make_stores(setup)
        yield from (s.name for s in idle)


def _until_ready(
    supervisor: Supervisor, setup: Setup, stage: Sequence[Service]
) -> Iterator[tuple[Service, float]]:
    began, waiting = time.monotonic(), list(stage)
    starts: dict[str, set[float]] = {service.name: set() for service in stage}
    while waiting:
        states = supervisor.states()
        for service in tuple(waiting):
            state = states[service.name]
            missing, seconds = _missing(service, setup, state), time.monotonic() - began
            starts[service.name].add(state.started)
            # One that crashes a while after its start is started again and again.
            hopeless = state.state in GIVEN_UP or len(starts[service.name]) > STARTS
            if missing is None:
                waiting.remove(service)
                yield service, seconds
            elif hopeless or seconds > service.ready_seconds:
                raise _not_ready(service, setup.layout, missing, seconds)
        time.sleep(POLL_SECONDS)


def _missing(service: Service, setup: Setup, state: ProcessState) -> str | None:
    if state.state != "RUNNING":
        return f"{state.state.lower()} {state.error}".strip()
    return service.ready(setup, state.started)


def _not_ready(service: Service, layout: Layout, missing: str, seconds: float) -> ServiceError:
    log = layout.log(service.name)
    return ServiceError(
        f"{service.title} is not ready after {seconds:.0f} s: {missing}.\n"
        f"The last lines of its log:\n{last_lines(log)}",
        remedy=f"mend what {log} says, then dealcast stack up",
    )


def last_lines(log: Path, lines: int = LOG_LINES) -> str:
    """The end of a log, indented."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "  (there is no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (it is empty)"


def _make_stores(setup: Setup) -> None:
    """Databases and buckets, as soon as their servers let them be made."""
    from botocore.exceptions import BotoCoreError, ClientError

    stack = setup.settings.stack
    postgres.make_databases(stack.postgres_port, setup.credentials)
    until = time.monotonic() + STORES_SECONDS
    while True:
        try:
            seaweedfs.make_buckets(stack.s3_port, setup.credentials)
        except (BotoCoreError, ClientError) as error:
            # The gateway answers a little before there is a volume to write to.
            if time.monotonic() > until:
                raise ServiceError(
                    f"SeaweedFS takes no objects after {STORES_SECONDS} s: {error}.\n"
                    f"The last lines of its log:\n{last_lines(setup.layout.log('seaweedfs'))}",
                    remedy="mend what its log says (is the disk full?), then dealcast stack up",
                ) from error
            time.sleep(1)
        else:
            return
