"""doctor: is everything around a run in order?"""

import os
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from dealcast.cli import render
from dealcast.cli.options import load_or_refusal, settings_options, source_options
from dealcast.errors import ServiceError, SettingsError
from dealcast.orchestration.doctor import Diagnosis, Line, Outcome, Setup, examine
from dealcast.settings import LoadedSettings

# Beside the word, never in its place.
STYLES = {
    Outcome.OK: "green",
    Outcome.WARNING: "yellow",
    Outcome.FAILED: "bold red",
    Outcome.NOT_APPLICABLE: "dim",
}


@click.command(
    epilog="Example: dealcast doctor --env staging\n\n"
    "Example: dealcast doctor --env production --json | jq '.lines[] | select(.outcome!=\"ok\")'"
)
@source_options
@partial(settings_options, load=load_or_refusal)
def doctor(loaded: LoadedSettings | SettingsError, as_json: bool) -> None:
    """Tell what is not in order around a run, and what to do about it.

    Writes, reads and deletes an object of its own in the store; asks each service once. Ends with
    exit code 8 where a line failed, else with 0.
    """
    context = click.get_current_context()
    folder = context.params["config_dir"] or Path(os.environ.get("DEALCAST_CONFIG_DIR", "config"))
    with Console(stderr=True).status("asking each service ..."):
        diagnosis = examine(Setup(loaded, folder))
    if as_json:
        render.as_json(diagnosis.to_dict())
    else:
        _show(diagnosis)
    if not diagnosis.ok:
        context.exit(ServiceError.exit_code)


def _show(diagnosis: Diagnosis) -> None:
    out = render.console()
    lines = [(d.name, Text(d.outcome, STYLES[d.outcome]), _told(d)) for d in diagnosis.lines]
    out.print(render.table("Doctor", ("line", "outcome", "found, and what to do"), lines))
    outcomes = [d.outcome for d in diagnosis.lines]
    counted = ", ".join(f"{outcomes.count(o)} {o}" for o in Outcome if o in outcomes)
    out.print(f"\n{counted}; in {diagnosis.seconds:.1f} s.")


def _told(line: Line) -> Text:
    told = Text(line.found)
    if line.remedy:
        told.append("\nTry: ", "bold").append(line.remedy)
    return told
