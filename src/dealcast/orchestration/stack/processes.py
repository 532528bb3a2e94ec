"""Every process of a stack, found by what it was started with, so that none is left behind."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dealcast.orchestration.stack.layout import Layout

if TYPE_CHECKING:
    from psutil import Process

POLL_SECONDS = 0.1
# In the environment of every process of a stack: its folder, and the service's name.
FOLDER_MARK, SERVICE_MARK = "DEALCAST_STACK", "DEALCAST_STACK_SERVICE"


def processes_of(layout: Layout, service: str | None = None) -> list["Process"]:
    """The processes of the stack in that folder, or of one of its services; never this one.

    PostgreSQL's write their title over their environment: those are known by where they work.
    """
    import psutil

    own = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if _belongs(process, layout, service):
                found.append(process)
    return found


def end(layout: Layout, processes: Iterable["Process"], *, seconds: float) -> list["Process"]:
    """Ask them to end, then make them; returns those that are still there."""
    import psutil

    left = list(processes)
    # Smart, fast, at once: what PostgreSQL understands by these (TERM waits for its clients).
    for postgres, others in ((signal.SIGINT, signal.SIGTERM), (signal.SIGQUIT, signal.SIGKILL)):
        for process in left:
            with contextlib.suppress(psutil.Error, OSError):
                process.send_signal(postgres if _is_postgres(process, layout) else others)
        left = still_there(left, seconds=seconds)
    return kill(left, seconds=seconds)


def kill(processes: Iterable["Process"], *, seconds: float) -> list["Process"]:
    """Make them end at once; returns those that are still there."""
    import psutil

    left = list(processes)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return still_there(left, seconds=seconds)


def still_there(processes: Iterable["Process"], *, seconds: float) -> list["Process"]:
    """Those that have not ended after so long. A dead one that nobody has buried has ended."""
    until, left = time.monotonic() + seconds, list(processes)
    while left := [p for p in left if _lives(p)]:
        if time.monotonic() > until:
            break
        time.sleep(POLL_SECONDS)
    return left


def _lives(process: "Process") -> bool:
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _belongs(process: "Process", layout: Layout, service: str | None) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        environment = process.environ()
        if environment.get(FOLDER_MARK) == str(layout.folder):
            return service is None or environment.get(SERVICE_MARK) == service
    return service in (None, "postgres") and _is_postgres(process, layout)


def _is_postgres(process: "Process", layout: Layout) -> bool:
    import psutil

    try:
        return bool(process.cwd() == str(layout.postgres_data))
    except (psutil.Error, OSError):
        return False
