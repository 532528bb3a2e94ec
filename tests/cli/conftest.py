"""Calls of the command line in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from servers.command_line import Called, called

Call = Callable[..., Called]


@pytest.fixture(scope="session")
def call_anywhere() -> Call:
    """Call `dealcast ARGUMENTS` from where the tests run."""
    return called


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Call `dealcast ARGUMENTS` from an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("DEALCAST_ENV", "DEALCAST_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    return called
