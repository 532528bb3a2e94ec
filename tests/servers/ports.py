"""Free loopback ports, and waiting for a server with an end to it."""

import socket
import time
from collections.abc import Callable


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(check: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Ask until the check holds. Raises TimeoutError, saying what was waited for."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} was not there after {seconds:g} s")
        time.sleep(0.1)
