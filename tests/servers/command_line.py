"""Calls of the command line in this process, with the exit code it would end with."""

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from typing import Any

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


def called(*arguments: object) -> Called:
    """Call `dealcast ARGUMENTS` from where this process is."""
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
