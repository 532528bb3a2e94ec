"""deploy: the jobs on their schedules in Prefect, and how they do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from dealcast.cli import render
from dealcast.cli.options import settings_options, source_options
from dealcast.errors import SettingsError
from dealcast.settings import LoadedSettings, variable_of


@click.group(
    invoke_without_command=True,
    epilog="Example: dealcast deploy --env staging\n\n"
    "Example: dealcast deploy --env production --workdir /srv/dealcast --json",
)
@source_options
@click.option(
    "--workdir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder in which jobs run.  [default: this one]",
)
@settings_options
def deploy(loaded: LoadedSettings, workdir: Path | None, as_json: bool) -> None:
    """Put the jobs on their schedules in Prefect; `deploy status` tells how they do.

    The jobs read the settings where they run: the YAML of the environment, flags of this call, and
    the environment of the worker, from which secrets come.
    """
    context = click.get_current_context()
    if context.invoked_subcommand:
        typed = click.core.ParameterSource.COMMANDLINE
        given = [k for k in context.params if context.get_parameter_source(k) is typed]
        if given:
            raise click.UsageError(
                f"Put the options ({', '.join(given)}) after '{context.invoked_subcommand}'."
            )
        return
    from dealcast.orchestration.versions import prepare

    prepare()
    from dealcast.orchestration.deployments import Place, deploy

    place = Place(workdir or Path(), context.params["config_dir"], _overrides(loaded))
    changes = deploy(loaded, place, say)
    left_out = sorted(k for k, o in loaded.origins.items() if o.startswith("environment "))
    if as_json:
        content = [{"kind": c.kind, "name": c.name, "outcome": c.outcome} for c in changes]
        render.as_json({"changes": content, "settings_of_this_shell": left_out})
        return
    lines = [(c.kind, c.name, c.outcome, c.note) for c in changes]
    render.console().print(render.table("Deployed", ("what", "name", "outcome", ""), lines))
    if left_out:
        click.echo(f"Set in this shell only, so give them to the worker too: {', '.join(left_out)}")
    if "source.kind" not in loaded.origins:
        click.echo("No source was chosen, so jobs would generate a CRM: deploy with --path FOLDER.")
    pool, url = loaded.settings.orchestration.work_pool, loaded.settings.orchestration.api_url
    click.echo(
        "A worker runs them: `dealcast stack up`, or "
        f"PREFECT_API_URL={url or '...'} prefect worker start --pool {pool}"
    )


@deploy.command("status", epilog="Example: dealcast deploy status --env staging --json")
@settings_options
def deploy_status(loaded: LoadedSettings, as_json: bool) -> None:
    """Show the pool, its workers, and each job's schedule, next run and last run."""
    from dealcast.orchestration.versions import prepare

    prepare()
    from dealcast.orchestration.deployed import status

    found = status(loaded, say)
    if as_json:
        render.as_json(found)
        return
    columns = ("job", "state", "schedule", "next run", "last run", "ended", "with")
    lines = [_status_line(d) for d in found["deployments"]]
    render.console().print(render.table(f"Jobs on {found['server']}", columns, lines))
    workers = ", ".join(found["pool"]["workers"]) or "none: no job runs before one is started"
    click.echo(f"Pool '{found['pool']['name']}' is {found['pool']['state']}. Workers: {workers}")
    if any(d["state"] == "missing" for d in found["deployments"]):
        click.echo("Missing jobs are made by `dealcast deploy`.")


def say(text: str) -> None:
    """A note on the way, kept apart from the result."""
    click.echo(text, err=True)


def _status_line(job: Mapping[str, Any]) -> tuple[object, ...]:
    coming = f"{job['next_run']:%Y-%m-%d %H:%M %Z}" if job["next_run"] else "-"
    keys = ("last_run", "last_state", "last_message")
    return (
        job["name"],
        job["state"],
        job["schedule"] or "-",
        coming,
        *(job[k] or "-" for k in keys),
    )


def _overrides(loaded: LoadedSettings) -> dict[str, object]:
    """The settings that flags of this call chose. Raises SettingsError for a secret among them."""
    tree = loaded.settings.model_dump()
    plain = loaded.settings.model_dump(mode="json")
    chosen: dict[str, object] = {}
    for key in (k for k, origin in loaded.origins.items() if origin == "flag"):
        if isinstance(_at(tree, key), SecretStr):
            raise SettingsError(
                f"'{key}' is a secret, and what a job is deployed with can be read in Prefect.",
                remedy=f"set {variable_of(key)} where the worker runs, or "
                "in the file that env_file names",
            )
        chosen[key] = _at(plain, key)
    return chosen


def _at(tree: Mapping[str, Any], key: str) -> Any:
    section, name = key.split(".", maxsplit=1)
    return tree[section][name]
