"""Write the reference pages from the tables of records they describe: `make docs` calls it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from dealcast.cleaning import CLEANING_RULES
from dealcast.cli import COMMANDS, cli
from dealcast.features.catalogue import CATALOGUE
from dealcast.quality.checks import CHECKS
from dealcast.quality.spec import WEIGHTS
from dealcast.settings import SOURCE_KINDS, Section, Settings
from dealcast.workflow.tables import TABLES

REFERENCE = Path(__file__).parent / "reference"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table; bars inside cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def checks() -> str:
    """CHECKS as a page."""
    weights = ", ".join(f"{severity} {weight:g}" for severity, weight in WEIGHTS.items())
    rows = [
        (c.code, c.title, c.dimension, c.severity, c.table, ", ".join(c.columns), c.remedy)
        for c in CHECKS
    ]
    header = ("code", "what it finds", "dimension", "severity", "table", "columns", "remedy")
    return f"# Checks\n\nA failing share of 1 deducts: {weights}.\n\n{table(header, rows)}\n"


def cleaning_rules() -> str:
    """CLEANING_RULES as a page."""
    rows = [(r.code, r.action, ", ".join(r.tables), r.title, r.does) for r in CLEANING_RULES]
    return "# Cleaning rules\n\nIn the order they are applied.\n\n" + table(
        ("code", "action", "tables", "rule", "what it does"), rows
    )


def catalogue() -> str:
    """CATALOGUE as a page."""
    rows = [
        (f"`{s.name}`", s.meaning, s.unit, s.entity, s.lens.value, s.leak.value, s.available)
        for s in CATALOGUE
    ]
    header = ("feature", "meaning", "unit", "entity", "lens", "leak", "known")
    return f"# Feature catalogue\n\n{len(rows)} features, used or banned.\n\n" + table(header, rows)


def tables() -> str:
    """TABLES as a page."""
    rows = [(f"`{t.name}`", f"`{t.path}/`", t.about, t.mode) for t in TABLES.values()]
    return "# Tables of the store\n\n" + table(("table", "lies in", "holds", "a run will"), rows)


def settings() -> str:
    """The settings tree as a page."""
    sections: list[tuple[str, type[Section]]] = []
    for name, field in Settings.model_fields.items():
        if name == "source":
            sections += [(f"source (kind: {k})", section) for k, section in SOURCE_KINDS.items()]
        else:
            sections.append((name, type(field.default)))
    parts = ["# Settings\n\nDefaults < `config/ENV.yaml` < environment < flags."]
    for name, section in sections:
        rows = list(_keys(section))
        parts.append(f"## {name}\n\n{section.__doc__}\n\n" + table(("key", "default", "is"), rows))
    return "\n\n".join(parts)


def _keys(section: type[Section], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for key, field in section.model_fields.items():
        if isinstance(field.default, Section):
            yield from _keys(type(field.default), f"{prefix}{key}.")
        elif key != "kind":
            yield f"`{prefix}{key}`", f"`{field.default}`", field.description or ""


def commands() -> str:
    """The help of every command as a page."""
    parts = ["# Commands"]
    root = click.Context(cli, info_name="dealcast")
    for name in COMMANDS:
        command = cli.get_command(root, name)
        if command is None:
            continue
        context = click.Context(command, info_name=name, parent=root)
        parts.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```")
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                child = command.commands[sub]
                under = click.Context(child, info_name=sub, parent=context)
                parts.append(f"### {name} {sub}\n\n```text\n{child.get_help(under)}\n```")
    return "\n\n".join(parts)


PAGES = {
    "checks": checks,
    "cleaning_rules": cleaning_rules,
    "catalogue": catalogue,
    "tables": tables,
    "settings": settings,
    "commands": commands,
}

if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / f"{name}.md").write_text(page() + "\n", encoding="utf-8")
