"""What each service of the stack does at this moment."""

from dataclasses import dataclass

from dealcast.orchestration.stack.credentials import credentials_of
from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.processes import processes_of
from dealcast.orchestration.stack.services import SERVICES, Service, Setup
from dealcast.orchestration.stack.supervising import ProcessState, Supervisor, require_extra
from dealcast.settings import Settings


@dataclass(frozen=True)
class ServiceStatus:
    """One service: what it does, where, since when (seconds), and what it lacks to be ready."""

    name: str
    title: str
    state: str
    pid: int | None
    address: str
    ready: bool
    uptime_seconds: float | None
    missing: str | None


def status(settings: Settings) -> list[ServiceStatus]:
    """The state of every service, in the order in which they start.

    `lost` is a process whose supervisor is gone: `up` and `down` both put that right.
    """
    require_extra()
    layout = Layout.of(settings.stack.folder)
    supervisor = Supervisor(layout)
    states = supervisor.states() if supervisor.answers() else {}
    setup = Setup(settings=settings, layout=layout, credentials=credentials_of(layout))
    return [_of(name, setup, states) for name in (s.name for s in SERVICES)]


def _of(name: str, setup: Setup, states: dict[str, ProcessState]) -> ServiceStatus:
    service = next(s for s in SERVICES if s.name == name)
    found = states.get(name)
    if found is None:
        return _unsupervised(service, setup)
    running = found.state == "RUNNING"
    missing = service.ready(setup, found.started) if running else found.error or found.state.lower()
    return ServiceStatus(
        name,
        service.title,
        found.state.lower(),
        found.pid or None,
        service.address(setup),
        missing is None,
        found.now - found.started if running else None,
        missing,
    )


def _unsupervised(service: Service, setup: Setup) -> ServiceStatus:
    lost = processes_of(setup.layout, service.name)
    state, pid = ("lost", min(p.pid for p in lost)) if lost else ("stopped", None)
    missing = "its supervisor is gone" if lost else "not started"
    address = service.address(setup)
    return ServiceStatus(service.name, service.title, state, pid, address, False, None, missing)
