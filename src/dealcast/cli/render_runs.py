"""One run with its lineage, and what was sent to MLflow, as terminal tables."""

import click

from dealcast.cli.render import console, table
from dealcast.cli.terminal import styled
from dealcast.surfaces.sentences import origin_lines, removed_line
from dealcast.surfaces.tables.shape import Row

HASH_SHOWN = 12
SAME, GONE = "identical", "gone"


def run(content: Row) -> None:
    """One run: how it went, its steps, and where everything in it came from."""
    out = console()
    told = f"  {content['status']}  {content['environment']}"
    out.print(styled(content["run_id"], "bold"), told, sep="")
    out.print(f"from {content['started']} to {content['finished']}")
    if content["error"]:
        out.print(styled(content["error"], "red"))
    for removal in content["lineage"]["removed"]:
        out.print(styled(f"Removed or changed since: {removed_line(removal)}", "yellow"))
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


def reproduced(content: Row) -> None:
    """A run made again: what came out the same, where the rest differs first, and why it may."""
    things, out = content["things"], console()
    told = [_how(thing) for thing in things]
    rows = [
        (
            thing["step"],
            thing["what"],
            how if how == SAME else styled(how, "red"),
            (thing["again"] or "-")[:HASH_SHOWN],
            thing["difference"] or "",
        )
        for thing, how in zip(things, told, strict=True)
    ]
    out.print(table("Made again", ("step", "what", "is", "hash", "first difference"), rows))
    same, gone = told.count(SAME), told.count(GONE)
    click.echo(f"\n{same} of {len(things)} are identical to those of run {content['run_id']}.")
    if gone:
        click.echo(f"{gone} cannot be compared, as what the run made of them is gone.")
    for removal in content["removed"]:
        click.echo(f"Removed or changed since: {removed_line(removal)}")
    versions = [(name, *(v or "-" for v in both)) for name, both in content["versions"].items()]
    if versions:
        out.print(table("Other than then", ("what", "then", "now"), versions))
    elif same + gone < len(things):
        click.echo("Code, libraries, Python and machine are those of then.")
    if content["store"]:
        click.echo(f"The new store is {content['store']}, its run {content['again']}.")


def _how(thing: Row) -> str:
    if thing["is_identical"]:
        return SAME
    return GONE if thing["recorded"] is None else "differs"
