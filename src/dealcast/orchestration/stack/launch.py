"""What the supervisor starts for each service: this, which then becomes the service itself.

    python -m dealcast.orchestration.stack.launch FILE

FILE says what to execute, where and with which secrets, so that neither command lines nor the
supervisor's own file hold any.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.processes import FOLDER_MARK, SERVICE_MARK, kill, processes_of

SWEEP_SECONDS = 10
# What the caller's shell says of other servers is not for these.
NOT_INHERITED = ("PREFECT_", "MLFLOW_", "AWS_", "PG", "SUPERVISOR_")


def main(file: str) -> None:
    """Become the service."""
    wanted = json.loads(Path(file).read_text(encoding="utf-8"))
    environment = environment_of(wanted, dict(os.environ))
    if wanted["sweep"]:
        # A server that was killed leaves its child, which holds the port.
        sweep(Layout(Path(environment[FOLDER_MARK])), environment[SERVICE_MARK])
    os.chdir(wanted["folder"])
    if wanted["user"] is not None:
        become(wanted["user"], wanted["group"])
    os.execve(wanted["command"][0], wanted["command"], environment)  # noqa: S606 - no shell is meant


def environment_of(wanted: dict[str, Any], inherited: dict[str, str]) -> dict[str, str]:
    """The service's environment: the caller's, without what belongs to other servers."""
    kept = {k: v for k, v in inherited.items() if not k.startswith(NOT_INHERITED)}
    own: dict[str, str] = wanted["environment"]
    return kept | own


def sweep(layout: Layout, service: str) -> None:
    """End what is left of an earlier process of the service."""
    kill(processes_of(layout, service), seconds=SWEEP_SECONDS)


def become(user: int, group: int) -> None:
    """Give up root for an unprivileged user, for good."""
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


if __name__ == "__main__":
    main(sys.argv[1])
