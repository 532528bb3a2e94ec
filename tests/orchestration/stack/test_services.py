from pathlib import Path

import pytest

from dealcast.orchestration.stack import seaweedfs
from dealcast.orchestration.stack.credentials import credentials_of
from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.postgres import Programs
from dealcast.orchestration.stack.preparing import launch_content
from dealcast.orchestration.stack.services import SERVICES, STAGES, Service, Setup
from dealcast.settings import Settings

ALL = pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    monkeypatch.setattr(seaweedfs, "weed", lambda: Path("weed"))
    layout = Layout(tmp_path)
    programs = Programs(Path("/programs"), 17, trigrams=True)
    return Setup(Settings(), layout, credentials_of(layout), {"filer.port": 1}, programs)


def test_stages_go_from_what_keeps_data_to_what_works_on_them() -> None:
    assert [[s.name for s in stage] for stage in STAGES] == [
        ["postgres", "seaweedfs"],
        ["mlflow", "prefect"],
        ["worker"],
    ]


@ALL
def test_no_secret_is_on_a_command_line(service: Service, setup: Setup) -> None:
    line = " ".join(service.command(setup))

    assert not any(secret in line for secret in setup.credentials.values.values())


@ALL
def test_nothing_listens_beyond_loopback(service: Service, setup: Setup) -> None:
    line = " ".join(service.command(setup))

    assert "0.0.0.0" not in line
    assert service.name == "worker" or "127.0.0.1" in line


@ALL
def test_nothing_is_sent_to_makers_and_loopback_needs_no_proxy(
    service: Service, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "intern.example")

    environment = launch_content(service, setup)["environment"]

    assert isinstance(environment, dict)
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["NO_PROXY"] == "intern.example,127.0.0.1,localhost"


def test_prefect_keeps_its_records_in_postgres_where_it_can(setup: Setup, tmp_path: Path) -> None:
    prefect = next(s for s in SERVICES if s.name == "prefect")
    plain = Setup(
        setup.settings, setup.layout, setup.credentials, {}, Programs(tmp_path, 18, trigrams=False)
    )

    with_trigrams, without = prefect.environment(setup), prefect.environment(plain)

    name = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
    assert with_trigrams[name].startswith("postgresql+asyncpg://prefect:")
    assert name not in without


def test_the_worker_runs_where_it_was_started_with_the_settings_of_staging(
    setup: Setup,
) -> None:
    worker = next(s for s in SERVICES if s.name == "worker")

    content = launch_content(worker, setup)

    environment = content["environment"]
    assert isinstance(environment, dict)
    assert content["folder"] == str(Path.cwd())
    assert environment["DEALCAST_ENV"] == "staging"
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert environment["DEALCAST__TRACKING__URI"] == "http://127.0.0.1:5001"
