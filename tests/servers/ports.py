"""Free loopback ports, and waiting for a server with an end to it."""

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_HELD: list[socket.socket] = []


class ServerEndedError(RuntimeError):
    """The server's process ended by itself."""


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def deaf_port() -> int:
    """A port that nobody listens on, nor will: it is held, so no other test's server gets it."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    port: int = held.getsockname()[1]
    return port


def wait_until(check: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Ask until the check holds. Raises TimeoutError, saying what was waited for."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} was not there after {seconds:g} s")
        time.sleep(0.1)


def require_running(process: subprocess.Popen[bytes], log: Path, what: str) -> None:
    """Raise ServerEndedError, with the last lines of the log, where the process has ended."""
    if process.poll() is not None:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise ServerEndedError(f"{what} ended by itself ({process.returncode}):\n{last}")
