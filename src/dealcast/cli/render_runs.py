"""One run with its lineage, and what was sent to MLflow, as terminal tables."""

import click
from rich.text import Text

from dealcast.cli.render import console, table
from dealcast.surfaces.sentences import origin_lines, removed_line
from dealcast.surfaces.tables.shape import Row

HASH_SHOWN = 12


def run(content: Row) -> None:
    """One run: how it went, its steps, and where everything in it came from."""
    out = console()
    out.print(f"[bold]{content['run_id']}[/]  {content['status']}  {content['environment']}")
    out.print(f"from {content['started']} to {content['finished']}")
    if content["error"]:
        out.print(Text(content["error"], style="red"))
    for removal in content["lineage"]["removed"]:
        out.print(f"[yellow]Removed or changed since: {removed_line(removal)}[/]")
    rows = [
        (
            s["name"],
            f"skipped (made by {s['run_id']})" if s["skipped"] else f"{s['seconds']:.2f} s",
            ", ".join(f"{t} v{v}" for t, v in s["tables"].items()) or "-",
            ", ".join(s["objects"].values()) or "-",
        )
        for s in content["steps"]
    ]
    out.print(table("Steps", ("step", "took", "table versions", "objects"), rows))
    out.print()
    lines = origin_lines(content["run_id"], content["lineage"])
    out.print(table("Where it comes from", ("what", "is"), lines))
    click.echo("All figures and settings: dealcast runs show RUN --json")


def sent(content: Row) -> None:
    """What went to MLflow now, and what is still to come."""
    runs, models = content["runs"], content["models"]
    for what, names in (("Runs", runs), ("Models", models)):
        click.echo(f"{what} sent to {content['uri']}: {', '.join(names) or 'none, it has all'}")
    if content["running"]:
        click.echo(f"Still running, not sent: {', '.join(content['running'])}")


def reproduced(content: Row, *, kept: str | None) -> None:
    """A run made again: what came out the same, where the rest differs first, and why it may."""
    things, out = content["things"], console()
    same = sum(thing["is_identical"] for thing in things)
    rows = [
        (
            thing["step"],
            thing["what"],
            "identical" if thing["is_identical"] else Text("differs", style="red"),
            (thing["again"] or "-")[:HASH_SHOWN],
            Text(thing["difference"] or ""),
        )
        for thing in things
    ]
    out.print(table("Made again", ("step", "what", "is", "hash", "first difference"), rows))
    click.echo(f"\n{same} of {len(things)} are identical to those of run {content['run_id']}.")
    versions = [(name, *(v or "-" for v in both)) for name, both in content["versions"].items()]
    if versions:
        out.print(table("Other than then", ("what", "then", "now"), versions))
    elif same < len(things):
        click.echo("Code, libraries, Python and machine are those of then.")
    if kept:
        click.echo(f"The new store is {kept}, its run {content['again']}.")
