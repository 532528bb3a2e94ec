"""run · runs · config: the whole work, what was done, and what was chosen.

What reads and writes the store is loaded by the command that does, so that help comes at once.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

import click

from dealcast.cli import render, render_runs
from dealcast.cli.options import settings_options, source_options
from dealcast.cli.progress import progress
from dealcast.cli.summary import show_summary
from dealcast.errors import SettingsError
from dealcast.settings import EngineSettings, LoadedSettings, shown
from dealcast.workflow.steps import JOBS, STEP_NAMES

if TYPE_CHECKING:
    from dealcast.workflow.manifest import RunManifest
    from dealcast.workflow.plan import Plan
    from dealcast.workflow.run import Watcher
    from dealcast.workflow.store import Store

ENGINES = get_args(EngineSettings.model_fields["name"].annotation)


def run_and_show(
    loaded: LoadedSettings, plan: "Plan", *, as_json: bool
) -> "tuple[RunManifest, Store]":
    """Run the plan with a progress display (none for scripts); the caller prints the result."""
    from dealcast.surfaces.report import keep_report
    from dealcast.workflow.run import run_steps
    from dealcast.workflow.store import open_store

    with progress(quiet=as_json) as watcher:
        if loaded.settings.orchestration.kind == "prefect":
            manifest = _run_as_flow(loaded, plan, watcher)
        else:
            manifest = run_steps(loaded, plan, watcher, closing=keep_report)
    return manifest, open_store(loaded.settings.storage)


def _run_as_flow(loaded: LoadedSettings, plan: "Plan", watcher: "Watcher") -> "RunManifest":
    from dealcast.orchestration.versions import prepare

    prepare()
    from dealcast.orchestration.flow import run_here

    return run_here(loaded, plan, watcher, lambda text: click.echo(text, err=True))


@click.command(
    epilog="Example: dealcast run --path exports/ --root data\n\n"
    "Example: dealcast run --source sample --json | jq .rows_clean\n\n"
    "Example: dealcast run --env staging --job daily\n\n"
    "Example: dealcast run --path exports/ --engine spark"
)
@source_options
@click.option("--from", "start", metavar="STEP", help=f"Start here: {', '.join(STEP_NAMES)}.")
@click.option("--to", "stop", metavar="STEP", help="Stop after this step.")
@click.option("--job", metavar="JOB", help=f"The steps of one schedule: {', '.join(JOBS)}.")
@click.option("--engine", type=click.Choice(ENGINES), help="What computes the heavy steps.")
@click.option("--timings", is_flag=True, help="Show seconds and rows/s of each step.")
@settings_options
def run(
    loaded: LoadedSettings,
    start: str | None,
    stop: str | None,
    job: str | None,
    timings: bool,
    as_json: bool,
) -> None:
    """All steps: from the export to scored opportunities.

    A step whose inputs, settings and code did not change is skipped.
    """
    from dealcast.workflow.plan import Plan
    from dealcast.workflow.summary import summarise

    if job and (start or stop):
        raise SettingsError("--job says which steps to run.", remedy="leave out --from and --to")
    manifest, store = run_and_show(loaded, Plan(start, stop, job=job), as_json=as_json)
    summary = summarise(manifest, store)
    if as_json:
        render.as_json(summary)
        return
    show_summary(summary, render.console(), currency=loaded.settings.data.currency)
    if timings:
        render.timings(manifest.steps)


@click.group(invoke_without_command=True, epilog="Example: dealcast runs --root data")
@settings_options
def runs(loaded: LoadedSettings, as_json: bool) -> None:
    """List the runs of a store, newest first; `runs show ID` tells all of one."""
    from dealcast.workflow.manifest import load_manifests
    from dealcast.workflow.store import open_store

    context = click.get_current_context()
    context.obj = (loaded, as_json)
    if context.invoked_subcommand:
        return
    store = open_store(loaded.settings.storage)
    listed = [_line(manifest) for manifest in reversed(load_manifests(store))]
    if as_json:
        render.as_json(listed)
    else:
        render.runs(listed, root=store.root)


@runs.command(epilog="Example: dealcast runs show latest --root data")
@click.argument("run_id")
@settings_options
def show(loaded: LoadedSettings, run_id: str, as_json: bool) -> None:
    """Show a run, and where its scores, model and tables came from. `latest` is the newest."""
    from dealcast.workflow.lineage import lineage
    from dealcast.workflow.manifest import load_manifest
    from dealcast.workflow.store import open_store

    store = open_store(loaded.settings.storage)
    manifest = load_manifest(store, run_id)
    content = {**store.get_json(manifest.key), "lineage": lineage(manifest, store)}
    if as_json:
        render.as_json(content)
    else:
        render_runs.run(content)


@runs.command(
    epilog="Example: dealcast runs reproduce latest --root data\n\n"
    "Example: dealcast runs reproduce 20261130T122048Z-390a1c --to again --json"
)
@click.argument("run_id")
@click.option(
    "--to",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Keep the new store here.  [default: a temporary one]",
)
@settings_options
def reproduce(loaded: LoadedSettings, run_id: str, to: str | None, as_json: bool) -> None:
    """Make a run again from its manifest, and compare it bit by bit. `latest` is the newest.

    It reads the raw export that was kept, not the source. Exit code 1: something differs,
    or cannot be compared.
    """
    from tempfile import TemporaryDirectory

    from dealcast.workflow.manifest import load_manifest
    from dealcast.workflow.reproduction.reproduce import reproduce as made_again
    from dealcast.workflow.store import Store, open_store

    store = open_store(loaded.settings.storage)
    manifest = load_manifest(store, run_id)
    with TemporaryDirectory(prefix="dealcast-again-") as folder, progress(quiet=as_json) as watcher:
        found = made_again(manifest, store, Store(to or folder), watcher, quiet=True)
    content = {**found.to_dict(), "store": to}
    if as_json:
        render.as_json(content)
    else:
        render_runs.reproduced(content)
    click.get_current_context().exit(0 if found.is_identical else 1)


@runs.command(epilog="Example: dealcast runs sync --env staging")
@settings_options
def sync(loaded: LoadedSettings, as_json: bool) -> None:
    """Send to MLflow what it does not have yet: runs, models and aliases."""
    settings = loaded.settings.tracking
    if settings.kind != "mlflow":
        raise SettingsError(
            "Runs are recorded in the store only: tracking.kind is local.",
            remedy="--set tracking.kind=mlflow, and --set tracking.uri=http://HOST:5000",
        )
    from dealcast.tracking.mlflow.tracker import send_unsent
    from dealcast.workflow.store import open_store

    done = send_unsent(settings, open_store(loaded.settings.storage), datetime.now(UTC))
    if as_json:
        render.as_json(asdict(done))
    else:
        render_runs.sent(asdict(done))


@click.group(epilog="Example: dealcast config show --env production")
def config() -> None:
    """Show every setting and where it came from."""


@config.command("show", epilog="Example: dealcast config show --root other")
@settings_options
def config_show(loaded: LoadedSettings, as_json: bool) -> None:
    """Print each setting, its value, and where it came from; secrets as asterisks."""
    from dealcast.workflow.location import locate

    rows = [{"key": k, "value": v, "from": o} for k, v, o in shown(loaded)]
    store = locate(loaded.settings.storage)
    if as_json:
        chosen = {"root": store.root, "why": store.why}
        render.as_json({"environment": loaded.environment, "settings": rows, "store": chosen})
    else:
        render.settings(rows, environment=loaded.environment)
        click.echo(f"\nThe store is {store.root} - {store.why}.")


def _line(manifest: "RunManifest") -> dict[str, Any]:
    figures = manifest.figures
    return {
        "run_id": manifest.run_id,
        "started": manifest.started,
        "status": manifest.status,
        "error": manifest.error,
        "steps": [s.name for s in manifest.steps if not s.skipped],
        "rows_in": figures.get("rows_in"),
        "rows_clean": figures.get("rows_clean"),
        "quality_raw": figures.get("quality_raw"),
        "model_id": figures.get("model_id"),
    }
