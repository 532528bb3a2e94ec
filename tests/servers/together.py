"""Which files of tests go to the same worker: those of a server that is slow to start."""

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

# Fixtures of tests/conftest.py; each worker that needs one starts its own.
SLOW_TO_START = ("prefect_server", "mlflow_server", "spark")
USE = re.compile(rf"\b({'|'.join(SLOW_TO_START)})\b[:,)\"]")


class ByServer(LoadFileScheduling):
    """Files to workers, as --dist loadfile does, but all files of a slow server to one."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(self.config.rootpath / super()._split_scope(nodeid))


@cache
def scope_of(file: Path) -> str:
    """The first of the slow servers that the file asks for by name; else the file itself."""
    is_of_tests = file.name.startswith("test_")
    found = USE.search(file.read_text(encoding="utf-8")) if is_of_tests else None
    return found[1] if found else str(file)
