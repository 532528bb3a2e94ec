"""Results as terminal tables, or as JSON for scripts."""

import json
import os
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from dealcast.cli.fitting import FittingTable
from dealcast.cli.progress import rate
from dealcast.cli.terminal import Terminal, styled
from dealcast.errors import StoreError
from dealcast.surfaces.sentences import blank_by_design, rows_account
from dealcast.surfaces.tables import shape
from dealcast.surfaces.tables.data import FINDING, failed_checks, finding, repairs
from dealcast.surfaces.tables.shape import Row
from dealcast.surfaces.words import count

if TYPE_CHECKING:
    from dealcast.workflow.manifest import StepRecord

PLAIN_WIDTH = 110  # columns where the output is no terminal, so that piped tables are not cut
BAR = 20


def console() -> Terminal:
    """Standard output; colours and width follow the terminal, a pipe gets neither.

    COLUMNS gives the width of either.
    """
    out = Terminal()
    has_width = out.is_terminal or "COLUMNS" in os.environ
    return out if has_width else Terminal(width=PLAIN_WIDTH)


def prose(text: str) -> None:
    """Print text in lines that fit."""
    console().print(text)


def as_json(content: object) -> None:
    """Print JSON: dates as ISO text, no NaN."""
    click.echo(json.dumps(content, indent=2, default=json_default, ensure_ascii=False))


def write_json(content: object, to: Path) -> None:
    """Write JSON to a file."""
    try:
        to.write_text(json.dumps(content, indent=2, default=json_default) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"'{to}' could not be written: {error.strerror}.", remedy="give another file with --to"
        ) from error


def table(title: str, columns: Iterable[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table; columns whose name begins with '>' are numbers, set to the right."""
    made = FittingTable(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for at, column in enumerate(columns):
        right = column.startswith(">")
        whole = right or at == 0  # a figure or a name that is cut says nothing
        made.add_column(
            column.removeprefix(">"),
            justify="right" if right else "left",
            no_wrap=whole,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else str(cell) for cell in row))
    return made


def shown(made: shape.Table) -> Table:
    """A table as the report has it, for the terminal."""
    rows = ([c if isinstance(c, str) else c.text for c in row] for row in made.rows)
    return table(made.title, made.columns, rows)


def bar(part: float, width: int = BAR) -> str:
    """A share (0-1) drawn."""
    filled = round(max(0.0, min(1.0, part)) * width)
    return "█" * filled + "░" * (width - filled)


def quality(report: Row) -> None:
    """The quality report: every check that found something, then the score."""
    out = console()
    found = failed_checks(report)
    title = "Checks that found something"
    out.print(shown(shape.Table(title, FINDING, [finding(r) for r in found])))
    for record in found:
        if record["deduction"]:
            out.print(f"{record['code']}: {_examples(record)} Remedy: {record['remedy']}")
    not_applicable = [r for r in report["results"] if r["outcome"] == "not applicable"]
    passed = len(report["results"]) - len(found) - len(not_applicable)
    out.print(
        f"\n{passed} checks passed, {len(found)} found something, "
        f"{len(not_applicable)} not applicable: "
        + (", ".join(f"{r['code']} ({r['note']})" for r in not_applicable) or "none")
    )
    out.print(blank_by_design(report["blank_by_design"]))
    score = report["score"]
    told = styled(f"Quality score {score:.3f}", "bold")
    out.print(told, f"  {bar(score)}  of {count(report['rows'])} rows", sep="")


def cleaning(log: Row, figures: Row) -> None:
    """What cleaning changed and set aside."""
    out = console()
    out.print(shown(repairs(log)))
    out.print(rows_account(figures))
    if "quality_clean" in figures:
        out.print(f"Quality after cleaning {figures['quality_clean']:.3f}")


def quarantine(rows: Sequence[Row], *, total: int) -> None:
    """Rows set aside, why, and what would mend them."""
    out = console()
    if not total:
        out.print("Nothing is in quarantine.")
        return
    lines = [
        (
            r["row_hash"][:8],
            f"{r['source_file']}:{r['source_row']}",
            r["key"] or "-",
            r["reason"],
            r["explanation"],
            r["suggested_fix"] or "-",
        )
        for r in rows
    ]
    columns = ("hash", "where", "key", "reason", "what is wrong", "suggested fix")
    out.print(table(f"{count(total)} rows in quarantine", columns, lines))
    if total > len(lines):
        out.print(f"… and {total - len(lines)} more: dealcast quarantine list --to FILE.csv")
    out.print("Readmit: dealcast quarantine readmit --row HASH --cell COLUMN=VALUE, or --suggested")


def features(figures: Row) -> None:
    """What was built."""
    out = console()
    if "crm_features_rows" in figures:
        out.print(
            f"crm_features: {count(figures['crm_features_rows'])} rows x "
            f"{figures['crm_features_columns']} columns, as of the export (for people, not for "
            "models)"
        )
        out.print(f"split: {figures['split']}")
    names = figures["point_in_time_features"]
    out.print(
        f"snapshot_features: {count(figures['snapshot_rows'])} rows x {len(names)} features "
        f"on {figures['snapshot_dates']} dates: {', '.join(names)}"
    )
    for name, why in figures["features_not_available"].items():
        out.print(f"not available: {name} ({why})")


def ingested(formats: Sequence[Row], *, raw: str) -> None:
    """How each file was read, and where its bytes are."""
    rows = [
        (
            f["file"],
            f["table"],
            count(f["rows"]),
            f["encoding"] or "-",
            repr(f["delimiter"]) if f["delimiter"] else "-",
            ", ".join(f"{c}: {d}" for c, d in f["dates"].items()) or "-",
            ", ".join(f["ignored_columns"]) or "-",
        )
        for f in formats
    ]
    columns = ("file", "table", ">rows", "encoding", "delimiter", "dates", "ignored columns")
    console().print(table("Read", columns, rows))
    click.echo(f"kept untouched in {raw}")


def runs(rows: Sequence[Row], *, root: str) -> None:
    """The runs of a store, of which each is named by when it started (UTC)."""
    columns = ("run", "status", ">rows in", ">clean", ">quality", "steps done")
    lines = [
        (
            r["run_id"],
            r["status"],
            count(r["rows_in"]),
            count(r["rows_clean"]),
            "-" if r["quality_raw"] is None else f"{r['quality_raw']:.3f}",
            r["error"] or ", ".join(r["steps"]) or "none (all unchanged)",
        )
        for r in rows
    ]
    console().print(table(f"{len(lines)} runs in {root}", columns, lines))


def settings(rows: Sequence[Row], *, environment: str) -> None:
    """Every setting and its origin."""
    lines = [(r["key"], r["value"], r["from"]) for r in rows]
    console().print(table(f"Settings of {environment}", ("setting", "value", "from"), lines))


def versions(rows: Sequence[Row], *, table: str) -> None:
    """The versions of a table."""
    for r in rows:
        click.echo(
            f"{table} v{r['version']}  {r['written_at']:%Y-%m-%d %H:%M:%S %Z}  {r['run_id']}"
        )


def timings(steps: Sequence["StepRecord"]) -> None:
    """Seconds per step, and rows per second where it knows its rows."""
    lines = [(s.name, "skipped" if s.skipped else f"{s.seconds:.2f} s", rate(s)) for s in steps]
    console().print(table("Timings", ("step", ">took", ">rows/s"), lines))


def _examples(record: Row) -> str:
    told = [
        f"{e['key'] or 'row'} (row {e['source_row']}): {e['value']}" for e in record["examples"]
    ]
    return f"for example {'; '.join(told[:2])}." if told else ""


def json_default(value: object) -> str:
    """What JSON has no word for, as text: dates as ISO."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
