"""Shell completion, in a real bash; the scripts of the other shells."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def completed(call: Call, folder: Path, *words: str) -> list[str]:
    """What bash offers after the words, the last of which is begun."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed here")
    program = folder / "dealcast"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dealcast "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = folder / "completion.bash"
    script.write_text(call("completion", "bash").out, encoding="utf-8")
    line = (
        f'PATH="{folder}:$PATH"; source "{script}"; COMP_WORDS=(dealcast {" ".join(words)}); '
        f"COMP_CWORD={len(words)}; _dealcast_completion dealcast; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        [bash, "--norc", "-c", line], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("qua",), ["quarantine"]),
        (("fo",), ["forecast"]),
        (("run", "--tim"), ["--timings"]),
        (("quarantine", "re"), ["readmit"]),
        (("export", "scores", "--for", "h"), ["hubspot"]),
        (("completion", "f"), ["fish"]),
    ],
)
def test_bash_offers_what_begins_so(
    call: Call, tmp_path: Path, words: tuple[str, ...], offered: list[str]
) -> None:
    assert completed(call, tmp_path, *words) == offered


@pytest.mark.parametrize(
    ("shell", "mark"),
    [("bash", "complete -o"), ("zsh", "#compdef dealcast"), ("fish", "complete ")],
)
def test_each_shell_has_its_script(call: Call, shell: str, mark: str) -> None:
    script = call("completion", shell).out

    assert mark in script
    assert "_DEALCAST_COMPLETE" in script
    assert call("completion", shell, "--json").json == {"shell": shell, "script": script[:-1]}


def test_another_shell_is_refused(call: Call) -> None:
    assert call("completion", "csh").code == 2
