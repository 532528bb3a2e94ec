"""The body of a request, waited for only where its key has opened the route, and within limits."""

from collections.abc import Callable

from fastapi import Request
from starlette.types import Message, Receive

from dealcast.surfaces.api.problems import ProblemError


class Incoming:
    """What the server says of a request, handed on as it comes.

    `is_awaited`: some of the body is asked for and has not come; `whole` is called once all has.
    Raises ProblemError for more than `most` bytes, and where the caller leaves before the end.
    """

    def __init__(self, receive: Receive, most: int, whole: Callable[[], None]) -> None:
        self._receive, self._most, self._whole = receive, most, whole
        self._size, self._is_whole = 0, False
        self.is_awaited = False

    async def receive(self) -> Message:
        """The next message."""
        if self._is_whole:
            return await self._receive()
        self.is_awaited = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ProblemError("body-too-slow", "The caller left before the body had come.")
        self._size += len(message.get("body", b""))
        refuse_larger(self._size, self._most)
        if not message.get("more_body", False):
            self._is_whole, self.is_awaited = True, False
            self._whole()
        return message


async def take_body(request: Request, most: int) -> None:
    """Wait for the whole body. Raises ProblemError where it is too large or no JSON."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        refuse_larger(int(declared), most)
    if await request.body() and not _is_json(request.headers.get("content-type", "")):
        raise ProblemError("not-json", "The body is not said to be application/json.")


def refuse_larger(size: int, most: int) -> None:
    """Raises ProblemError for more bytes than a body may have."""
    if size > most:
        raise ProblemError("body-too-large", f"A body may have {most:,} bytes.")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
