"""How the deployments do: workers, schedules, next and last runs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from dealcast.orchestration.connection import client_of
from dealcast.orchestration.flow import FLOW
from dealcast.orchestration.versions import Say, api_url
from dealcast.settings import LoadedSettings
from dealcast.workflow.steps import JOBS


@dataclass(frozen=True)
class DeploymentStatus:
    """One job on the server: its schedule, the next run, and how the last one went."""

    name: str
    state: str
    environment: str | None = None
    schedule: str = ""
    next_run: datetime | None = None
    last_run: str | None = None
    last_state: str | None = None
    last_message: str | None = None
    last_started: datetime | None = None


def status(loaded: LoadedSettings, say: Say = lambda _text: None) -> dict[str, Any]:
    """The pool with its workers, and each deployment's schedule, next and last run."""
    settings = loaded.settings.orchestration
    with client_of(settings, say) as client:
        return {
            "server": api_url(settings),
            "pool": _pool_status(client, settings.work_pool),
            "deployments": [_deployment_status(client, job) for job in JOBS],
        }


def deployment_of(client: SyncPrefectClient, job: str) -> DeploymentResponse | None:
    """The deployment of a job, where there is one."""
    try:
        return client.read_deployment_by_name(f"{FLOW}/{job}")
    except ObjectNotFound:
        return None


def crons_of(deployment: DeploymentResponse) -> list[tuple[str, str | None]]:
    """Its cron schedules, with their time zones."""
    return [
        (s.schedule.cron, s.schedule.timezone)
        for s in deployment.schedules
        if isinstance(s.schedule, CronSchedule)
    ]


def _pool_status(client: SyncPrefectClient, name: str) -> dict[str, Any]:
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        return {"name": name, "state": "missing", "workers": []}
    workers = client.read_workers_for_work_pool(name)
    online = [w.name for w in workers if w.status == WorkerStatus.ONLINE]
    return {"name": name, "state": "paused" if pool.is_paused else "ready", "workers": online}


def _deployment_status(client: SyncPrefectClient, job: str) -> dict[str, Any]:
    found = deployment_of(client, job)
    if found is None:
        return asdict(DeploymentStatus(f"{FLOW}/{job}", "missing"))
    coming = _runs(client, found, [StateType.SCHEDULED], FlowRunSort.EXPECTED_START_TIME_ASC)
    others = [t for t in StateType if t is not StateType.SCHEDULED]
    past = _runs(client, found, others, FlowRunSort.START_TIME_DESC)
    last = past[0] if past else None
    crons = [f"{cron} ({zone})" for cron, zone in crons_of(found)]
    return asdict(
        DeploymentStatus(
            f"{FLOW}/{job}",
            "paused" if found.paused else "ready",
            environment=found.parameters.get("environment"),
            schedule=", ".join(crons) or "none",
            next_run=coming[0].expected_start_time if coming else None,
            last_run=last.name if last else None,
            last_state=last.state_name if last else None,
            last_message=last.state.message if last and last.state else None,
            last_started=last.start_time if last else None,
        )
    )


def _runs(
    client: SyncPrefectClient, deployment: Any, states: Sequence[StateType], sort: FlowRunSort
) -> list[Any]:
    of_type = FlowRunFilterStateType(any_=list(states))
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=of_type)),
        sort=sort,
        limit=1,
    )
