"""A loopback proxy in front of an S3 server that fails by plan: the same seed, the same faults.

The Host header goes through as it came, so that signatures hold. It is a process of its own:
deltalake holds Python's lock while it waits for an answer, and would wait for itself.
"""

import contextlib
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from servers.seaweed import S3Server

CONTROL = "/-/proxy"
NOT_PASSED_ON = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True)
class Faults:
    """Shares (0-1) of requests that fail in each way; what is left passes.

    `cut_after`: the server has done the work, and the client never hears of it. `always`: answer
    every request so, such as ("403 Forbidden", "RequestTimeTooSkewed"). `methods`, `path`: only
    requests of these methods, whose path contains this, fail. `limit`: so many fail at most.
    """

    cut_before: float = 0.0
    cut_in_request: float = 0.0
    cut_after: float = 0.0
    cut_in_response: float = 0.0
    error_500: float = 0.0
    slow_down: float = 0.0
    latency_seconds: float = 0.0
    always: tuple[str, str] | None = None
    methods: tuple[str, ...] = ("GET", "PUT", "POST", "HEAD", "DELETE")
    path: str = ""
    limit: int = 1_000_000


KINDS = ("cut_before", "cut_in_request", "cut_after", "cut_in_response", "error_500", "slow_down")


@dataclass(frozen=True)
class Proxy:
    """A running proxy, and the server as it is reached through it."""

    server: "S3Server"
    port: int

    def plan(self, faults: Faults, *, seed: int = 0) -> None:
        """Fail like this from now on, and count anew."""
        self._control("POST", json.dumps({**asdict(faults), "seed": seed}))

    def seen(self) -> Counter[str]:
        """How many requests passed, and how many failed in each way."""
        return Counter(self._control("GET"))

    def _control(self, method: str, body: str | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, CONTROL, body)
            return json.loads(connection.getresponse().read())


@contextlib.contextmanager
def faulty(upstream: "S3Server") -> Iterator[Proxy]:
    """Run a proxy that fails in nothing yet, until the block ends."""
    host = upstream.endpoint.removeprefix("http://")
    process = subprocess.Popen([sys.executable, str(Path(__file__)), host], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        server = replace(upstream, endpoint=f"http://127.0.0.1:{port}")
        yield Proxy(server, port)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


class _Plan:
    """The faults of this moment, drawn one by one, and what was drawn."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.set({})

    def set(self, content: dict[str, Any]) -> None:
        with self.lock:
            self.draw = random.Random(content.pop("seed", 0))
            self.faults = Faults(**content)
            self.seen: Counter[str] = Counter()

    def next(self, method: str, path: str) -> str:
        with self.lock:
            kind = self._next(method, path)
            self.seen[kind] += 1
            return kind

    def _next(self, method: str, path: str) -> str:
        faults = self.faults
        failed = sum(self.seen.values()) - self.seen["passed"]
        if method not in faults.methods or faults.path not in path or failed >= faults.limit:
            return "passed"
        if faults.always:
            return "always"
        left = self.draw.random()
        for kind in KINDS:
            left -= getattr(faults, kind)
            if left < 0:
                return kind
        return "passed"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    plan: _Plan
    upstream: str

    def do_any(self) -> None:
        if self.path == CONTROL:
            self._control()
            return
        kind = self.plan.next(self.command, self.path)
        time.sleep(self.plan.faults.latency_seconds)
        length = int(self.headers.get("Content-Length") or 0)
        if kind == "cut_before":
            self._cut()
        elif kind == "cut_in_request":
            self.rfile.read(length // 2)
            self._cut()
        else:
            self._answer(kind, self.rfile.read(length))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_any  # noqa: N815

    def _answer(self, kind: str, body: bytes) -> None:
        planned = {
            "always": self.plan.faults.always,
            "error_500": ("500 Internal Server Error", "InternalError"),
            "slow_down": ("503 Service Unavailable", "SlowDown"),
        }.get(kind)
        if planned:
            self._send(planned[0], [], _refusal(planned[1]))
            return
        status, headers, content = self._ask(body)
        if kind == "cut_after":
            self._cut()
        else:
            self._send(status, headers, content, half=kind == "cut_in_response")

    def _ask(self, body: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in _passed_on(self.headers.items()):
                connection.putheader(name, value)
            if body or self.command in {"PUT", "POST"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content, headers = answer.read(), _passed_on(answer.getheaders())
            if self.command == "HEAD":  # its length is that of the object, and nothing follows
                headers.append(("Content-Length", answer.getheader("Content-Length") or "0"))
            return f"{answer.status} {answer.reason}", headers, content

    def _send(
        self, status: str, headers: list[tuple[str, str]], content: bytes, *, half: bool = False
    ) -> None:
        number, _, reason = status.partition(" ")
        self.send_response(int(number), reason)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if half else content)
        if half:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)

    def _control(self) -> None:
        if self.command == "POST":
            self.plan.set(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._send("200 OK", [], json.dumps(self.plan.seen).encode())

    def log_message(self, *_: object) -> None:
        """Nothing: `seen` counts."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news here."""


def _passed_on(headers: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in NOT_PASSED_ON]


def _refusal(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>as planned</Message></Error>".encode()


def _serve(upstream: str) -> None:
    _Handler.plan, _Handler.upstream = _Plan(), upstream
    server = _Server(("127.0.0.1", 0), _Handler)
    print(server.server_address[1], flush=True)  # noqa: T201 - read by faulty()
    server.serve_forever()


if __name__ == "__main__":
    _serve(sys.argv[1])
