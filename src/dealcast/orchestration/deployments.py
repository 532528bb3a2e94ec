"""Deployments: the jobs on their schedules, on a process work pool."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from dealcast.errors import ServiceError, SettingsError
from dealcast.orchestration.automations import automations, ensure
from dealcast.orchestration.connection import client_of
from dealcast.orchestration.deployed import crons_of, deployment_of
from dealcast.orchestration.flow import ENTRYPOINT, FLOW, scheduled
from dealcast.orchestration.heartbeats import heartbeat_seconds
from dealcast.orchestration.versions import Say
from dealcast.settings import LoadedSettings, OrchestrationSettings
from dealcast.workflow.steps import JOBS

JOB_TAG = "dealcast-job"
# Two jobs at once on one store would contend for its tables; a pool is for one store.
JOBS_AT_ONCE = 1


@dataclass(frozen=True)
class Change:
    """What `deploy` did to one thing on the server: created, updated or unchanged."""

    kind: str
    name: str
    outcome: str
    note: str = ""


@dataclass(frozen=True)
class Place:
    """Where a job is to run and what it is to read: its folder, and the settings of the call."""

    workdir: Path
    config_dir: Path | None
    overrides: Mapping[str, object]


def deploy(loaded: LoadedSettings, place: Place, say: Say = lambda _text: None) -> list[Change]:
    """Make the work pool, a deployment per job, and the automations; or bring them up to date.

    Raises SettingsError for a cron that is none, ServiceError where the server cannot be used.
    """
    settings = loaded.settings.orchestration
    schedules = {job: schedule(settings, job) for job in JOBS}
    with client_of(settings, say) as client:
        changes = [_ensure_pool(client, settings.work_pool)]
        flow_id = client.create_flow_from_name(FLOW)
        for job, cron in schedules.items():
            fields = _fields(loaded, place, job)
            changes.append(_ensure_deployment(client, flow_id, job, fields, cron))
        dead = settings.dead_after_seconds
        changes += [
            Change("automation", wanted.name, ensure(client, wanted))
            for wanted in automations(flow=FLOW, job_tag=JOB_TAG, dead_after_seconds=dead)
        ]
    return changes


def schedule(settings: OrchestrationSettings, job: str) -> CronSchedule | None:
    """When the job is to run; None: only when asked. Raises SettingsError for a wrong cron."""
    key = f"{job}_cron"
    cron = getattr(settings, key)
    if cron is None:
        return None
    try:
        return CronSchedule(cron=cron, timezone=settings.time_zone)
    except ValueError:
        raise SettingsError(
            f"Setting 'orchestration.{key}' is no cron schedule: '{cron}'.",
            remedy="give minute, hour, day, month and weekday, such as '0 6 * * *'; null: never",
        ) from None


def _ensure_pool(client: SyncPrefectClient, name: str) -> Change:
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(
                name=name,
                type=ProcessWorker.type,
                description="Jobs of Dealcast, one at a time.",
                base_job_template=ProcessWorker.get_default_base_job_template(),
                concurrency_limit=JOBS_AT_ONCE,
            )
        )
        return Change("work pool", name, "created")
    if pool.type != ProcessWorker.type:
        raise ServiceError(
            f"The work pool '{name}' is of type '{pool.type}', and jobs need a process pool.",
            remedy="name another one: --set orchestration.work_pool=NAME",
        )
    if pool.concurrency_limit == JOBS_AT_ONCE:
        return Change("work pool", name, "unchanged")
    client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=JOBS_AT_ONCE))
    return Change("work pool", name, "updated")


def _fields(loaded: LoadedSettings, place: Place, job: str) -> dict[str, Any]:
    settings = loaded.settings.orchestration
    config_dir = str(place.config_dir.resolve()) if place.config_dir else None
    return {
        "version": version("dealcast"),
        "description": f"Steps: {', '.join(JOBS[job])}.",
        "entrypoint": ENTRYPOINT,
        "work_pool_name": settings.work_pool,
        "tags": sorted([JOB_TAG, loaded.environment]),
        "parameters": {
            "job": job,
            "environment": loaded.environment,
            "config_dir": config_dir,
            "overrides": dict(place.overrides),
        },
        "job_variables": {
            "working_dir": str(place.workdir.resolve()),
            "env": {
                "DO_NOT_TRACK": "1",
                "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
                "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
                "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(heartbeat_seconds(settings)),
            },
        },
    }


def _ensure_deployment(
    client: SyncPrefectClient,
    flow_id: Any,
    job: str,
    fields: Mapping[str, Any],
    cron: CronSchedule | None,
) -> Change:
    name = f"{FLOW}/{job}"
    former = deployment_of(client, job)
    if former is not None and _is_as(former, fields, cron):
        return Change("deployment", name, "unchanged", _when(cron))
    client.create_deployment(
        flow_id,
        job,
        schedules=[DeploymentScheduleCreate(schedule=cron, slug="settings")] if cron else [],
        parameter_openapi_schema=parameter_schema(scheduled).model_dump_for_openapi(),
        enforce_parameter_schema=True,
        paused=former.paused if former else False,
        **fields,
    )
    if former is None:
        return Change("deployment", name, "created", _when(cron))
    was = former.parameters.get("environment")
    took = f"; was of {was}" if was != fields["parameters"]["environment"] else ""
    return Change("deployment", name, "updated", _when(cron) + took)


def _is_as(
    former: DeploymentResponse, fields: Mapping[str, Any], cron: CronSchedule | None
) -> bool:
    same = all(getattr(former, name) == value for name, value in fields.items() if name != "tags")
    return same and sorted(former.tags) == fields["tags"] and crons_of(former) == _of(cron)


def _of(cron: CronSchedule | None) -> list[tuple[str, str | None]]:
    return [(cron.cron, cron.timezone)] if cron else []


def _when(cron: CronSchedule | None) -> str:
    return f"{cron.cron} ({cron.timezone})" if cron else "no schedule"
