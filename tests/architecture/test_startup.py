"""Starting must stay quick: `dealcast --help` loads nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dealcast.cli import COMMANDS, cli

HEAVY = ("polars", "pydantic", "sklearn", "numpy", "deltalake", "dataframely", "rich", "narwhals")


def commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", child) for sub, child in command.commands.items()]
    return found


def modules_after(*arguments: str) -> set[str]:
    script = (
        "import sys, json, contextlib, io\n"
        "from dealcast.__main__ import main\n"
        f"sys.argv = ['dealcast', *{list(arguments)!r}]\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("arguments", [("--help",), (), ("--version",), ("rnu",)])
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert modules_after(*arguments).isdisjoint(HEAVY)


def test_where_the_work_stands_is_told_without_anything_heavy(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "20261101T060000Z-aaaa"
    run.mkdir(parents=True)
    (run / "manifest.json").write_text('{"status": "done", "error": null, "steps": []}')
    (tmp_path / "runs" / "latest_steps.json").write_text("{}")

    assert modules_after("--root", str(tmp_path)).isdisjoint(HEAVY)


def test_completing_a_command_loads_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_DEALCAST_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "dealcast sc")
    monkeypatch.setenv("COMP_CWORD", "1")

    assert modules_after().isdisjoint({*HEAVY, "dealcast.cli.model"})


def test_the_help_of_a_command_loads_no_giant() -> None:
    assert modules_after("export", "--help").isdisjoint({"sklearn", "kagglehub", "xlsxwriter"})


@pytest.mark.parametrize("command", ["run", "runs", "config"])
def test_the_help_of_the_whole_work_loads_neither_tables_nor_the_store(command: str) -> None:
    assert modules_after(command, "--help").isdisjoint(set(HEAVY) - {"pydantic", "rich"})


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_says_what_it_does_and_has_an_example(
    name: str, command: click.Command
) -> None:
    assert command.help
    assert command.epilog is not None
    assert f"Example: dealcast {name}" in command.epilog


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_static_help_line_begins_the_list(name: str) -> None:
    line = COMMANDS[name][1]

    assert line.endswith(".")
    assert len(line) < 70


def test_every_command_that_shows_data_has_json() -> None:
    leaves = [(n, c) for n, c in commands() if not isinstance(c, click.Group)]

    assert leaves
    assert all("as_json" in [p.name for p in c.params] for _, c in leaves)
