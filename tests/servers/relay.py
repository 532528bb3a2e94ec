"""A door to a server that opens late: until then everybody is turned away."""

import contextlib
import math
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from servers.ports import free_port


@contextlib.contextmanager
def relay_to(url: str, *, opens_after_seconds: float) -> Iterator[str]:
    """The URL with a port that turns away at first, and leads to the server from then on.

    The seconds begin with the first that comes, who finds it closed however late that is.
    """
    target = urlsplit(url)
    assert target.hostname is not None
    assert target.port is not None
    port, closing = free_port(), threading.Event()
    way = (target.hostname, target.port)

    def serve() -> None:
        opens = math.inf
        with socket.create_server(("127.0.0.1", port)) as door:
            door.settimeout(0.1)
            while not closing.is_set():
                with contextlib.suppress(TimeoutError):
                    caller = door.accept()[0]
                    opens = min(opens, time.monotonic() + opens_after_seconds)
                    if time.monotonic() < opens:
                        caller.close()
                    else:
                        _join(caller, socket.create_connection(way, 10), closing)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield url.replace(f":{target.port}/", f":{port}/")
    finally:
        closing.set()
        thread.join()


def _join(one: socket.socket, other: socket.socket, closing: threading.Event) -> None:
    for source, sink in ((one, other), (other, one)):
        threading.Thread(target=_pass_on, args=(source, sink, closing), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket, closing: threading.Event) -> None:
    source.settimeout(0.2)
    with source:
        while not closing.is_set():
            try:
                content = source.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                return
            if not content:
                break
            sink.sendall(content)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
