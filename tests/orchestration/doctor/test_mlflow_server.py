import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dealcast.errors import DealcastError
from dealcast.orchestration.doctor import Finding, Outcome, Setup
from dealcast.orchestration.doctor.mlflow_server import mlflow
from dealcast.orchestration.doctor.spec import refused
from servers.answers import Answers, answering, silent
from servers.mlflow import MlflowServer
from servers.ports import deaf_port

SetupWith = Callable[..., Setup]


def told(setup_with: SetupWith, uri: str, **more: object) -> Finding:
    try:
        return mlflow(setup_with({"tracking.kind": "mlflow", "tracking.uri": uri, **more}))
    except DealcastError as error:
        return refused(error)


def test_a_real_server_is_told_with_its_version(
    setup_with: SetupWith, mlflow_server: MlflowServer
) -> None:
    finding = told(setup_with, mlflow_server.uri)

    assert finding.outcome == Outcome.OK
    assert f"The MLflow server at {mlflow_server.uri} is 3.17." in finding.found
    assert "the client 3.17." in finding.found


def test_without_a_server_the_records_are_in_a_file_beside_the_store(
    setup_with: SetupWith, tmp_path: Path
) -> None:
    finding = told(setup_with, "auto")

    assert finding.outcome == Outcome.OK
    assert f"sqlite:///{tmp_path}/store/mlflow/mlflow.db" in finding.found
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("answers", "problem", "remedy"),
    [
        ({}, "is not an MLflow server", "tracking.uri"),
        ({"/version": (200, "<html>")}, "is not an MLflow server", "tracking.uri"),
        ({"/version": (200, "2.22.0")}, "is 2.22.0; Dealcast is tested with 3.17", "on the server"),
        ({"/version": (503, "")}, "is not available", "dealcast stack up"),
        ({"/version": (401, "")}, "refuses access", "MLFLOW_TRACKING_USERNAME"),
    ],
)
def test_what_is_wrong_with_a_server_is_told_with_what_to_do(
    setup_with: SetupWith, answers: Answers, problem: str, remedy: str
) -> None:
    with answering(answers) as url:
        finding = told(setup_with, url)

    assert finding.outcome == Outcome.FAILED
    assert problem in finding.found
    assert remedy in finding.remedy


def test_a_server_that_is_away_is_told(setup_with: SetupWith) -> None:
    uri = f"http://127.0.0.1:{deaf_port()}"

    finding = told(setup_with, uri)

    assert finding.outcome == Outcome.FAILED
    assert f"The MLflow server at {uri} does not answer" in finding.found
    assert "dealcast stack up" in finding.remedy


def test_a_server_that_never_answers_is_told_in_time(setup_with: SetupWith) -> None:
    begun = time.monotonic()
    with silent() as port:
        finding = told(setup_with, f"http://127.0.0.1:{port}")
    took = time.monotonic() - begun

    assert finding.outcome == Outcome.FAILED
    assert "does not answer" in finding.found
    assert took < 6


@pytest.mark.parametrize(
    ("uri", "flags", "problem"),
    [
        ("http://me:hunter2@host:5000", {}, "must be without user and password"),
        ("auto", {"storage.root": "s3://crm/store"}, "tracking.uri is auto"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_secrets(
    setup_with: SetupWith, uri: str, flags: dict[str, object], problem: str
) -> None:
    finding = told(setup_with, uri, **flags)

    assert finding.outcome == Outcome.FAILED
    assert problem in finding.found
    assert "hunter2" not in finding.found + finding.remedy
