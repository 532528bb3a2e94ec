"""What texts tell people to type is there: commands of messages, help and documents."""

import re
from pathlib import Path

import click

from dealcast.cli import cli

ROOT = Path(__file__).resolve().parents[2]
GLOBS = ("src/dealcast/**/*.py", "src/dealcast/**/*.html", "docs/*.md", "*.md")
TEXTS = sorted(text for pattern in GLOBS for text in ROOT.glob(pattern))
# `dealcast store delete --yes`: words until an option or an argument comes.
TYPED = re.compile(r"(?:`|\$ |Example: )dealcast((?: [a-z][a-z-]*(?=[ `\n\\\"']))+)")


def missing(words: list[str]) -> str | None:
    """The first word that names no command, where the command before takes commands."""
    command: click.Command = cli
    for word in words:
        if not isinstance(command, click.Group):
            return None
        found = command.get_command(click.Context(command), word)
        if found is None:
            return word
        command = found
    return None


def test_the_check_finds_a_command_that_is_not_there() -> None:
    (typed,) = TYPED.findall("`dealcast runs list` shows every run")

    assert missing(typed.split()) == "list"
    assert missing(["store", "delete"]) is None
    assert missing(["export", "scores"]) is None


def test_every_command_that_a_text_names_is_there() -> None:
    named = {
        (str(text.relative_to(ROOT)), words.strip())
        for text in TEXTS
        for words in TYPED.findall(text.read_text(encoding="utf-8"))
    }

    assert {words for _, words in named} >= {"runs show", "store delete", "run", "doctor"}
    assert {(text, words) for text, words in named if missing(words.split())} == set()
