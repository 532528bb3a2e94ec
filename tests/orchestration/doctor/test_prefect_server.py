import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from dealcast.errors import DealcastError
from dealcast.orchestration.deployments import Place, deploy
from dealcast.orchestration.doctor import Finding, Outcome, Setup
from dealcast.orchestration.doctor.prefect_server import prefect, schedules
from dealcast.orchestration.doctor.spec import refused
from dealcast.settings import LoadedSettings
from servers.answers import Answers, answering, silent
from servers.ports import deaf_port, wait_until
from servers.prefect import PrefectServer, prefect_server_in, worker

SetupWith = Callable[..., Setup]
HEALTHY: Answers = {"/api/health": (200, "true")}
OURS: Answers = {**HEALTHY, "/api/admin/version": (200, f'"{version("prefect")}"')}
ALL_JOBS = [{"name": name, "paused": False} for name in ("daily", "train", "monitor")]


def setup_at(setup_with: SetupWith, url: str | None, **more: object) -> Setup:
    flags = {"orchestration.kind": "prefect", "orchestration.api_url": url, **more}
    return setup_with(flags)


def told(setup: Setup) -> Finding:
    try:
        return prefect(setup)
    except DealcastError as error:
        return refused(error)


def pool(
    *, workers: list[dict[str, str]], deployments: list[dict[str, object]], **more: object
) -> Answers:
    """What a server answers that has the pool 'dealcast'."""
    return {
        **OURS,
        "/api/work_pools/dealcast": (200, json.dumps({"name": "dealcast", **more})),
        "/api/work_pools/dealcast/workers/filter": (200, json.dumps(workers)),
        "/api/deployments/filter": (200, json.dumps(deployments)),
    }


def test_a_real_server_is_told_with_both_versions(
    setup_with: SetupWith, prefect_server: PrefectServer
) -> None:
    finding = told(setup_at(setup_with, prefect_server.api_url))

    assert finding.outcome == Outcome.OK
    assert f"{prefect_server.api_url} is 3.9." in finding.found
    assert "the client 3.9." in finding.found


def test_a_server_of_another_version_is_told_with_what_to_install(setup_with: SetupWith) -> None:
    with answering({**HEALTHY, "/api/admin/version": (200, '"2.20.4"')}) as url:
        finding = told(setup_at(setup_with, f"{url}/api"))

    assert finding.outcome == Outcome.FAILED
    assert "has version 2.20.4, the client here has 3.9." in finding.found
    assert "uv pip install 'prefect==3.9." in finding.remedy


def test_of_a_server_of_another_version_nothing_more_is_asked(setup_with: SetupWith) -> None:
    with answering({**HEALTHY, "/api/admin/version": (200, '"2.20.4"')}) as url:
        finding = schedules(setup_at(setup_with, f"{url}/api"))

    assert finding.outcome == Outcome.NOT_APPLICABLE
    assert "see the line 'Prefect'" in finding.found


def test_something_else_that_answers_is_told(setup_with: SetupWith) -> None:
    with answering({"/": (200, "<html>")}) as url:
        finding = told(setup_at(setup_with, f"{url}/api"))

    assert finding.outcome == Outcome.FAILED
    assert "it is not the API of a Prefect server" in finding.found
    assert "orchestration.api_url" in finding.remedy


def test_a_server_that_is_away_is_told_without_waiting_for_it(setup_with: SetupWith) -> None:
    url = f"http://127.0.0.1:{deaf_port()}/api"
    setup = setup_at(setup_with, url, **{"orchestration.wait_for_server_seconds": 30})

    begun = time.monotonic()
    finding = told(setup)
    took = time.monotonic() - begun

    assert finding.outcome == Outcome.FAILED
    assert f"The Prefect server at {url} cannot be reached" in finding.found
    assert "dealcast stack up" in finding.remedy
    assert took < 3
    assert schedules(setup).outcome == Outcome.NOT_APPLICABLE


@pytest.mark.slow
def test_a_server_that_never_answers_is_told_in_time(setup_with: SetupWith) -> None:
    begun = time.monotonic()
    with silent() as port:
        finding = told(setup_at(setup_with, f"http://127.0.0.1:{port}/api"))
    took = time.monotonic() - begun

    assert finding.outcome == Outcome.FAILED
    assert "does not answer within" in finding.found
    assert took < 7


def test_no_server_is_named(setup_with: SetupWith, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    finding = told(setup_at(setup_with, None))

    assert finding.outcome == Outcome.FAILED
    assert "neither orchestration.api_url nor PREFECT_API_URL is set" in finding.found


def test_on_a_new_server_nothing_is_scheduled_yet(
    setup_with: SetupWith, prefect_server: PrefectServer
) -> None:
    more = {"orchestration.work_pool": "never-made"}

    finding = schedules(setup_at(setup_with, prefect_server.api_url, **more))

    assert finding.outcome == Outcome.WARNING
    assert finding.found == (
        "There is no work pool 'never-made' on the server: nothing runs by itself."
    )
    assert "dealcast deploy" in finding.remedy


@pytest.mark.parametrize(
    ("answers", "outcome", "words", "remedy"),
    [
        (
            pool(workers=[{"name": "w", "status": "ONLINE"}], deployments=ALL_JOBS),
            Outcome.OK,
            "Deployed: daily, monitor, train; workers online in the pool 'dealcast': 1.",
            "",
        ),
        (
            pool(workers=[{"name": "w", "status": "OFFLINE"}], deployments=ALL_JOBS),
            Outcome.FAILED,
            "no worker of the pool 'dealcast' is online",
            "prefect worker start --pool dealcast",
        ),
        (
            pool(workers=[{"name": "w", "status": "ONLINE"}], deployments=ALL_JOBS[1:]),
            Outcome.WARNING,
            "Not deployed: daily",
            "dealcast deploy",
        ),
        (
            pool(workers=[{"name": "w", "status": "ONLINE"}], deployments=ALL_JOBS, is_paused=True),
            Outcome.WARNING,
            "is paused",
            "prefect work-pool resume dealcast",
        ),
        (
            pool(
                workers=[{"name": "w", "status": "ONLINE"}],
                deployments=[{"name": "daily", "paused": True}, *ALL_JOBS[1:]],
            ),
            Outcome.WARNING,
            "Paused: daily",
            "Prefect's pages",
        ),
    ],
)
def test_what_is_scheduled_runs_only_with_a_worker(
    setup_with: SetupWith, answers: Answers, outcome: Outcome, words: str, remedy: str
) -> None:
    with answering(answers) as url:
        finding = schedules(setup_at(setup_with, f"{url}/api"))

    assert finding.outcome == outcome
    assert words in finding.found
    assert remedy in finding.remedy


def test_a_job_without_a_schedule_need_not_be_deployed(setup_with: SetupWith) -> None:
    yaml = "orchestration: {daily_cron: null, train_cron: null}"
    monitor = [{"name": "monitor", "paused": False}]
    with answering(pool(workers=[{"name": "w", "status": "ONLINE"}], deployments=monitor)) as url:
        flags = {"orchestration.kind": "prefect", "orchestration.api_url": f"{url}/api"}
        finding = schedules(setup_with(flags, yaml=yaml))

    assert finding.outcome == Outcome.OK


@pytest.mark.slow
def test_after_a_deploy_a_worker_is_missed_until_one_is_online(
    setup_with: SetupWith, tmp_path: Path
) -> None:
    with prefect_server_in(tmp_path / "prefect") as server:
        setup = setup_at(setup_with, server.api_url)
        assert isinstance(setup.loaded, LoadedSettings)
        deploy(setup.loaded, Place(tmp_path, None, {}))

        before = schedules(setup)
        with worker(server, "dealcast", tmp_path / "worker"):
            wait_until(
                lambda: schedules(setup).outcome == Outcome.OK, seconds=60, what="the worker"
            )

    assert before.outcome == Outcome.FAILED
    assert "Deployed: daily, monitor, train; but no worker" in before.found
