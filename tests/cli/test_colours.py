"""Colours are for terminals only, and for nobody who sets NO_COLOR."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "a table": ("config", "show"),
    "an error": ("runs", "show", "nowhere"),
}


def in_terminal(folder: Path, *arguments: str, **environment: str) -> str:
    """What a command prints on a terminal."""
    controller, terminal = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "dealcast", *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=folder,
        env=clean | {"TERM": "xterm-256color", "COLUMNS": "80"} | environment,
    )
    os.close(terminal)
    said = b""
    while True:
        try:
            said += os.read(controller, 65_536)
        except OSError:  # the other end was closed
            break
    process.wait(timeout=60)
    os.close(controller)
    return said.decode()


COLOUR = "\x1b["


@pytest.mark.parametrize("what", list(COMMANDS))
def test_a_terminal_shows_weight_or_colour(tmp_path: Path, what: str) -> None:
    assert COLOUR in in_terminal(tmp_path, *COMMANDS[what])


def test_no_color_takes_the_colour_of_an_error(tmp_path: Path) -> None:
    assert COLOUR not in in_terminal(tmp_path, *COMMANDS["an error"], NO_COLOR="1")


def test_no_color_takes_every_colour_of_a_table(tmp_path: Path) -> None:
    said = in_terminal(tmp_path, *COMMANDS["a table"], NO_COLOR="1")

    assert not any(f"{COLOUR}3{n}m" in said or f";3{n}m" in said for n in range(8))


@pytest.mark.parametrize("what", list(COMMANDS))
def test_a_pipe_gets_neither(tmp_path: Path, what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dealcast", *COMMANDS[what]],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
    )

    assert COLOUR not in done.stdout + done.stderr
