import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dealcast.errors import ServiceAwayError, ServiceError, SettingsError
from dealcast.settings import TrackingSettings
from dealcast.tracking.mlflow.connection import TESTED, check_server, installed, tracking_uri
from servers.answers import Answers, answering
from servers.ports import free_port

# path -> (HTTP status, what is answered)
GOOD: Answers = {
    "/version": (200, f"{TESTED}.2"),
    "/api/2.0/mlflow/experiments/search": (200, "{}"),
}


Check = Callable[[Answers], str]


@pytest.fixture
def seen() -> list[str | None]:
    return []


@pytest.fixture
def check(seen: list[str | None]) -> Check:
    """Check a server that answers so."""

    def of(answers: Answers) -> str:
        with answering(answers, seen) as uri:
            return check_server(TrackingSettings(uri=uri, timeout_seconds=2), "unused")

    return of


def test_a_server_of_a_tested_version_says_its_version(check: Check) -> None:
    assert check(GOOD) == f"{TESTED}.2"


@pytest.mark.parametrize(
    ("changed", "problem", "remedy"),
    [
        ({"/version": (200, "2.9.1")}, "is 2.9.1; Dealcast is tested with", "uv pip install"),
        ({"/version": (200, "4.0.0rc1")}, "is 4.0.0rc1", "uv pip install"),
        ({"/version": (200, "<html>hello</html>")}, "is not an MLflow server", "tracking.uri"),
        ({"/version": (404, "no")}, "is not an MLflow server (HTTP 404", "tracking.uri"),
        (
            {"/api/2.0/mlflow/experiments/search": (401, "who are you?")},
            "refuses access (HTTP 401)",
            "MLFLOW_TRACKING_USERNAME",
        ),
        (
            {"/version": (403, "Invalid Host header - possible DNS rebinding attack")},
            "refuses that host name",
            "--allowed-hosts",
        ),
        (
            {"/api/2.0/mlflow/experiments/search": (500, "no such table: experiments")},
            "cannot read its database (HTTP 500): no such table",
            "mlflow db upgrade",
        ),
        (
            {"/api/2.0/mlflow/experiments/search": (200, "<html>log in</html>")},
            "something else than JSON",
            "proxy",
        ),
    ],
)
def test_what_is_wrong_with_a_server_is_said_with_a_remedy(
    check: Check, changed: Answers, problem: str, remedy: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        check(GOOD | changed)

    assert problem in refused.value.problem
    assert remedy in refused.value.remedy
    assert not refused.value.may_pass


@pytest.mark.parametrize("code", [502, 503, 504])
def test_a_server_that_is_not_available_may_be_so_later(check: Check, code: int) -> None:
    with pytest.raises(ServiceAwayError, match=f"not available \\(HTTP {code}\\)"):
        check(GOOD | {"/version": (code, "")})


def test_nothing_that_answers_may_answer_later() -> None:
    uri = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(ServiceAwayError, match=r"does not answer: .*refused") as away:
        check_server(TrackingSettings(uri=uri), "unused")

    assert "dealcast stack up" in away.value.remedy


def test_the_credentials_are_those_that_the_client_would_send(
    check: Check, seen: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")

    check(GOOD)

    assert seen[-1] == "Basic " + base64.b64encode(b"ann:secret").decode()


def test_auto_is_a_database_in_the_folder_of_the_store(tmp_path: Path) -> None:
    assert tracking_uri(TrackingSettings(), tmp_path) == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert check_server(TrackingSettings(), tmp_path) == installed()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "root", "problem"),
    [
        ("auto", "s3://bucket/prefix", "the store is at s3://bucket/prefix"),
        ("postgresql://127.0.0.1/mlflow", "data", "is no MLflow server"),
        ("mlruns", "data", "is no MLflow server"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(uri: str, root: str, problem: str) -> None:
    with pytest.raises(SettingsError) as refused:
        tracking_uri(TrackingSettings(uri=uri), root)

    assert problem in refused.value.problem


def test_a_database_of_another_schema_is_named_with_the_command_that_mends_it(
    tmp_path: Path,
) -> None:
    settings = TrackingSettings(uri=f"sqlite:///{tmp_path}/old.db")
    with closing(sqlite3.connect(tmp_path / "old.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('0123456789ab')")
        database.commit()

    with pytest.raises(ServiceError, match="has schema 0123456789ab") as refused:
        check_server(settings, tmp_path)

    assert f"mlflow db upgrade {settings.uri}" in refused.value.remedy


def test_a_file_that_is_no_database_of_mlflow_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text(json.dumps({"not": "a database"}))

    with pytest.raises(ServiceError, match="is not an MLflow database"):
        check_server(TrackingSettings(uri=f"sqlite:///{tmp_path}/other.db"), tmp_path)
