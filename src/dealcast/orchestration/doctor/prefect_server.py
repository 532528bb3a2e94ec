"""Can Prefect be used, and will what is scheduled be run? Asked without loading Prefect."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from dealcast.errors import MissingExtraError, ServiceError
from dealcast.orchestration.doctor.spec import Finding, Setup, failed, not_applicable, ok, warning
from dealcast.orchestration.versions import PREFECT, ask, installed_versions, reach
from dealcast.settings import OrchestrationSettings

AT_ONCE = {"wait_for_server_seconds": 0}
CRON = "_cron"


def prefect(setup: Setup) -> Finding:
    """Whether the server answers at once, and its version and ours are tested together."""
    installed = installed_versions()
    chosen = setup.settings.orchestration.model_copy(update=AT_ONCE)
    server = reach(chosen, installed=installed)
    return ok(
        f"The Prefect server at {server.api_url} is {server.version}, the client "
        f"{installed[PREFECT.package]}."
    )


def schedules(setup: Setup) -> Finding:
    """Whether each job with a schedule is deployed, and a worker is online to run it."""
    settings = setup.settings.orchestration
    wanted = [f.removesuffix(CRON) for f in type(settings).model_fields if f.endswith(CRON)]
    wanted = [job for job in wanted if getattr(settings, job + CRON) is not None]
    try:
        url = reach(settings.model_copy(update=AT_ONCE)).api_url
        pool = _answer(url, f"/work_pools/{quote(settings.work_pool)}", settings)
        if pool is None:
            return _not_deployed(f"There is no work pool '{settings.work_pool}' on the server")
        workers = _answer(
            url, f"/work_pools/{quote(settings.work_pool)}/workers/filter", settings, {}
        )
        of_pool = {"work_pools": {"name": {"any_": [settings.work_pool]}}}
        deployments = _answer(url, "/deployments/filter", settings, of_pool)
    except (MissingExtraError, ServiceError):
        return not_applicable("The server cannot be asked: see the line 'Prefect'.")
    deployed = [d["name"] for d in deployments]
    if missing := [job for job in wanted if job not in deployed]:
        return _not_deployed(f"Not deployed: {', '.join(missing)}")
    return _judged(settings, pool, workers, deployments)


def _judged(
    settings: OrchestrationSettings,
    pool: dict[str, Any],
    workers: list[dict[str, Any]],
    deployments: list[dict[str, Any]],
) -> Finding:
    name = settings.work_pool
    online = [w["name"] for w in workers if w["status"] == "ONLINE"]
    paused = [d["name"] for d in deployments if d.get("paused")]
    jobs = ", ".join(sorted(d["name"] for d in deployments)) or "none"
    if not online:
        return failed(
            f"Deployed: {jobs}; but no worker of the pool '{name}' is online, so nothing is run.",
            f"prefect worker start --pool {name} --type process (`dealcast stack up` runs one)",
        )
    if pool.get("is_paused"):
        return warning(
            f"The work pool '{name}' is paused: what is due waits.",
            f"prefect work-pool resume {name}",
        )
    if paused:
        return warning(
            f"Paused: {', '.join(paused)}; deployed: {jobs}.",
            "switch them on in Prefect's pages where that was not meant",
        )
    return ok(f"Deployed: {jobs}; workers online in the pool '{name}': {len(online)}.")


def _not_deployed(why: str) -> Finding:
    return warning(
        f"{why}: nothing runs by itself.", "`dealcast deploy` makes the pool and the schedules"
    )


def _answer(url: str, path: str, settings: OrchestrationSettings, content: object = None) -> Any:
    """The content of an answer; None where the server has no such thing."""
    answer = ask(url, path, settings, content)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    try:
        if answer.is_success:
            return answer.json()
    except ValueError:
        pass
    raise ServiceError(
        f"The Prefect server at {url} answers {answer.status_code} for {path}.",
        remedy="see the server's log",
    )
