"""stack: the services of staging, as processes of this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from dealcast.cli import render
from dealcast.cli.options import settings_options
from dealcast.errors import ServiceError
from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.services import SERVICES
from dealcast.orchestration.stack.starting import Started, Watcher, up
from dealcast.orchestration.stack.status import ServiceStatus, status
from dealcast.orchestration.stack.stopping import down
from dealcast.settings import LoadedSettings

# The stack is that of staging, also for those who work in development.
STAGING = {"env": os.environ.get("DEALCAST_ENV") or "staging"}
TITLES = {s.name: s.title for s in SERVICES}


@click.group(
    epilog="Example: dealcast stack up",
    context_settings={"default_map": {"up": STAGING, "status": STAGING, "down": STAGING}},
)
def stack() -> None:
    """Start, show and stop PostgreSQL, S3, MLflow and Prefect on this machine.

    Settings are those of staging, unless --env or DEALCAST_ENV says otherwise.
    """


@stack.command("up", epilog="Example: dealcast stack up\n\nExample: dealcast stack up --json")
@settings_options
def stack_up(loaded: LoadedSettings, as_json: bool) -> None:
    """Start what is not running and wait until all of it is ready; former data are kept.

    Everything listens on 127.0.0.1 only. The secrets are made once and kept in stack.env.
    """
    config_dir: Path | None = click.get_current_context().params.get("config_dir")
    with _progress(quiet=as_json) as watcher:
        started = up(
            loaded.settings, watcher, environment=loaded.environment, config_dir=config_dir
        )
    found = status(loaded.settings)
    if as_json:
        render.as_json({**asdict(started), "services": [asdict(s) for s in found]})
        return
    _show(found)
    _say_what_next(loaded, started)


@stack.command("status", epilog="Example: dealcast stack status --json | jq '.[].ready'")
@settings_options
def stack_status(loaded: LoadedSettings, as_json: bool) -> None:
    """Show each service; ends with 0 only if all are ready, else with 8."""
    found = status(loaded.settings)
    if as_json:
        render.as_json([asdict(s) for s in found])
    else:
        _show(found)
        for line in (f"{s.title}: {s.missing}" for s in found if s.missing and s.pid):
            click.echo(line)
    if not all(s.ready for s in found):
        click.get_current_context().exit(ServiceError.exit_code)


@stack.command(
    "down", epilog="Example: dealcast stack down\n\nExample: dealcast stack down --purge"
)
@click.option("--purge", is_flag=True, help="Remove all its data and secrets, too.")
@click.option("--yes", is_flag=True, help="Do not ask before removing data.")
@settings_options
def stack_down(loaded: LoadedSettings, purge: bool, yes: bool, as_json: bool) -> None:
    """Stop every service, the worker first; the data stay for the next start."""
    layout = Layout.of(loaded.settings.stack.folder)
    if purge and not yes:
        click.confirm(f"Remove {layout.folder} with all its data?", abort=True, err=as_json)
    stopped = down(layout, purge=purge)
    if as_json:
        render.as_json({"stopped": stopped, "purged": purge})
        return
    names = ", ".join(TITLES.get(name, name) for name in stopped)
    click.echo(
        f"Stopped: {names}. No process of it is left." if stopped else "Nothing was running."
    )
    click.echo(f"{'Removed' if purge else 'The data stay in'} {layout.folder}")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Watcher]:
    """A line per service that is ready; on a terminal also what is being waited for."""
    out = Console(stderr=True, highlight=False, quiet=quiet)
    waiting: list[str] = []
    with out.status("looking around") as spinner:

        def watch(name: str, seconds: float | None) -> None:
            if seconds is None:
                waiting.append(TITLES[name])
            else:
                waiting.remove(TITLES[name])
                out.print(f"{TITLES[name]:<16} ready  {seconds:5.1f} s")
            spinner.update(f"waiting for {', '.join(waiting)}" if waiting else "")

        yield watch


def _show(found: list[ServiceStatus]) -> None:
    columns = ("service", "state", ">pid", "address", "ready", ">up")
    lines = [
        (
            s.title,
            s.state,
            s.pid or "-",
            s.address,
            "yes" if s.ready else "no",
            "-" if s.uptime_seconds is None else _duration(s.uptime_seconds),
        )
        for s in found
    ]
    render.console().print(render.table("The stack", columns, lines))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _say_what_next(loaded: LoadedSettings, started: Started) -> None:
    layout = Layout.of(loaded.settings.stack.folder)
    if started.orphans:
        click.echo(f"{started.orphans} processes of a stack without supervisor were ended first.")
    if not started.services:
        click.echo("It was up already.")
    if started.note:
        click.echo(started.note)
    click.echo(f"Secrets and addresses: {layout.env_file}")
    if layout != Layout.of("data/stack"):
        click.echo(f"Other folder than usual: set env_file: {layout.env_file} in the YAML file.")
    click.echo(
        f"Next: dealcast run --env {loaded.environment} --path FOLDER\n"
        f"      dealcast deploy --env {loaded.environment} --path FOLDER\n"
        "      dealcast stack down"
    )
