"""PROBLEMS: every way a request can fail, told as RFC 9457 says (application/problem+json)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from dealcast.errors import DealcastError
from dealcast.surfaces.api.requests import request_id

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its HTTP status, its title, and what the caller can do."""

    status: int
    title: str
    remedy: str


PROBLEMS: Mapping[str, Kind] = {
    "malformed-body": Kind(400, "The body is not JSON", "send one JSON document in UTF-8"),
    "no-key": Kind(401, "There is no valid key", "send the header Authorization: Bearer KEY"),
    "key-not-for-this": Kind(
        403, "The key is not for this", "ask for one with this scope: dealcast api key"
    ),
    "not-found": Kind(404, "There is no such thing here", "/openapi.json lists what there is"),
    "method-not-allowed": Kind(
        405, "This cannot be done here", "the header Allow says what can be done"
    ),
    "conflict": Kind(409, "The request contradicts what is known", "mend what `detail` names"),
    "body-too-slow": Kind(408, "The body did not come in time", "send it again, at once"),
    "body-too-large": Kind(413, "The body is too large", "send fewer opportunities at a time"),
    "not-json": Kind(415, "The body is of another type", "send Content-Type: application/json"),
    "invalid": Kind(422, "The request is not valid", "mend what `errors` lists"),
    "too-often": Kind(429, "Too many requests", "ask again after the seconds of Retry-After"),
    "unexpected": Kind(500, "A fault of Dealcast", "report it with the request id"),
    "busy": Kind(503, "Too many requests at once", "try again in a second"),
    "not-ready": Kind(503, "There is nothing to answer with yet", "`dealcast run` makes it"),
    "too-slow": Kind(504, "It took too long", "ask for fewer opportunities, or again later"),
}
_OF_STATUS = {
    400: "malformed-body",
    401: "no-key",
    403: "key-not-for-this",
    404: "not-found",
    405: "method-not-allowed",
    415: "not-json",
}


class ProblemError(Exception):
    """A request that fails in a way of PROBLEMS; `detail` has names and numbers.

    `retry_after`: seconds after which it is worth trying again.
    """

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        remedy: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(name, detail)
        self.name, self.detail, self.remedy, self.errors = name, detail, remedy, errors
        self.retry_after = retry_after


def response_of(problem: ProblemError, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a response."""
    kind = PROBLEMS[problem.name]
    content: dict[str, Any] = {
        "type": f"urn:dealcast:{problem.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "remedy": problem.remedy or kind.remedy,
        "request_id": request_id(),
    }
    if problem.errors:
        content["errors"] = list(problem.errors)
    more = {"WWW-Authenticate": "Bearer"} if kind.status == 401 else {}  # noqa: PLR2004 - RFC 9110
    if problem.retry_after is not None:
        more["Retry-After"] = str(problem.retry_after)
    return Response(
        json.dumps(content), kind.status, {**more, **(headers or {})}, media_type=MEDIA_TYPE
    )


def answer_problems(app: FastAPI) -> None:
    """Let every error that a route raises be answered as a problem."""
    app.add_exception_handler(ProblemError, _of_problem)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(DealcastError, _of_dealcast)


async def _of_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - as it is registered
    return response_of(error)


async def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as it is registered
    found = error.errors()
    if found and found[0]["type"] == "json_invalid":
        return response_of(ProblemError("malformed-body", "The body cannot be read as JSON."))
    # What was sent is not repeated: it may be about people.
    errors = [{"at": _place(e["loc"]), "problem": str(e["msg"])} for e in found[:MOST_ERRORS]]
    return response_of(
        ProblemError("invalid", f"{len(found):,} values are not valid.", errors=errors)
    )


async def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it is registered
    name = _OF_STATUS.get(error.status_code, "unexpected")
    return response_of(ProblemError(name, f"{PROBLEMS[name].title}."), headers=error.headers)


async def _of_dealcast(_: Request, error: Exception) -> Response:
    assert isinstance(error, DealcastError)  # noqa: S101 - as it is registered
    return response_of(ProblemError("not-ready", error.problem, remedy=error.remedy))


def _place(location: Sequence[object]) -> str:
    """Where a value stands: body.opportunities.0.amount.

    >>> _place(("body", "opportunities", 0, "amount"))
    'body.opportunities.0.amount'
    """
    return ".".join(str(part)[:100] for part in location)
