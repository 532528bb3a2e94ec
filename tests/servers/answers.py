"""Servers that no real one plays: one that answers as told, and one that never answers."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# path -> (HTTP status, what is answered)
Answers = Mapping[str, tuple[int, str]]


@contextlib.contextmanager
def answering(
    answers: Answers, seen: list[str | None] | None = None, *, date: str | None = None
) -> Iterator[str]:
    """A server on loopback that answers so, and 404 to all else.

    `seen` gets the credentials of each request; `date` is that of its Date header.
    """

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if seen is not None:
                seen.append(self.headers.get("Authorization"))
            status, text = answers.get(self.path, (404, "not found"))
            self.send_response(status)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_GET = do_POST = do_HEAD = answer  # noqa: N815 - the names that http.server calls

        def date_time_string(self, timestamp: float | None = None) -> str:
            return date or super().date_time_string(timestamp)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """The port of a server that lets everybody connect and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        port: int = server.getsockname()[1]
        yield port
