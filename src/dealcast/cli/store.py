"""store: the whole store at once: copied, told of, rid of what is old.

What reads and writes the store is loaded by the command that does, so that help comes at once.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dealcast.cli import render, render_store
from dealcast.cli.options import settings_options
from dealcast.errors import SettingsError, StoreError
from dealcast.settings import LoadedSettings
from dealcast.settings.tree import MOST_DAYS

if TYPE_CHECKING:
    from dealcast.workflow.store import Store


@click.group(epilog="Example: dealcast store copy data s3://bucket/prefix")
def store() -> None:
    """The whole store: copy it, see its versions, delete what is old, erase opportunities."""


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
    from dealcast.workflow.copying import copy_store
    from dealcast.workflow.location import locate_at
    from dealcast.workflow.store import Store

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
        render_store.copied(done.to_dict())


@store.command(
    epilog="Example: dealcast store history scores --root data\n\n"
    "Example: dealcast store history --json | jq '.[] | select(.table == \"snapshots\")'"
)
@click.argument("table", required=False)
@settings_options
def history(loaded: LoadedSettings, table: str | None, as_json: bool) -> None:
    """List the versions of TABLE, or of every table: when, by which run, rows, bytes, how.

    Bytes count every file of a version, also those that it shares with others.
    """
    from dealcast.workflow.tables import TABLES

    opened = _existing(loaded)
    names = [table] if table else [name for name in TABLES if opened.has(name)]
    found = [{"table": name, **version} for name in names for version in opened.history(name)]
    if as_json:
        render.as_json(found)
    else:
        render_store.history(found, root=opened.root)


@store.command(
    epilog="Example: dealcast store vacuum --keep 90 --dry-run --root data\n\n"
    "Example: dealcast store vacuum --keep-runs 10 --root data --json"
)
@click.option(
    "--keep", type=click.FloatRange(0, MOST_DAYS), metavar="DAYS", help="Runs of so many days."
)
@click.option("--keep-runs", type=click.IntRange(min=1), metavar="N", help="The latest N runs.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@settings_options
def vacuum(
    loaded: LoadedSettings,
    keep: float | None,
    keep_runs: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Delete runs, versions and orphaned files older than asked that nothing needs.

    What stays: the newest version of every table, what the next run goes on from, the models that
    score or did, every run that is kept with all that it shows, every manifest, and whatever was
    written within storage.retention.grace_hours. Without --keep and --keep-runs,
    storage.retention says what is kept.
    """
    from dealcast.workflow.retention.vacuum import carry_out, plan_vacuum
    from dealcast.workflow.store import open_store

    if keep is not None and keep_runs is not None:
        raise SettingsError("--keep and --keep-runs are two rules.", remedy="give one of them")
    if keep is not None and math.isnan(keep):
        raise SettingsError("--keep is not a number of days.", remedy="such as --keep 90")
    settings = loaded.settings
    retention, opened = settings.storage.retention, open_store(settings.storage)
    if keep is not None or keep_runs is not None:
        retention = retention.model_copy(update={"keep_days": keep, "keep_runs": keep_runs})
    plan = plan_vacuum(opened, retention, settings.tracking)
    if not dry_run:
        carry_out(opened, plan)
    content: dict[str, Any] = {**plan.to_dict(), "dry_run": dry_run}
    if as_json:
        render.as_json(content)
    else:
        render_store.vacuum(content)


@store.command(
    epilog="Example: dealcast store delete --opportunity B1ZIMGJK --dry-run --root data\n\n"
    "Example: dealcast store delete --file ids.txt --yes --root data --json"
)
@click.option("--opportunity", "ids", multiple=True, metavar="ID", help="Which; may be repeated.")
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="An id per line."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--killed", multiple=True, metavar="RUN", help="A run that was; it may be repeated.")
@settings_options
def delete(
    loaded: LoadedSettings,
    ids: tuple[str, ...],
    file: Path | None,
    killed: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase opportunities from everything in the store, for good (right to erasure).

    From every table with all versions that had them, raw exports, quarantine, corrections, scores
    ever issued, and what runs wrote. Then every byte is searched for them. A later export that
    still has them is read without their rows. `store erasures` lists what was erased, as hashes.

    Refused while a run is in progress; of one that was killed, --killed RUN tells at once, and
    otherwise a day must go by. What was broken off, the same command finishes.
    """
    from dealcast.surfaces.report import keep_report
    from dealcast.workflow.erasure.erase import erase, look_for, sought
    from dealcast.workflow.manifest import load_manifest, run_ids

    opened = _existing(loaded)
    wanted = sought([*ids, *(_ids_in(file) if file else ())])
    if dry_run:
        found = look_for(opened, wanted).to_dict()
        content = {"dry_run": True, "opportunities": len(wanted.ids), **found}
    else:
        if not yes:
            render_store.traces(look_for(opened, wanted).to_dict(), err=True)
            question = f"Erase {len(wanted.ids):,} opportunities from {opened.root} for good?"
            click.confirm(question, abort=True, err=True)
        done = erase(opened, wanted, "dealcast store delete", killed=killed)
        newest = load_manifest(opened, "latest")
        if newest.report_key in done.traces.reports:
            keep_report(newest, opened)
        content = {
            "dry_run": False,
            "opportunities": len(wanted.ids),
            "erasure": done.erasure,
            "in_mlflow": [r for r in run_ids(opened) if opened.has_object(f"runs/{r}/mlflow.json")],
            **done.traces.to_dict(),
        }
    if as_json:
        render.as_json(content)
    else:
        render_store.erased(content)


@store.command(epilog="Example: dealcast store erasures --root data --json")
@settings_options
def erasures(loaded: LoadedSettings, as_json: bool) -> None:
    """List what was erased: when, by whom, which tables and rows, and the hashes of the ids."""
    from dealcast.workflow.erasure.erase import erasures as recorded

    opened = _existing(loaded)
    found = recorded(opened)
    if as_json:
        render.as_json(found)
    else:
        render_store.erasures(found, root=opened.root)


def _existing(loaded: LoadedSettings) -> "Store":
    """The store. Raises StoreError where nothing was ever run: no answer may come of a typo."""
    from dealcast.workflow.manifest import run_ids
    from dealcast.workflow.store import open_store

    opened = open_store(loaded.settings.storage)
    if not run_ids(opened):
        raise StoreError(f"There is no run in '{opened.root}'.", remedy="give another --root")
    return opened


def _ids_in(file: Path) -> list[str]:
    """An id per line; spreadsheets put a byte order mark before the first."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"'{file}' cannot be read: {type(error).__name__}.",
            remedy="it must be UTF-8 text with an id per line",
        ) from None
    return [line for line in lines if line.strip()]
