"""A key may ask so often, however often others do."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from dealcast.settings import ApiSettings
from dealcast.surfaces.api.pace import Pace
from dealcast.surfaces.api.problems import ProblemError
from servers.api import BOTH, READ, api_on, bearer
from servers.ports import wait_until


class Clock:
    """Seconds, as the test says."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(ApiSettings(requests_per_minute=30, burst=3), clock)


def answered(pace: Pace, key_name: str | None, times: int) -> int:
    """How many of so many requests are let through."""
    through = 0
    for _ in range(times):
        try:
            pace.count(key_name)
        except ProblemError:
            continue
        through += 1
    return through


def test_a_burst_is_let_through_and_then_one_every_two_seconds(pace: Pace, clock: Clock) -> None:
    found = []
    for seconds in (0, 1, 1, 60, 0):
        clock.now += seconds
        found.append(answered(pace, "crm", 10))

    assert found == [3, 0, 1, 3, 0]


def test_who_comes_back_when_told_is_answered(pace: Pace, clock: Clock) -> None:
    answered(pace, "crm", 3)
    with pytest.raises(ProblemError) as refused:
        pace.count("crm")
    assert refused.value.retry_after is not None
    clock.now += refused.value.retry_after

    assert answered(pace, "crm", 1) == 1


def test_one_key_takes_nothing_from_another_nor_do_those_without(pace: Pace) -> None:
    assert [answered(pace, name, 5) for name in ("crm", "bi", None, "crm")] == [3, 3, 3, 0]


def test_without_a_limit_all_are_let_through() -> None:
    pace = Pace(ApiSettings(requests_per_minute=None, burst=1))

    assert answered(pace, "crm", 1_000) == 1_000


def test_the_api_says_when_to_come_back_and_stays_there_for_others(
    sample: Any, tmp_path: Path
) -> None:
    with api_on(sample.store.root, tmp_path, requests_per_minute=1, burst=2) as api:
        greedy = [api.client.get("/v1/model") for _ in range(3)]
        guesses = [
            httpx.get(f"{api.url}/v1/model", headers=bearer(f"dealcast_{i}")).status_code
            for i in range(3)
        ]
        modest = httpx.get(f"{api.url}/v1/model", headers=bearer(READ))
        watching = [httpx.get(f"{api.url}/healthz").status_code for _ in range(5)]
        # A line is written after its answer is sent.
        wait_until(
            lambda: api.log.read_text().count('"status": 429') >= 2, seconds=60, what="the lines"
        )
        log, lines = api.log.read_text(encoding="utf-8"), api.lines()

    refused = greedy[-1]
    assert [a.status_code for a in greedy] == [200, 200, 429]
    assert refused.headers["content-type"] == "application/problem+json"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.json()["type"] == "urn:dealcast:too-often"
    assert (
        "The key 'both' asks more often than api.requests_per_minute (1)"
        in refused.json()["detail"]
    )
    assert guesses == [401, 401, 429]
    assert modest.status_code == 200
    assert watching == [200] * 5
    assert [line.get("key") for line in lines if line.get("status") == 429] == ["both", None]
    assert BOTH not in log
