"""What a session makes once for all its workers: by the first that asks, while the others wait."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name, which `make` fills for the first who asks. Not to be changed.

    What is left of an attempt that failed is removed by the next. The lock ends with its process.
    """
    session = _session_folder(factory)
    made, done = session / name, session / f"{name}.made"
    with (session / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            done.touch()
    return made


def _session_folder(factory: pytest.TempPathFactory) -> Path:
    """What all workers of this session see: each has a folder of its own below it."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
