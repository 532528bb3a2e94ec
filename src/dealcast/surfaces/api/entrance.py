"""What every request passes: an id, limits of size, time and number, one line of log, metrics."""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dealcast.settings import ApiSettings
from dealcast.surfaces.api.incoming import Incoming
from dealcast.surfaces.api.logs import FIELDS
from dealcast.surfaces.api.metrics import Metrics
from dealcast.surfaces.api.problems import ProblemError, response_of
from dealcast.surfaces.api.requests import Noted, begin

logger = logging.getLogger(__name__)

# Answered however busy the API is: what asks for them decides whether it still lives.
ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
ID_HEADER = b"x-request-id"
# Of a path that is no route, so that metrics and logs hold nothing that callers make up.
NO_ROUTE = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Entrance:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, begin(_header(scope["headers"], ID_HEADER)))
        began = time.perf_counter()
        self._at_once += 1
        self._metrics.at_once.inc()
        try:
            await self._within_limits(scope, receive, answer)
        except ProblemError as problem:
            await answer.problem(problem, scope, receive)
        except Exception:
            # Whatever it is, the caller gets an answer and the server goes on.
            logger.exception("unexpected", extra={FIELDS: {"request_id": answer.noted.id}})
            told = ProblemError("unexpected", "The request could not be answered.")
            await answer.problem(told, scope, receive)
        finally:
            self._at_once -= 1
            self._metrics.at_once.dec()
            self._tell(scope, answer, time.perf_counter() - began)

    async def _within_limits(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        most = self._settings.max_requests
        if self._at_once > most and scope["path"] not in ALWAYS:
            raise ProblemError("busy", f"{most:,} requests are being answered.", retry_after=1)
        seconds = self._settings.timeout_seconds
        now, limit = asyncio.get_running_loop().time, asyncio.timeout(seconds)
        incoming = Incoming(
            receive,
            self._settings.max_body_bytes,
            # The answer may take so long again.
            whole=lambda: limit.reschedule(now() + seconds),
        )
        try:
            async with limit:
                await self._app(scope, incoming.receive, answer.send)
        except TimeoutError:
            if incoming.is_awaited:
                raise ProblemError("body-too-slow", "The body did not come in time.") from None
            told = f"There was no answer within {seconds:g} seconds."
            raise ProblemError("too-slow", told) from None

    def _tell(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(method, route, str(answer.status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if route in ALWAYS:
            return
        fields: dict[str, Any] = {
            "request_id": answer.noted.id,
            "method": method,
            "route": route,
            "status": answer.status,
            "milliseconds": round(seconds * 1_000, 3),
            "key": answer.noted.key,
            "opportunities": answer.noted.opportunities,
        }
        logger.info("request", extra={FIELDS: {k: v for k, v in fields.items() if v is not None}})


class _Answer:
    """Hands the answer on, with the id of the request among its headers."""

    def __init__(self, send: Send, noted: Noted) -> None:
        self._send, self.noted = send, noted
        # As nginx notes it: the caller left before there was an answer.
        self.status = 499
        self._begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun, self.status = True, message["status"]
            given = [*message.get("headers", ()), (ID_HEADER, self.noted.id.encode())]
            message = {**message, "headers": given}
        await self._send(message)

    async def problem(self, problem: ProblemError, scope: Scope, receive: Receive) -> None:
        if not self._begun:
            await response_of(problem)(scope, receive, self.send)


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key == name), None)
