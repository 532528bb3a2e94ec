"""Every command at 60 and 80 columns: no line sticks out, no word is cut; --json is JSON."""

import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
Call = Callable[..., Any]
ROOM = 200
# What is to be copied is never broken: paths of the store, commands.
COPIED = re.compile(r"/|dealcast \w+")
COMMANDS: dict[str, tuple[str, ...]] = {
    "": (),
    "runs": ("runs",),
    "runs show": ("runs", "show", "latest"),
    "config show": ("config", "show"),
    "validate": ("validate",),
    "clean": ("clean",),
    "quarantine list": ("quarantine", "list"),
    "features": ("features",),
    "audit": ("audit",),
    "audit --feature": ("audit", "--feature", "account"),
    "evaluate": ("evaluate",),
    "evaluate --by": ("evaluate", "--by", "sales_agent"),
    "train": ("train",),
    "score": ("score",),
    "score --moved": ("score", "--moved"),
    "people": ("people",),
    "people --by": ("people", "--by", "sales_agent"),
    "models": ("models",),
    "forecast": ("forecast",),
    "forecast --dead": ("forecast", "--dead"),
    "monitor": ("monitor",),
    "export": ("export", "scores", "--to", "s.csv"),
    "export --versions": ("export", "scores", "--versions"),
    "export --for": ("export", "scores", "--for", "dynamics", "--to", "u.csv"),
    "report": ("report",),
    "run": ("run", "--from", "validate", "--timings"),
}


@pytest.fixture(scope="module")
def root(call_anywhere: Call, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store where every step was done."""
    root = tmp_path_factory.mktemp("finished") / "store"
    size = ("--set", "source.opportunities=2500")
    done = call_anywhere("run", "--source", "sample", *size, "--root", root)
    assert done.code == 0, done.err
    return root


def words(text: str) -> set[str]:
    """What stands between spaces and is a word, in letters alone."""
    bare = (token.strip(string.punctuation) for token in text.split())
    return {token for token in bare if token.isalpha() and len(token) > 3}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_it_fits_and_no_word_is_cut(
    call: Call, root: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {}
    for width in (ROOM, 80, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        done = call(*COMMANDS[name], "--root", root)
        assert done.code in (0, 10, 11), done.err
        said[width] = done.out

    for width in (80, 60):
        wide = [line for line in said[width].splitlines() if len(line.rstrip()) > width]
        assert [line for line in wide if not COPIED.search(line)] == []
        assert words(said[ROOM]) - words(said[width]) == set()
        assert "…" not in said[width]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_as_json_it_can_be_read(call: Call, root: Path, name: str) -> None:
    assert call(*COMMANDS[name], "--root", root, "--json").json
