"""The command line in this process, from an empty folder."""

from pathlib import Path

import pytest
from tests.cli.conftest import Call, called


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Call `dealcast ARGUMENTS` from an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("DEALCAST_ENV", "DEALCAST_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    return called
