"""Whatever bytes come: an answer that is no failure of ours, and the server goes on."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servers.api import Api

GOOD = {
    "opportunities": [
        {"opportunity_id": "H1", "engage_date": "2025-12-20", "sales_agent": "Ann", "amount": 12.5},
        {"opportunity_id": "H2", "deal_stage": "Prospecting"},
    ],
    "as_of": "2025-12-31",
    "reasons": True,
}
JSON = {"Content-Type": "application/json"}
# What stands in place of a value, as it is written.
VALUES = (
    *("NaN", "-Infinity", "1e400", "-0", "1e-400", "9" * 5_000, "0.1e", "01", "1.", "+1", "0x1f"),
    *("nul", "True", "'x'", '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\x"', '"a\tb"', '"'),
    *("[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, "[" * 50_000, "{}", "[]", "[[]]"),
    *('{"$ref": "#"}', '{"__proto__": {}}', '"' + "x" * 3_000 + '"', '"=1+1"', '"\u202ex"', ""),
    *('"2025-02-30"', '"0000-00-00"', '"2025-12-20T00:00:00Z"', "1734652800", "true", "null"),
    *("/* */ 1", "1, 2", "1}", "\ufeff1", '"\\uD83E\\uDD84"', "1" + " " * 9_000, '"é"', '"../"'),
)
settled = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def check(answer: httpx.Response) -> None:
    """Scores or a problem that says what to do; never a failure of the server."""
    assert answer.status_code < 500, answer.text
    if answer.status_code == 200:
        answer.json()
        return
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["remedy"]
    assert problem["detail"]
    assert len(answer.content) < 20_000


def posted(api: Api, body: bytes, **headers: str) -> httpx.Response:
    return api.client.post("/v1/score", content=body, headers=JSON | headers)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A good body with some values and names changed, written in any encoding, perhaps cut."""
    text = json.dumps(GOOD)
    places = [part for part in (*_values(GOOD), *_names(GOOD)) if part in text]
    for place in draw(st.lists(st.sampled_from(places), max_size=3)):
        text = text.replace(place, draw(st.sampled_from(VALUES)), 1)
    encoding = draw(st.sampled_from(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-32", "cp1252"]))
    data = text.encode(encoding, "replace")
    end = draw(st.integers(0, len(data))) if draw(st.integers(0, 4)) == 0 else len(data)
    return data[:end] + draw(st.sampled_from([b""] * 6 + [b"\0", b"}", b"\xff", b"{}", b"\n" * 99]))


def _values(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [v for value in tree.values() for v in _values(value)] + [json.dumps(tree)]
    if isinstance(tree, list):
        return [v for value in tree for v in _values(value)] + [json.dumps(tree)]
    return [json.dumps(tree)]


def _names(tree: Any) -> list[str]:
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    own = [json.dumps(name) for name in tree] if isinstance(tree, dict) else []
    return own + [name for part in inner for name in _names(part)]


@settled
@given(body=bodies())
def test_a_body_is_scored_or_told_what_is_wrong(api: Api, body: bytes) -> None:
    check(posted(api, body))


@settled
@given(
    body=st.binary(max_size=300), kind=st.sampled_from(["application/json", "text/x", "a/b+json"])
)
def test_any_bytes_are_answered(api: Api, body: bytes, kind: str) -> None:
    check(posted(api, body, **{"Content-Type": kind}))


@settled
@given(
    path=st.sampled_from(
        ["/v1/opportunities", "/v1/forecast", "/v1/model", "/v1/opportunities/{}"]
    ),
    query=st.dictionaries(
        st.sampled_from(["cursor", "limit", "sort", "grade", "is_stale", "sales_agent", "x"]),
        st.text(max_size=30) | st.sampled_from(["-1", "1e9", "9" * 400, "null", "WyJhIl0=", "[]"]),
        max_size=4,
    ),
    text=st.text(min_size=1, max_size=30),
)
def test_any_question_is_answered(api: Api, path: str, query: dict[str, str], text: str) -> None:
    asked = "&".join(f"{k}={quote(v.encode('utf-8', 'replace'))}" for k, v in query.items())
    name = quote(text.encode("utf-8", "replace"), safe="")

    check(api.client.get(f"{path.format(name)}?{asked}"))


@pytest.mark.parametrize(
    "query", ["cursor=%FF%FE", "limit=%00", "sales_agent=%ED%A0%80", "&&&=&", "%", "a" * 8_000]
)
def test_broken_escapes_are_answered(api: Api, query: str) -> None:
    check(api.client.get(f"/v1/opportunities?{query}"))


@settled
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["X-Request-ID", "Accept", "Content-Encoding", "Expect", "Range", "Cookie"]
        ),
        st.binary(max_size=40).map(lambda b: bytes(c for c in b if c > 31 and c != 127).strip()),
        max_size=3,
    )
)
def test_any_headers_are_answered(api: Api, headers: dict[str, bytes]) -> None:
    named = {name.encode(): value for name, value in headers.items()} | {
        b"Content-Type": b"application/json"
    }

    answer = api.client.post("/v1/score", content=json.dumps(GOOD), headers=named)

    check(answer)
    assert answer.headers["x-request-id"].isprintable()


def test_after_all_that_it_scores_as_before(api: Api) -> None:
    answer = posted(api, json.dumps(GOOD).encode())

    assert answer.status_code == 200
    assert [o["opportunity_id"] for o in answer.json()["opportunities"]] == ["H1", "H2"]
