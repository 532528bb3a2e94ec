"""Ports: are they free, and who has them?"""

import contextlib
import socket
from collections.abc import Mapping

from dealcast.errors import ServiceError
from dealcast.orchestration.stack.credentials import HOST
from dealcast.orchestration.stack.layout import Layout, read_state
from dealcast.orchestration.stack.seaweedfs import LISTENERS, grpc_socket

ATTEMPTS = 50


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of loopback at this moment."""
    with socket.socket() as probe:
        # As servers do: what lingers of connections of the past is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def refuse_taken(ports: Mapping[str, int]) -> None:
    """Raise ServiceError naming each port (by its setting) that somebody has, and who."""
    by_port: dict[int, str] = {}
    for setting, port in ports.items():
        if port in by_port:
            raise ServiceError(
                f"stack.{by_port[port]} and stack.{setting} are both {port}.",
                remedy=f"choose another with --set stack.{setting}=PORT",
            )
        by_port[port] = setting
    taken = {setting: port for setting, port in ports.items() if not is_free(port)}
    if not taken:
        return
    told = "; ".join(f"{p} (stack.{s}){_held_by(p)}" for s, p in taken.items())
    one = next(iter(taken))
    raise ServiceError(
        f"Not free on {HOST}: port {told}.",
        remedy=f"end that process, or choose another port in config/staging.yaml or with "
        f"--set stack.{one}=PORT",
    )


def inner_ports(layout: Layout, avoid: Mapping[str, int]) -> dict[str, int]:
    """Ports of SeaweedFS's own listeners: those of the last start where they are still free."""
    before, taken = read_state(layout), set(avoid.values())
    chosen: dict[str, int] = {}
    for name in LISTENERS:
        port = before.get(name)
        if port is None or not _is_usable(name, port, taken):
            port = _usable_port(name, taken)
        taken.add(port)
        chosen[name] = port
    return chosen


def remove_grpc_sockets(layout: Layout) -> None:
    """Remove what a SeaweedFS that was killed left in /tmp; not where one listens again."""
    for listener, port in read_state(layout).items():
        left = grpc_socket(listener, port)
        if left is not None and is_free(port):
            with contextlib.suppress(OSError):
                left.unlink()


def _is_usable(listener: str, port: int, taken: set[int]) -> bool:
    held = grpc_socket(listener, port)
    return port not in taken and is_free(port) and (held is None or not held.exists())


def _usable_port(listener: str, taken: set[int]) -> int:
    for _ in range(ATTEMPTS):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if _is_usable(listener, port, taken):
            return port
    raise ServiceError(
        "No free port was found on this machine.", remedy="end processes that hold many of them"
    )


def _held_by(port: int) -> str:
    import psutil

    try:
        held = [
            c.pid
            for c in psutil.net_connections(kind="inet")
            if c.status == psutil.CONN_LISTEN and c.laddr.port == port and c.pid
        ]
        return f", held by process {held[0]} ({psutil.Process(held[0]).name()})" if held else ""
    except psutil.Error:
        # On some systems only root may ask; the port itself is told all the same.
        return ""
