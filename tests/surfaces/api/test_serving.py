"""A server's life: a new champion under load, the end of it, what it logs and counts."""

import asyncio
import json
import re
import shutil
import socket
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from dealcast.errors import SettingsError
from dealcast.modeling.training import WinModel
from dealcast.settings import ApiSettings, TrackingSettings
from dealcast.surfaces.api.server import refuse_open_doors
from dealcast.tracking.base import ModelVersion, Promotion, open_registry
from dealcast.workflow.store import Store
from servers.api import BOTH, KEYS, Api, api_on, bearer
from servers.ports import wait_until

CONNECTIONS = 16


@pytest.fixture
def store(sample: Any, tmp_path: Path) -> Store:
    """A copy of the sample's store, to be changed."""
    shutil.copytree(sample.store.root, tmp_path / "store")
    return Store(str(tmp_path / "store"))


def promote_another(store: Store, *, is_there: bool = True) -> str:
    """Make a model champion that differs from the one of now, its file there or not; its id."""
    registry = open_registry(TrackingSettings(), store)
    champion = registry.champion()
    assert champion is not None
    model = WinModel.from_dict(store.require_json(champion.key))
    other = replace(model, won=model.won + 1)
    version = ModelVersion(
        **asdict(champion) | {"model_id": other.model_id, "key": f"models/{other.model_id}.json"}
    )
    if is_there:
        store.put_json(version.key, other.to_dict())
    registry.register(version)
    registry.promote(Promotion(other.model_id, "a test", "to see it switched"))
    return other.model_id


def test_a_new_champion_takes_over_under_load_without_a_failed_request(
    store: Store, tmp_path: Path
) -> None:
    async def asked(client: httpx.AsyncClient, until: asyncio.Event) -> list[tuple[int, str]]:
        found = []
        body = {"opportunities": [{"opportunity_id": "N", "engage_date": "2025-12-20"}]}
        while not until.is_set():
            answer = await client.post("/v1/score", json=body)
            told = answer.json()
            ids = {told.get("model_id"), *(o["model_id"] for o in told.get("opportunities", ()))}
            found.append((answer.status_code, ",".join(map(str, ids))))
        return found

    async def load(api: Api) -> list[tuple[int, str]]:
        until = asyncio.Event()
        async with httpx.AsyncClient(base_url=api.url, headers=bearer(BOTH), timeout=60) as client:
            callers = [asyncio.create_task(asked(client, until)) for _ in range(CONNECTIONS)]
            await asyncio.sleep(0.5)
            wanted = await asyncio.to_thread(promote_another, store)
            for _ in range(600):
                if (await client.get("/v1/model")).json()["model_id"] == wanted:
                    break
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.5)
            until.set()
            return [one for found in await asyncio.gather(*callers) for one in found]

    registry = open_registry(TrackingSettings(), store)
    first = registry.champion()
    with api_on(store.root, tmp_path, reload_seconds=0.1) as api:
        found = asyncio.run(load(api))

    now = registry.champion()
    assert first is not None
    assert now is not None
    assert {status for status, _ in found} == {200}
    assert {model for _, model in found} == {first.model_id, now.model_id}


def test_a_champion_that_cannot_be_read_leaves_the_former_in_place(
    store: Store, tmp_path: Path
) -> None:
    with api_on(store.root, tmp_path, reload_seconds=0.1) as api:
        before = api.client.get("/v1/model").json()["model_id"]
        promote_another(store, is_there=False)
        wait_until(
            lambda: 'outcome="failed"' in api.client.get("/metrics").text,
            seconds=60,
            what="a look that failed",
        )
        after = api.client.get("/v1/model").json()["model_id"]
        ready = api.client.get("/readyz").status_code
        warnings = [line["message"] for line in api.lines() if line["level"] == "WARNING"]

    assert (ready, after) == (200, before)
    assert any("is gone, though a run recorded it" in w for w in warnings)


def test_the_end_waits_for_what_is_in_flight(sample: Any, tmp_path: Path) -> None:
    with api_on(sample.store.root, tmp_path) as api:
        host, port = api.url.removeprefix("http://").split(":")
        body = json.dumps({"opportunities": [{"opportunity_id": "A"}]})
        head = (
            f"POST /v1/score HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {BOTH}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=60) as slow:
            slow.sendall(head.encode())
            wait_until(
                lambda: "at_once 2.0" in httpx.get(f"{api.url}/metrics").text,
                seconds=60,
                what="the request",
            )
            api.process.terminate()
            wait_until(
                lambda: any(line["message"] == "Shutting down" for line in api.lines()),
                seconds=60,
                what="the end of the server",
            )
            slow.sendall(body.encode())
            answer = b"".join(iter(partial(slow.recv, 65_536), b"")).decode()
        code = api.process.wait(60)

    assert code == 0
    assert answer.startswith("HTTP/1.1 200 OK")
    assert '"opportunity_id":"A"' in answer


def _requests(api: Api) -> list[dict[str, Any]]:
    return [line for line in api.lines() if line["message"] == "request"]


def test_the_log_tells_each_request_and_nothing_of_people(sample: Any, tmp_path: Path) -> None:
    secret = {"opportunity_id": "SECRET-ID", "sales_agent": "SECRET-AGENT", "account": "SECRET"}
    with api_on(sample.store.root, tmp_path) as api:
        sane, insane = (
            api.client.get("/v1/opportunities/SECRET-ID", headers={"X-Request-ID": given})
            for given in ("my-id.1", "x" * 101)
        )
        api.score(secret, secret, {"amount": "SECRET"})
        api.score(secret)
        api.client.get("/v1/opportunities", params={"sales_agent": "SECRET-AGENT"})
        api.client.get("/SECRET")
        api.client.post(
            "/v1/score", content=b"SECRET", headers={"Content-Type": "application/json"}
        )
        # A line is written after its answer is sent.
        wait_until(lambda: len(_requests(api)) >= 7, seconds=60, what="the lines of all requests")
        requests = _requests(api)
        log = api.log.read_text(encoding="utf-8")

    assert sane.headers["x-request-id"] == "my-id.1"
    assert re.fullmatch("[0-9a-f]{16}", insane.headers["x-request-id"])
    assert [(r["route"], r["status"]) for r in requests] == [
        ("/v1/opportunities/{opportunity_id:path}", 404),
        ("/v1/opportunities/{opportunity_id:path}", 404),
        ("/v1/score", 422),
        ("/v1/score", 200),
        ("/v1/opportunities", 200),
        ("none", 404),
        ("/v1/score", 400),
    ]
    assert requests[0]["request_id"] == "my-id.1"
    assert {r.get("key") for r in requests} == {"both", None}
    assert requests[3]["opportunities"] == 1
    assert all({"time", "level", "milliseconds"} <= set(r) for r in requests)
    assert "SECRET" not in log
    assert BOTH not in log
    assert not any(key["sha256"] in log for key in json.loads(KEYS))


def test_metrics_count_requests_and_opportunities(sample: Any, tmp_path: Path) -> None:
    with api_on(sample.store.root, tmp_path) as api:
        api.score({"opportunity_id": "A"}, {"opportunity_id": "B"})
        api.client.get("/v1/opportunities/none")
        api.client.get("/nowhere/at/all")
        model = api.client.get("/v1/model").json()["model_id"]
        told = api.client.get("/metrics")

    assert told.headers["content-type"].startswith("text/plain")
    lines = set(told.text.splitlines())
    assert {
        'dealcast_requests_total{method="POST",route="/v1/score",status="200"} 1.0',
        'dealcast_requests_total{method="GET",route="none",status="404"} 1.0',
        "dealcast_opportunities_scored_total 2.0",
        f'dealcast_model_loaded{{model_id="{model}"}} 1.0',
        'dealcast_reloads_total{outcome="loaded"} 1.0',
        'dealcast_request_seconds_count{route="/v1/score"} 1.0',
    } <= lines


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "There are no keys"),
        ({"host": "0.0.0.0"}, "There are no keys"),
        ({"host": "0.0.0.0", "without_keys": True}, "everybody who reaches 0.0.0.0"),
        ({"host": "api.example.com", "without_keys": True}, "everybody who reaches"),
    ],
)
def test_doors_are_not_left_open(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        refuse_open_doors(ApiSettings(**settings))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_loopback_keys_may_be_done_without(host: str) -> None:
    refuse_open_doors(ApiSettings(host=host, without_keys=True))
