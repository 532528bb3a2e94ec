import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dealcast.errors import DealcastError
from dealcast.orchestration.doctor import Finding, Outcome, Setup
from dealcast.orchestration.doctor.database import database
from dealcast.orchestration.doctor.spec import refused
from servers.answers import silent
from servers.ports import deaf_port

SetupWith = Callable[..., Setup]
QUERIES = {"opportunities": "SELECT * FROM opportunities"}


def told(setup_with: SetupWith, url: str | None, queries: object = QUERIES) -> Finding:
    flags = {"source.kind": "sql", "source.url": url, "source.queries": queries}
    try:
        return database(setup_with(flags))
    except DealcastError as error:
        return refused(error)


def test_a_database_that_answers_is_told_without_its_password(
    setup_with: SetupWith, postgres: Callable[[], str]
) -> None:
    url = postgres()

    finding = told(setup_with, url)

    password = url.split(":")[2].split("@")[0]
    assert finding.outcome == Outcome.OK
    assert "(postgresql) answers a read-only query" in finding.found
    assert "to be read: opportunities." in finding.found
    assert password not in finding.found


def test_a_wrong_password_is_told_and_not_repeated(
    setup_with: SetupWith, postgres: Callable[[], str]
) -> None:
    user, _, place = postgres().rpartition("@")
    wrong = f"{user.rpartition(':')[0]}:quite-wrong@{place}"

    finding = told(setup_with, wrong)

    assert finding.outcome == Outcome.FAILED
    assert "refuses the user or the password" in finding.found
    assert "DEALCAST__SOURCE__URL" in finding.remedy
    assert "quite-wrong" not in finding.found + finding.remedy


def test_a_database_that_is_not_there_is_told(
    setup_with: SetupWith, postgres: Callable[[], str]
) -> None:
    finding = told(setup_with, postgres().rpartition("/")[0] + "/nowhere")

    assert finding.outcome == Outcome.FAILED
    assert "no such database" in finding.found


def test_nobody_who_listens_is_told_at_once(setup_with: SetupWith) -> None:
    finding = told(setup_with, f"postgresql://me:hunter2@127.0.0.1:{deaf_port()}/crm")

    assert finding.outcome == Outcome.FAILED
    assert "does not answer" in finding.found
    assert "hunter2" not in finding.found


def test_a_server_that_never_answers_is_told_in_time(setup_with: SetupWith) -> None:
    begun = time.monotonic()
    with silent() as port:
        finding = told(setup_with, f"postgresql://me:hunter2@127.0.0.1:{port}/crm")
    took = time.monotonic() - begun

    assert finding.outcome == Outcome.FAILED
    assert "does not answer" in finding.found
    assert took < 6


@pytest.mark.parametrize(
    ("url", "queries", "words"),
    [
        (None, QUERIES, ("has no database (source.url)", "DEALCAST__SOURCE__URL")),
        ("sqlite:///{folder}/missing.db", QUERIES, ("no SQLite database", "sqlite:///")),
        ("sqlite:///{folder}/crm.db", {}, ("no query says what to read", "source.queries")),
    ],
)
def test_a_source_that_is_not_complete_is_told(
    setup_with: SetupWith,
    tmp_path: Path,
    url: str | None,
    queries: dict[str, str],
    words: tuple[str, str],
) -> None:
    (tmp_path / "crm.db").touch()

    finding = told(setup_with, url and url.format(folder=tmp_path), queries)

    assert finding.outcome == Outcome.FAILED
    problem, remedy = words
    assert problem in finding.found
    assert remedy in finding.remedy


def test_a_sqlite_file_is_a_database_too(setup_with: SetupWith, tmp_path: Path) -> None:
    (tmp_path / "crm.db").touch()

    finding = told(setup_with, f"sqlite:///{tmp_path}/crm.db")

    assert finding.outcome == Outcome.OK
    assert "(sqlite)" in finding.found
