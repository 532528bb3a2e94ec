"""A whole run on the generated export, made once for all tests that start from its end."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from servers.command_line import called
from servers.once import made_once, session_folder

# Large enough for every step to have something to do, small enough to be run a dozen times.
SAMPLE = ("--source", "sample", "--set", "source.opportunities=1500", "--set", "source.dirt=5")
# For runs of a test's own that are not about how much is known.
FEW = ("--source", "sample", "--set", "source.opportunities=900")
MONTHLY = ("--set", "features.snapshot_every_days=28")


@dataclass(frozen=True)
class SampleRun:
    """The store of `dealcast run` on SAMPLE, not to be changed, and what it printed (--json)."""

    root: Path
    summary: dict[str, Any]

    def copy(self, folder: Path) -> Path:
        """A store of one's own, as that run left it."""
        return shutil.copytree(self.root, folder)


def sample_run(factory: pytest.TempPathFactory) -> SampleRun:
    """The run of this session."""
    made = made_once(session_folder(factory), "sample", _run)
    summary = json.loads((made / "summary.json").read_text(encoding="utf-8"))
    return SampleRun(made / "store", summary)


def _run(folder: Path) -> None:
    done = called("run", *SAMPLE, "--root", folder / "store", "--json")
    assert done.code == 0, done.err
    (folder / "summary.json").write_text(done.out, encoding="utf-8")
