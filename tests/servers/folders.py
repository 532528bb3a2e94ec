"""Folders that other users can reach, as an unprivileged PostgreSQL must where root tests it."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """A temporary folder; pytest's own (`tmp_path`) let nobody else pass."""
    with tempfile.TemporaryDirectory(prefix="dealcast-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
