"""Before the first process starts: can it be done, with which ports, secrets and programs?"""

import json
import os

from dealcast.errors import ServiceError, SettingsError
from dealcast.orchestration.stack import postgres, seaweedfs
from dealcast.orchestration.stack.credentials import HOST, credentials_of, write_env
from dealcast.orchestration.stack.layout import Layout, read_state, write_private, write_state
from dealcast.orchestration.stack.ports import inner_ports, refuse_taken, remove_grpc_sockets
from dealcast.orchestration.stack.processes import FOLDER_MARK, SERVICE_MARK, end, processes_of
from dealcast.orchestration.stack.services import SERVICES, Service, Setup
from dealcast.orchestration.stack.supervising import require_extra
from dealcast.settings import Settings, StackSettings

ORPHANS_SECONDS = 20


def refuse_unusable(settings: Settings) -> None:
    """Raise MissingExtraError, or SettingsError for a work pool that no URL can hold."""
    require_extra()
    seaweedfs.weed()
    pool = settings.orchestration.work_pool
    if "/" in pool or "%" in pool:
        raise SettingsError(
            f"The work pool '{pool}' has a '/' or '%' in its name.",
            remedy="name it otherwise: --set orchestration.work_pool=NAME",
        )


def refuse_other_ports(layout: Layout, stack: StackSettings) -> None:
    """Raise ServiceError where the running stack has other ports than these settings."""
    running, wanted = read_state(layout), public_ports(stack)
    for setting, port in wanted.items():
        if running.get(setting, port) != port:
            raise ServiceError(
                f"The stack in {layout.folder} runs with stack.{setting}={running[setting]}, "
                f"not {port}.",
                remedy="dealcast stack down, then dealcast stack up",
            )


def public_ports(stack: StackSettings) -> dict[str, int]:
    """Port by name of its setting."""
    return {s.port: getattr(stack, s.port) for s in SERVICES if s.port}


def end_orphans(layout: Layout) -> int:
    """End services whose supervisor is gone, for nobody would restart or stop them; how many."""
    orphans = processes_of(layout)
    left = end(layout, orphans, seconds=ORPHANS_SECONDS)
    if left:
        raise ServiceError(
            f"Processes of a former stack do not end: {', '.join(str(p.pid) for p in left)}.",
            remedy="end them (kill -9), then dealcast stack up",
        )
    remove_grpc_sockets(layout)
    return len(orphans)


def setup_of(
    settings: Settings,
    layout: Layout,
    user: postgres.User | None,
    *,
    running: bool,
) -> Setup:
    """All that services need. Raises ServiceError: a taken port, no PostgreSQL, lost secrets."""
    ports = public_ports(settings.stack)
    if not running:
        refuse_taken(ports)
    return Setup(
        settings=settings,
        layout=layout,
        credentials=credentials_of(layout),
        inner_ports={} if running else inner_ports(layout, ports),
        programs=None if running else postgres.find_programs(layout, user),
        user=user,
    )


def prepare(setup: Setup) -> None:
    """Everything that must be there before the first process starts."""
    assert setup.programs is not None  # noqa: S101 - found in setup_of
    write_env(setup.layout.env_file, setup.settings.stack, setup.credentials)
    write_state(setup.layout, {**public_ports(setup.settings.stack), **setup.inner_ports})
    postgres.make_cluster(setup.layout, setup.programs, setup.user, setup.credentials)
    seaweedfs.write_identities(setup.layout, setup.credentials)
    for service in SERVICES:
        file = setup.layout.launch_file(service.name)
        write_private(file, json.dumps(launch_content(service, setup), indent=2))


def launch_content(service: Service, setup: Setup) -> dict[str, object]:
    """What `launch` is to execute as the service."""
    own = service.name == "worker"
    # A proxy of the environment is not for servers of this machine.
    direct = ",".join(filter(None, (os.environ.get("NO_PROXY"), HOST, "localhost")))
    user = setup.user if service.name == "postgres" else None
    return {
        "command": service.command(setup),
        "environment": {
            "DO_NOT_TRACK": "1",
            "NO_PROXY": direct,
            "no_proxy": direct,
            FOLDER_MARK: str(setup.layout.folder),
            SERVICE_MARK: service.name,
            **service.environment(setup),
        },
        # The worker is where its caller was: config/ and the env file are found from there.
        "folder": str(setup.caller_folder if own else setup.layout.data(service.name)),
        "user": user.uid if user else None,
        "group": user.gid if user else None,
        "sweep": service.sweep,
    }
