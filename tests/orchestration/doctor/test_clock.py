from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dealcast.orchestration.doctor import Outcome, Setup
from dealcast.orchestration.doctor.clock import clock, judged
from servers.answers import answering
from servers.ports import deaf_port
from servers.seaweed import S3Server

SetupWith = Callable[..., Setup]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ours", "outcome", "words"),
    [
        (timedelta(seconds=0.9), Outcome.OK, "agrees"),
        (timedelta(seconds=59), Outcome.OK, "agrees"),
        (timedelta(minutes=2), Outcome.WARNING, "119 s ahead of that of http://s3"),
        (-timedelta(minutes=2), Outcome.WARNING, "119 s behind that of http://s3"),
        (timedelta(hours=1), Outcome.FAILED, "60 minutes ahead of that of http://s3"),
        (-timedelta(minutes=20), Outcome.FAILED, "S3 refuses requests from 15 minutes on"),
    ],
)
def test_a_clock_is_judged_by_what_s3_accepts(
    ours: timedelta, outcome: Outcome, words: str
) -> None:
    finding = judged(NOON, NOON + ours, "http://s3")

    assert finding.outcome == outcome
    assert words in finding.found
    assert ("NTP" in finding.remedy) == (outcome != Outcome.OK)


def test_the_time_of_a_real_s3_server_is_read(setup_with: SetupWith, s3: S3Server) -> None:
    flags = {f"storage.{name}": v for name, v in s3.settings("s3://crm/store").items()}

    finding = clock(setup_with(flags))

    assert finding.outcome == Outcome.OK
    assert s3.endpoint in finding.found


def test_a_server_of_another_day_is_told(setup_with: SetupWith) -> None:
    last_year = format_datetime(datetime.now(UTC) - timedelta(days=365), usegmt=True)
    with answering({}, date=last_year) as url:
        finding = clock(setup_with({"tracking.kind": "mlflow", "tracking.uri": url}))

    assert finding.outcome == Outcome.FAILED
    assert f"minutes ahead of that of {url}" in finding.found


def test_the_next_server_is_asked_where_one_does_not_answer(setup_with: SetupWith) -> None:
    away = {"tracking.kind": "mlflow", "tracking.uri": f"http://127.0.0.1:{deaf_port()}"}
    with answering({}) as url:
        there = {"orchestration.kind": "prefect", "orchestration.api_url": f"{url}/api"}
        finding = clock(setup_with(away | there))

    assert finding.outcome == Outcome.OK
    assert url in finding.found


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ({}, "No server is configured"),
        (
            {"tracking.kind": "mlflow", "tracking.uri": f"http://127.0.0.1:{deaf_port()}"},
            "No server told its time: http://127.0.0.1",
        ),
    ],
)
def test_without_a_server_that_answers_there_is_nothing_to_compare(
    setup_with: SetupWith, flags: dict[str, object], why: str
) -> None:
    finding = clock(setup_with(flags))

    assert finding.outcome == Outcome.NOT_APPLICABLE
    assert why in finding.found
