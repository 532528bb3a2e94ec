"""A run as a flow of a real Prefect server: the same run, seen there step by step."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dealcast.errors import DealcastError, ServiceAwayError, SourceAwayError, SourceError
from dealcast.orchestration.versions import prepare
from dealcast.settings import LoadedSettings, SampleSource, load_settings
from dealcast.sources.sample import write_sample
from dealcast.workflow.manifest import load_manifest
from dealcast.workflow.plan import Plan
from dealcast.workflow.steps import Step
from dealcast.workflow.store import open_store
from servers.crm_database import QUERIES, write_crm
from servers.ports import deaf_port, free_port
from servers.prefect import PrefectServer, Seen, prefect_server_in
from servers.relay import relay_to

Load = Callable[..., LoadedSettings]


@pytest.fixture
def load(tmp_path: Path, prefect_server: PrefectServer) -> Load:
    """Settings for a run on a small sample as a flow on the server, with more flags."""
    prepare()

    def with_flags(**more: object) -> LoadedSettings:
        dotted = {key.replace("__", "."): value for key, value in more.items()}
        flags = {
            "storage.root": str(tmp_path / "store"),
            "orchestration.kind": "prefect",
            "orchestration.api_url": prefect_server.api_url,
            **({} if "source.kind" in dotted else {"source.opportunities": 1_500}),
            **dotted,
        }
        return load_settings(flags=flags, environ={})

    return with_flags


def run(loaded: LoadedSettings, plan: Plan, say: Callable[[str], None] = lambda _: None) -> Any:
    from dealcast.orchestration.flow import Unwatched, run_here

    return run_here(loaded, plan, Unwatched(), say)


def test_steps_are_tasks_and_what_did_not_change_is_cached(
    load: Load, prefect_server: PrefectServer, capfd: pytest.CaptureFixture[str]
) -> None:
    loaded, seen = load(), Seen(prefect_server)

    first = run(loaded, Plan(stop="clean"))
    second = run(loaded, Plan(stop="clean"))

    flows = [seen.flow_run(f"run · {m.run_id}") for m in (first, second)]
    assert [f["state"]["name"] for f in flows] == ["Completed", "Completed"]
    assert [f["tags"] for f in flows] == [["development"], ["development"]]
    assert flows[1]["state"]["message"] == (f"1 steps done, 2 unchanged; run {second.run_id}")
    assert seen.tasks(flows[0]) == {
        "ingest": "Completed",
        "validate": "Completed",
        "clean": "Completed",
    }
    assert seen.tasks(flows[1]) == {"ingest": "Completed", "validate": "Cached", "clean": "Cached"}
    assert seen.artifacts(flows[0]).keys() == {"quality-report", "run-links"}
    assert "| Check | What | Rows |" in seen.artifacts(flows[0])["quality-report"]
    assert (
        open_store(loaded.settings.storage).place(first.key)
        in seen.artifacts(flows[0])["run-links"]
    )
    # One's own lines are in Prefect, and on standard error once; Prefect's are only there.
    said = "rows in = 1,500 clean"
    assert sum(said in line for line in seen.logs(flows[0])) == 1
    err = capfd.readouterr().err
    assert err.count(said) == 1
    assert "Finished in state" not in err


def test_a_run_as_a_flow_records_what_a_run_without_a_server_does(load: Load) -> None:
    from dealcast.orchestration.flow import Unwatched
    from dealcast.workflow.run import run_steps

    plain, flow = load(storage__root=f"{load().settings.storage.root}-plain"), load()

    without = run_steps(plain, Plan(stop="clean"), Unwatched())
    manifest = run(flow, Plan(stop="clean"))

    assert manifest.status == without.status == "done"
    assert manifest.figures == without.figures
    assert [s.tables for s in manifest.steps] == [s.tables for s in without.steps]


def test_a_failure_reaches_the_caller_and_is_not_tried_again(
    load: Load,
    prefect_server: PrefectServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    loaded = load(source__kind="files", source__path=str(tmp_path / "nothing-here"))

    with pytest.raises(SourceError) as caught:
        run(loaded, Plan(stop="clean"))

    assert type(caught.value) is SourceError
    seen = Seen(prefect_server)
    flow = seen.latest()
    assert flow["state"]["name"] == "Failed"
    assert caught.value.problem in flow["state"]["message"]
    assert seen.tasks(flow) == {"ingest": "Failed"}
    assert seen.starts(flow, "ingest") == 1
    assert "Traceback" not in capfd.readouterr().err


def from_database(load: Load, url: str, **more: object) -> LoadedSettings:
    return load(source__kind="sql", source__url=url, source__queries=QUERIES, **more)


def test_a_failure_that_may_pass_is_tried_again_and_no_more_often_than_said(
    load: Load, prefect_server: PrefectServer
) -> None:
    nobody = f"postgresql+psycopg://reader:hunter2@127.0.0.1:{deaf_port()}/crm"
    tries = {"orchestration__attempts": 3, "orchestration__retry_delay_seconds": 0.2}
    seen = Seen(prefect_server)

    with pytest.raises(SourceAwayError):
        run(from_database(load, nobody, **tries), Plan(stop="ingest"))

    flow = seen.latest()
    assert seen.starts(flow, "ingest") == 3
    logs = "\n".join(seen.logs(flow))
    # The wait is doubled.
    assert "Retry 1/2 will start 0.2 second(s)" in logs
    assert "Retry 2/2 will start 0.4 second(s)" in logs
    assert "hunter2" not in logs


def test_a_database_that_comes_back_in_time_does_not_fail_the_run(
    load: Load,
    prefect_server: PrefectServer,
    postgres: Callable[[], str],
    tmp_path: Path,
) -> None:
    url = postgres()
    sample = SampleSource(opportunities=300, dirt=0)
    write_crm(url, write_sample(tmp_path / "crm", sample))
    seen = Seen(prefect_server)

    with relay_to(url, opens_after_seconds=3) as away_at_first:
        loaded = from_database(load, away_at_first, orchestration__retry_delay_seconds=2)
        manifest = run(loaded, Plan(stop="clean"))

    flow = seen.flow_run(f"run · {manifest.run_id}")
    assert manifest.figures["rows_in"] == 300
    assert seen.tasks(flow)["ingest"] == "Completed"
    assert seen.starts(flow, "ingest") > 1
    assert seen.starts(flow, "clean") == 1


def test_a_server_that_is_away_is_an_error_before_any_work(load: Load, tmp_path: Path) -> None:
    loaded = load(
        orchestration__api_url=f"http://127.0.0.1:{deaf_port()}/api",
        orchestration__wait_for_server_seconds=0,
    )

    with pytest.raises(ServiceAwayError, match="cannot be reached"):
        run(loaded, Plan(stop="clean"))

    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_a_wrong_key_is_named(load: Load, tmp_path: Path) -> None:
    """The real server with a password, and a client that has another."""
    from dealcast.errors import ServiceError
    from dealcast.orchestration.versions import reach

    guarded = {"PREFECT_SERVER_API_AUTH_STRING": "crm:right"}
    with prefect_server_in(tmp_path / "guarded", more=guarded) as server:
        wrong = load(orchestration__api_url=server.api_url, orchestration__api_key="crm:wrong")
        with pytest.raises(ServiceError, match="refuses the key"):
            reach(wrong.settings.orchestration)
        right = load(orchestration__api_url=server.api_url, orchestration__api_key="crm:right")

        assert run(right, Plan(stop="ingest")).status == "done"


@pytest.mark.slow
def test_a_server_that_comes_up_late_is_waited_for(load: Load, tmp_path: Path) -> None:
    port, said = free_port(), []
    loaded = load(
        orchestration__api_url=f"http://127.0.0.1:{port}/api",
        orchestration__wait_for_server_seconds=90,
    )
    done = threading.Event()

    def server_in_a_while() -> None:
        done.wait(3)
        with prefect_server_in(tmp_path / "late", port=port):
            done.wait(120)

    thread = threading.Thread(target=server_in_a_while)
    thread.start()
    try:
        manifest = run(loaded, Plan(stop="clean"), said.append)
    finally:
        done.set()
        thread.join()

    assert manifest.status == "done"
    assert len(said) == 1
    assert "Waiting up to 90 s" in said[0]


@pytest.mark.slow
def test_every_report_is_an_artifact(load: Load, prefect_server: PrefectServer) -> None:
    seen = Seen(prefect_server)

    manifest = run(load(), Plan())

    pages = seen.artifacts(seen.flow_run(f"run · {manifest.run_id}"))
    assert pages.keys() == {
        "quality-report",
        "leak-gate",
        "evaluation",
        "forecast",
        "drift",
        "run-links",
    }
    assert "Verdict:" in pages["evaluation"]
    assert "| won within 30 days |" in pages["evaluation"]
    assert "| quarter from " in pages["forecast"]
    assert max(len(page) for page in pages.values()) < 5_000


@pytest.mark.slow
def test_a_step_that_takes_too_long_is_stopped_and_named(
    load: Load, prefect_server: PrefectServer
) -> None:
    loaded = load(source__opportunities=200_000, orchestration__step_timeout_seconds=3)

    with pytest.raises(DealcastError, match="took longer than 3 s") as caught:
        run(loaded, Plan(stop="audit"))

    assert "orchestration.step_timeout_seconds" in caught.value.remedy
    seen = Seen(prefect_server)
    assert "TimedOut" in seen.tasks(seen.latest()).values()
    manifest = load_manifest(open_store(loaded.settings.storage), "latest")
    assert manifest.status == "failed"
    assert manifest.error == caught.value.problem


@pytest.mark.slow
def test_a_server_that_goes_away_in_mid_run_does_not_stop_the_run(
    load: Load, tmp_path: Path
) -> None:
    from dealcast.orchestration.flow import Unwatched, run_here

    said: list[str] = []
    with contextlib.ExitStack() as running:
        server = running.enter_context(prefect_server_in(tmp_path / "server"))
        loaded = load(orchestration__api_url=server.api_url)

        class StopsTheServer(Unwatched):
            def started(self, step: Step) -> None:
                if step.name == "validate":
                    running.close()

        manifest = run_here(loaded, Plan(stop="clean"), StopsTheServer(), said.append)

    assert manifest.status == "done"
    assert [s.name for s in manifest.steps] == ["ingest", "validate", "clean"]
    assert "went away in mid-run" in said[-1]
    assert "The run has ended all the same." in said[-1]
