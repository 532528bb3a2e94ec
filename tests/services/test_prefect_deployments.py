"""Jobs on a real Prefect server: deployed, run by a real worker, picked up where it died."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dealcast.cli import cli
from dealcast.errors import ServiceError, SettingsError
from dealcast.workflow.manifest import load_latest_steps
from dealcast.workflow.plan import Plan
from dealcast.workflow.store import Store, open_store
from servers.ports import wait_until
from servers.prefect import PrefectServer, Seen, lose_power, worker

AUTOMATIONS = {"dealcast: no sign of life", "dealcast: pick up", "dealcast: never began"}
CRONS = ("DAILY", "TRAIN", "MONITOR")
ENDED = ("COMPLETED", "FAILED")

Deploy = Callable[..., Result]


@pytest.fixture
def pool(request: pytest.FixtureRequest) -> str:
    """A work pool of this test's own, so that no other test's worker takes its jobs."""
    return f"pool-of-{request.node.name}"[:60]


@pytest.fixture
def deploy(
    tmp_path: Path, prefect_server: PrefectServer, pool: str, monkeypatch: pytest.MonkeyPatch
) -> Deploy:
    """`dealcast deploy MORE` for a small sample and a store in tmp_path, without schedules."""
    monkeypatch.chdir(tmp_path)
    for name in ("DEALCAST_ENV", "DEALCAST_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    for job in CRONS:
        monkeypatch.setenv(f"DEALCAST__ORCHESTRATION__{job}_CRON", "null")

    def called(*more: str, **orchestration: object) -> Result:
        settings = {
            "api_url": prefect_server.api_url,
            "work_pool": pool,
            "dead_after_seconds": 40,
            **orchestration,
        }
        sets = [f"--set=orchestration.{name}={value}" for name, value in settings.items()]
        sample = ["--source=sample", "--set=source.opportunities=1500"]
        place = ["--root", str(tmp_path / "store")]
        return CliRunner().invoke(cli, ["deploy", *sets, *sample, *place, *more])

    return called


def outcomes(result: Result) -> dict[str, str]:
    assert result.exception is None, result.output
    return {c["name"]: c["outcome"] for c in json.loads(result.stdout)["changes"]}


def started(seen: Seen, job: str) -> dict[str, Any]:
    """A flow run of a deployment, as its Run button makes one."""
    found = seen.ask(f"/deployments/name/dealcast/{job}")
    return dict(seen.ask(f"/deployments/{found['id']}/create_flow_run", {}))


def wait_for(seen: Seen, run: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    def ended() -> bool:
        return seen.again(run)["state_type"] in ENDED

    wait_until(ended, seconds=seconds, what="the end of the flow run")
    return seen.again(run)


def store_of(tmp_path: Path) -> Store:
    from dealcast.settings import StorageSettings

    return open_store(StorageSettings(root=str(tmp_path / "store")))


def test_deploying_twice_changes_nothing_and_a_new_cron_one_thing(
    deploy: Deploy, pool: str, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    jobs = {"dealcast/daily", "dealcast/train", "dealcast/monitor"}

    first = outcomes(deploy("--json", daily_cron="30 5 * * 1-5", time_zone="Europe/Berlin"))
    again = outcomes(deploy("--json", daily_cron="30 5 * * 1-5", time_zone="Europe/Berlin"))
    later = outcomes(deploy("--json", daily_cron="45 5 * * 1-5", time_zone="Europe/Berlin"))

    assert first.keys() == {pool} | jobs | AUTOMATIONS
    assert first[pool] == "created"
    assert set(again.values()) == {"unchanged"}
    assert {n for n, outcome in later.items() if outcome == "updated"} >= {"dealcast/daily"}
    assert later[pool] == "unchanged"
    seen = Seen(prefect_server)
    assert seen.ask(f"/work_pools/{pool}")["concurrency_limit"] == 1
    found = seen.ask("/deployments/name/dealcast/daily")
    assert [s["schedule"]["cron"] for s in found["schedules"]] == ["45 5 * * 1-5"]
    assert [s["schedule"]["timezone"] for s in found["schedules"]] == ["Europe/Berlin"]
    assert seen.ask("/deployments/name/dealcast/train")["schedules"] == []
    assert found["entrypoint"] == "dealcast.orchestration.flow.scheduled"
    assert found["job_variables"]["working_dir"] == str(tmp_path)
    assert found["parameters"]["overrides"]["source.opportunities"] == 1_500


def test_status_tells_of_schedules_next_runs_and_workers(
    deploy: Deploy, pool: str, prefect_server: PrefectServer
) -> None:
    address = f"--set=orchestration.api_url={prefect_server.api_url}"
    asked = ["deploy", "status", address, f"--set=orchestration.work_pool={pool}"]
    outcomes(deploy("--json", train_cron="0 4 * * 0"))

    def scheduled() -> bool:
        found = json.loads(CliRunner().invoke(cli, [*asked, "--json"]).stdout)
        return {d["name"]: d["next_run"] is not None for d in found["deployments"]} == {
            "dealcast/daily": False,
            "dealcast/train": True,
            "dealcast/monitor": False,
        }

    wait_until(scheduled, seconds=60, what="the next run")
    told = CliRunner().invoke(cli, asked, env={"COLUMNS": "200"})

    assert "0 4 * * 0 (UTC)" in told.stdout
    assert f"Pool '{pool}' is ready. Workers: none" in told.stdout


@pytest.mark.parametrize("key", ["orchestration.api_key", "storage.secret_access_key"])
def test_no_secret_goes_into_a_deployment(deploy: Deploy, key: str) -> None:
    result = deploy(f"--set={key}=hunter2")

    assert isinstance(result.exception, SettingsError)
    assert "is a secret" in result.exception.problem
    assert "hunter2" not in str(result.exception) + result.output


def test_a_cron_that_is_none_is_named(deploy: Deploy) -> None:
    result = deploy(daily_cron="every morning")

    assert isinstance(result.exception, SettingsError)
    assert "orchestration.daily_cron" in result.exception.problem
    assert "every morning" in result.exception.problem


def test_a_pool_of_another_type_is_refused(
    deploy: Deploy, pool: str, prefect_server: PrefectServer
) -> None:
    Seen(prefect_server).ask("/work_pools/", {"name": pool, "type": "docker"})

    result = deploy()

    assert isinstance(result.exception, ServiceError)
    assert "is of type 'docker'" in result.exception.problem


@pytest.mark.slow
def test_a_schedule_fires_by_itself_and_jobs_wait_for_each_other(
    deploy: Deploy, pool: str, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    outcomes(deploy("--json", daily_cron="* * * * *"))
    seen = Seen(prefect_server)
    fired: list[dict[str, Any]] = []
    daily = seen.ask("/deployments/name/dealcast/daily")["id"]
    running = {
        "deployments": {"id": {"any_": [daily]}},
        "flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}},
    }

    def begun() -> bool:
        fired[:] = seen.ask("/flow_runs/filter", running)
        return bool(fired)

    with worker(prefect_server, pool, tmp_path / "worker"):
        wait_until(begun, seconds=120, what="a run that the schedule began")
        outcomes(deploy("--json"))  # no more of them
        monitor = started(seen, "monitor")
        first = wait_for(seen, fired[0], seconds=180)
        second = wait_for(seen, monitor, seconds=120)

    assert first["state_name"] == "Completed", first["state"]["message"]
    assert second["state_name"] == "Completed", second["state"]["message"]
    assert first["created_by"]["type"] == "SCHEDULE"
    assert {"auto-scheduled", "dealcast-job", "development"} <= set(first["tags"])
    assert first["name"].startswith("daily · ")
    assert seen.tasks(first)["forecast"] == "Completed"
    assert seen.artifacts(first).keys() >= {"quality-report", "leak-gate", "forecast"}
    # A pool lets one job at a time onto the store.
    assert second["start_time"] >= first["end_time"]
    assert store_of(tmp_path).load("forecasts_issued")["run_id"].n_unique() == 1


@pytest.mark.slow
def test_a_job_whose_worker_died_is_picked_up_without_double_work(
    deploy: Deploy, pool: str, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    outcomes(deploy("--json"))
    seen = Seen(prefect_server)

    def evaluating() -> bool:
        of = {"flow_runs": {"id": {"any_": [run["id"]]}}}
        return "evaluate" in {t["name"] for t in seen.ask("/task_runs/filter", of)}

    with worker(prefect_server, pool, tmp_path / "worker") as dying:
        run = started(seen, "daily")
        wait_until(evaluating, seconds=120, what="the step in mid-run")
        lose_power(dying)
    killed = seen.again(run)
    done_before = load_latest_steps(store_of(tmp_path))
    with worker(prefect_server, pool, tmp_path / "worker"):
        ended = wait_for(seen, run, seconds=240)

    assert killed["state_name"] == "Running"  # nobody was left to say otherwise
    assert ended["state_name"] == "Completed", ended["state"]["message"]
    assert ended["run_count"] == 2
    states = [(t["name"], t["state_name"]) for t in seen.task_runs(ended)]
    assert ("evaluate", "Crashed") in states
    assert seen.tasks(ended) == {
        "ingest": "Completed",  # only fetching tells whether the source has changed
        **dict.fromkeys(("validate", "clean", "features", "audit"), "Cached"),
        **dict.fromkeys(("evaluate", "train", "score", "forecast"), "Completed"),
    }
    after = load_latest_steps(store_of(tmp_path))
    assert done_before.keys() == {"ingest", "validate", "clean", "features", "audit"}
    for name in ("validate", "clean", "features", "audit"):
        assert after[name].run_id == done_before[name].run_id
        assert after[name].tables == done_before[name].tables
    store = store_of(tmp_path)
    assert {n: store.version(n) for n in done_before["clean"].tables} == done_before["clean"].tables
    assert store.load("scores_issued")["run_id"].n_unique() == 1


@pytest.mark.slow
def test_a_job_that_its_worker_never_began_goes_to_the_next(
    deploy: Deploy, prefect_server: PrefectServer
) -> None:
    outcomes(deploy("--json"))
    seen = Seen(prefect_server)
    run = started(seen, "monitor")
    taken = {"state": {"type": "PENDING", "name": "Pending"}}

    assert seen.ask(f"/flow_runs/{run['id']}/set_state", taken)["status"] == "ACCEPT"
    wait_until(
        lambda: seen.again(run)["state_name"] == "AwaitingRetry", seconds=90, what="the next worker"
    )

    found = seen.again(run)
    assert found["state"]["message"] == "picked up: its worker never began"
    soon = datetime.now(UTC) + timedelta(seconds=5)
    assert datetime.fromisoformat(found["next_scheduled_start_time"]) < soon


@pytest.mark.slow
def test_a_job_that_dies_again_and_again_is_given_up(
    deploy: Deploy, pool: str, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    outcomes(deploy("--json"))
    seen = Seen(prefect_server)
    run = started(seen, "daily")

    def set_state(kind: str) -> None:
        state = {"type": kind, "name": kind.capitalize()}
        seen.ask(f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})

    for _ in range(3):
        set_state("RUNNING")
        set_state("SCHEDULED")
    with worker(prefect_server, pool, tmp_path / "worker"):
        ended = wait_for(seen, run, seconds=120)

    assert ended["state_name"] == "Failed"
    assert "died 3 times" in ended["state"]["message"]
    assert not (tmp_path / "store").exists()


def as_flow(loaded: Any, job: str, root: Path) -> Any:
    """The flow of a deployment, run in this process."""
    from dealcast.orchestration.connection import connected
    from dealcast.orchestration.flow import scheduled

    settings = loaded.settings.orchestration
    overrides = {
        "storage.root": str(root),
        "source.opportunities": 1_500,
        "orchestration.api_url": settings.api_url,
        "monitoring.retrain_on": "warning",
        "monitoring.false_alarm_rate": 0.999,
        "monitoring.psi_warning": 1e-6,
        "monitoring.share_warning": 1e-6,
    }
    with connected(settings, settings.api_url):
        return scheduled(job, "development", None, overrides, return_state=True)


@pytest.mark.slow
def test_the_monitor_job_trains_anew_where_drift_asks_for_it(
    prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dealcast.orchestration.flow import Unwatched
    from dealcast.settings import load_settings
    from dealcast.workflow.run import run_steps

    monkeypatch.chdir(tmp_path)
    flags = {
        "storage.root": str(tmp_path / "store"),
        "source.opportunities": 1_500,
        "orchestration.api_url": prefect_server.api_url,
    }
    loaded = load_settings(flags=flags, environ={})
    run_steps(loaded, Plan(), Unwatched(), quiet=True)

    state = as_flow(loaded, "monitor", tmp_path / "store")

    assert state.name == "Completed"
    seen = Seen(prefect_server)
    flow = seen.latest()
    assert {"monitor", "train", "score"} <= seen.tasks(flow).keys()
    assert flow["state"]["message"].count("Z-") == 2  # two runs
    assert "The model is trained anew: drift at level" in seen.artifacts(flow)["drift"]
