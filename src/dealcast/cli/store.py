"""store: the whole store at once."""

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dealcast.cli import render
from dealcast.cli.options import settings_options
from dealcast.settings import LoadedSettings
from dealcast.surfaces.words import count
from dealcast.workflow.copying import Copy, copy_store
from dealcast.workflow.location import locate_at
from dealcast.workflow.store import Store

MEGABYTE = 1024 * 1024


@click.group(epilog="Example: dealcast store copy data s3://bucket/prefix")
def store() -> None:
    """Copy the whole store to another place, and prove it."""


@store.command(
    epilog="Example: dealcast store copy data s3://crm/prod --set storage.create_bucket=true\n\n"
    "Example: dealcast store copy s3://crm/prod backup --json"
)
@click.argument("origin", metavar="FROM")
@click.argument("destination", metavar="TO")
@settings_options
def copy(loaded: LoadedSettings, origin: str, destination: str, as_json: bool) -> None:
    """Copy every table with all versions, and every object; then read back and compare.

    FROM and TO are folders or s3://BUCKET/PREFIX; storage.* says how to reach S3. A copy that was
    broken off goes on where it was when it is started again.
    """
    storage = loaded.settings.storage
    stores = (Store(locate_at(storage, origin)), Store(locate_at(storage, destination)))
    console = Console(stderr=True)
    columns = (TextColumn("copying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = as_json or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("copying", total=None)
        done = copy_store(
            *stores, lambda count, total, _: bar.update(task, completed=count, total=total)
        )
    if as_json:
        render.as_json(done.to_dict())
    else:
        _show(done)


def _show(done: Copy) -> None:
    out = render.console()
    columns = ("table", ">version", ">versions", ">rows")
    lines = [(t.name, t.version, t.versions, count(t.rows)) for t in done.tables]
    out.print(render.table(f"{len(lines)} tables in {done.target}", columns, lines))
    out.print(
        f"{done.copied:,} objects copied, {done.present:,} were there; "
        f"{done.size / MEGABYTE:,.1f} MB read back and equal to {done.source}"
    )
    if done.left:
        out.print(f"Left, as not the store's: {', '.join(done.left)}")
