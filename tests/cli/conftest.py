"""Calls of the command line in this process, with the exit code it would end with."""

import contextlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dealcast.__main__ import main


@dataclass(frozen=True)
class Called:
    """How a call ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Called]


def called(*arguments: object) -> Called:
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["dealcast", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as ended:
                code = ended.code
    finally:
        sys.argv = before
    return Called(int(code or 0), out.getvalue(), err.getvalue())


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
