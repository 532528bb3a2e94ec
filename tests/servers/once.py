"""What a session makes once for all its workers: by the first that asks, while the others wait."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def session_folder(factory: pytest.TempPathFactory) -> Path:
    """What all workers of this session see: each has a folder of its own below it."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(folder: Path, name: str, make: Callable[[Path], None]) -> Path:
    """What is of that name in the folder: `make` fills it for the first who asks.

    Not to be changed. What is left of an attempt that failed is removed by the next; the lock ends
    with its process.
    """
    made, done = folder / name, folder / f"{name}.made"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            done.touch()
    return made
