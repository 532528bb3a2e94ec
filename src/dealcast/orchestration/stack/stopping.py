"""Stop the stack, last started first, and prove that no process of it is left."""

import shutil
import time
from collections.abc import Sequence

from dealcast.errors import ServiceError
from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.ports import remove_grpc_sockets
from dealcast.orchestration.stack.processes import end, processes_of
from dealcast.orchestration.stack.services import STAGES, Service
from dealcast.orchestration.stack.supervising import Supervisor, require_extra

STOPPED = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")
AFTER_KILL_SECONDS = 10
SUPERVISOR_SECONDS = 20
LEFTOVER_SECONDS = 15
POLL_SECONDS = 0.2


def down(layout: Layout, *, purge: bool = False) -> list[str]:
    """Stop the stack; the names of the processes that were stopped, leftovers included.

    The data stay, unless they are to be purged. Raises ServiceError where a process does not end.
    """
    require_extra()
    if not layout.folder.is_dir():
        return []
    with layout.locked():
        stopped = stop_all(layout)
    if purge:
        shutil.rmtree(layout.folder)
    return stopped


def stop_all(layout: Layout) -> list[str]:
    """Stop every service, then the supervisor, then whatever is left of them."""
    supervisor = Supervisor(layout)
    stopped = []
    if supervisor.answers():
        for stage in reversed(STAGES):
            stopped += _stop_stage(supervisor, stage)
        _wait_for(layout, supervisor.shut_down())
    leftovers = processes_of(layout)
    stopped += [f"process {p.pid}" for p in leftovers]
    left = end(layout, leftovers, seconds=LEFTOVER_SECONDS)
    if left:
        raise ServiceError(
            f"Processes of the stack do not end: {', '.join(str(p.pid) for p in left)}.",
            remedy="end them (kill -9), then dealcast stack down",
        )
    layout.remove_sockets()
    remove_grpc_sockets(layout)
    (layout.folder / "supervisord.pid").unlink(missing_ok=True)
    return stopped


def _stop_stage(supervisor: Supervisor, stage: Sequence[Service]) -> list[str]:
    before = supervisor.states()
    running = [s for s in stage if before[s.name].state not in STOPPED]
    for service in running:
        supervisor.stop_service(service)
    # The supervisor itself kills what does not stop in time.
    longest = max((s.stop_seconds for s in running), default=0) + AFTER_KILL_SECONDS
    until = time.monotonic() + longest
    while running and time.monotonic() < until:
        states = supervisor.states()
        if all(states[s.name].state in STOPPED for s in running):
            break
        time.sleep(POLL_SECONDS)
    return [s.name for s in running]


def _wait_for(layout: Layout, pid: int) -> None:
    until = time.monotonic() + SUPERVISOR_SECONDS
    while time.monotonic() < until and any(p.pid == pid for p in processes_of(layout)):
        time.sleep(POLL_SECONDS)
