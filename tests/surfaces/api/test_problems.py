"""Everything that can be wrong with a request is told as RFC 9457 says, with what to do."""

import json
import socket
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from servers.api import READ, SCORE, Api, api_on, bearer

ONE = {"opportunity_id": "N1", "engage_date": "2025-12-20"}
JSON = {"Content-Type": "application/json"}
SCORE_IT = ("POST", "/v1/score")


def checked(answer: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem, where it is one of this kind in every respect."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["type"], problem["status"]) == (f"urn:dealcast:{name}", status)
    assert problem["title"]
    assert problem["remedy"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "name"),
    [
        ("GET", "/nowhere", b"", {}, 404, "not-found"),
        ("GET", "/v1/opportunities/none%20such/at-all", b"", {}, 404, "not-found"),
        ("GET", "/v1/opportunities/", b"", {}, 404, "not-found"),
        ("GET", "/v1/opportunities?cursor=x", b"", {}, 404, "not-found"),
        ("GET", "/v1/opportunities?limit=0", b"", {}, 422, "invalid"),
        ("GET", "/v1/opportunities?grade=E", b"", {}, 422, "invalid"),
        ("GET", "/v1/opportunities?sort=agent", b"", {}, 422, "invalid"),
        ("GET", "/v1/forecast?period_kind=day", b"", {}, 422, "invalid"),
        ("PUT", "/v1/score", b"{}", JSON, 405, "method-not-allowed"),
        ("DELETE", "/v1/model", b"", {}, 405, "method-not-allowed"),
        (*SCORE_IT, b"", JSON, 422, "invalid"),
        (*SCORE_IT, b"{", JSON, 400, "malformed-body"),
        (*SCORE_IT, b"\xff\xfe", JSON, 400, "malformed-body"),
        (*SCORE_IT, b"[" * 100_000, JSON, 400, "malformed-body"),
        (*SCORE_IT, b"{}", {"Content-Type": "text/csv"}, 415, "not-json"),
        (*SCORE_IT, b"{}", {}, 415, "not-json"),
        (*SCORE_IT, b"x" * 1_048_577, JSON, 413, "body-too-large"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_told_what_is_wrong(  # noqa: PLR0913, PLR0917 - a table
    api: Api,
    method: str,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    name: str,
) -> None:
    checked(api.client.request(method, path, content=content, headers=headers), status, name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"engage_date": "12/20/2025"},
        {"engage_date": 1_700_000_000},
        {"deal_stage": "Won"},
        {"amount": float("nan")},
        {"amount": float("inf")},
        {"amount": -1},
        {"amount": "12"},
        {"acount": "Acme"},
        {"account": "\ud800"},
        {"account": "x" * 501},
    ],
)
def test_a_wrong_value_is_told_by_its_place_and_not_repeated(
    api: Api, wrong: dict[str, Any]
) -> None:
    body = json.dumps({"opportunities": [ONE | wrong]}).encode()

    answer = api.client.post("/v1/score", content=body, headers=JSON)

    problem = checked(answer, 422, "invalid")
    (field,) = wrong
    assert [e["at"] for e in problem["errors"]] == [f"body.opportunities.0.{field}"]
    assert "Acme" not in answer.text


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"opportunities": []}, "body.opportunities"),
        ({"opportunities": [{}]}, "body.opportunities.0.opportunity_id"),
        ({"opportunities": [ONE], "as_of": "soon"}, "body.as_of"),
    ],
)
def test_a_wrong_body_is_told_by_the_place(api: Api, body: dict[str, Any], at: str) -> None:
    problem = checked(api.client.post("/v1/score", json=body), 422, "invalid")

    assert [e["at"] for e in problem["errors"]] == [at]


def test_emoji_and_any_other_text_are_names_like_others(api: Api) -> None:
    one = ONE | {"opportunity_id": "🦄/ö?#", "sales_agent": "👩‍💼\x00", "product": "' OR 1=1 --"}

    answer = api.score(one, reasons=True)

    assert answer.status_code == 200
    assert answer.json()["opportunities"][0]["opportunity_id"] == "🦄/ö?#"


@pytest.mark.parametrize("rows", [1_001, 100_000])
def test_too_many_opportunities_are_refused(api: Api, rows: int) -> None:
    body = {"opportunities": [{"opportunity_id": str(i)} for i in range(rows)]}

    checked(api.client.post("/v1/score", json=body), 413, "body-too-large")


def test_one_given_twice_is_refused(api: Api) -> None:
    problem = checked(api.score(ONE, ONE), 409, "conflict")

    assert "'N1'" in problem["detail"]


def test_a_body_in_pieces_is_counted_as_it_comes(api: Api) -> None:
    def pieces() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    answer = api.client.post("/v1/score", content=pieces(), headers=JSON)

    checked(answer, 413, "body-too-large")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Authorization": "Basic x"},
        {"Authorization": "Bearer"},
        bearer("dealcast_wrong"),
        bearer(READ[:-1]),
        bearer("é"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        SCORE_IT,
        ("GET", "/v1/model"),
        ("GET", "/v1/forecast"),
        ("GET", "/v1/opportunities"),
        ("GET", "/v1/opportunities/x"),
    ],
)
def test_without_a_valid_key_nothing_is_told(
    api: Api, method: str, path: str, given: dict[str, str]
) -> None:
    answer = httpx.request(
        method,
        f"{api.url}{path}",
        headers={k: v.encode("latin-1") for k, v in (given | JSON).items()},
        content=b"{" if method == "POST" else None,
    )

    checked(answer, 401, "no-key")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_opens_what_its_scopes_say(api: Api) -> None:
    reads, scores = (
        [
            httpx.get(f"{api.url}/v1/model", headers=bearer(key)),
            httpx.post(f"{api.url}/v1/score", headers=bearer(key), json={"opportunities": [ONE]}),
        ]
        for key in (READ, SCORE)
    )

    assert [a.status_code for a in reads] == [200, 403]
    assert [a.status_code for a in scores] == [403, 200]
    assert "'reader' is not for 'score'" in checked(reads[1], 403, "key-not-for-this")["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
def test_what_machines_look_after_needs_no_key(api: Api, path: str) -> None:
    assert httpx.get(f"{api.url}{path}").status_code == 200


def test_an_empty_store_is_not_ready_and_says_what_to_do(tmp_path: Path) -> None:
    with api_on(str(tmp_path / "nothing"), tmp_path) as empty:
        problems = [
            checked(answer, 503, "not-ready")
            for answer in (
                empty.client.get("/readyz"),
                empty.client.get("/v1/model"),
                empty.score(ONE),
            )
        ]

        assert empty.client.get("/healthz").status_code == 200
    assert all("dealcast run" in p["remedy"] for p in problems)


def test_a_slow_body_a_slow_answer_and_a_crowd_are_refused(sample: Any, tmp_path: Path) -> None:
    with api_on(sample.store.root, tmp_path, timeout_seconds=0.001) as hasty:
        checked(hasty.client.get("/v1/opportunities?limit=1000"), 504, "too-slow")

    with api_on(sample.store.root, tmp_path, timeout_seconds=1, max_requests=1) as strict:
        host, port = strict.url.removeprefix("http://").split(":")
        head = (
            f"POST /v1/score HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n"
            f"Authorization: Bearer {SCORE}\r\n\r\n{{"
        )
        with socket.create_connection((host, int(port)), timeout=30) as slow:
            slow.sendall(head.encode())
            crowded = strict.client.get("/v1/model")
            while crowded.status_code == 200:  # until the slow one has come in
                crowded = strict.client.get("/v1/model")
            alive = strict.client.get("/healthz")
            answer = "".join(part.decode() for part in iter(partial(slow.recv, 10_000), b""))

    checked(crowded, 503, "busy")
    assert crowded.headers["retry-after"] == "1"
    assert alive.status_code == 200
    assert answer.startswith("HTTP/1.1 408")
    assert "urn:dealcast:body-too-slow" in answer


def test_who_has_no_key_is_refused_before_the_body_has_come_and_takes_no_room(
    sample: Any, tmp_path: Path
) -> None:
    with api_on(sample.store.root, tmp_path, timeout_seconds=60, max_requests=1) as api:
        host, port = api.url.removeprefix("http://").split(":")
        head = f"POST /v1/score HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\n{{"
        with socket.create_connection((host, int(port)), timeout=30) as slow:
            slow.sendall(head.encode())
            refused = slow.recv(10_000).decode()
            with_key = api.client.get("/v1/model")

    assert refused.startswith("HTTP/1.1 401")
    assert with_key.status_code == 200
