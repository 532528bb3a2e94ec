"""api: scores over HTTP · api key: who may ask for them."""

from typing import get_args

import click
from pydantic import ValidationError

from dealcast.cli import render
from dealcast.cli.options import settings_options
from dealcast.errors import SettingsError
from dealcast.settings import LoadedSettings
from dealcast.surfaces.api.keys import Scope, new_key
from dealcast.surfaces.api.server import address_of, refuse_open_doors, serve


@click.group(
    invoke_without_command=True,
    epilog="Example: dealcast api --root data --without-keys\n\n"
    "Example: dealcast api --env production --host 0.0.0.0",
)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port.  [default: 8000]")
@click.option(
    "--without-keys", is_flag=True, default=None, help="Answer everybody on this machine."
)
@settings_options
def api(loaded: LoadedSettings, as_json: bool) -> None:
    """Answer over HTTP: score opportunities, list scores, tell the forecast.

    Logs are JSON lines on standard error. SIGTERM or Ctrl-C ends it when what it is doing is done.
    """
    if click.get_current_context().invoked_subcommand:
        return
    settings = loaded.settings.api
    refuse_open_doors(settings)
    address = address_of(settings)
    if as_json:
        render.as_json({"address": address, "openapi": f"{address}/openapi.json"})
    else:
        click.echo(f"{address}  ({address}/openapi.json tells what can be asked; Ctrl-C ends it)")
    serve(loaded.settings)


@api.command(
    epilog="Example: dealcast api key crm --scope score\n\n"
    "Example: dealcast api key dashboard --scope read --scope score --json"
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(get_args(Scope)),
    help="read or score; both by default.",
)
@settings_options
def key(loaded: LoadedSettings, name: str, scopes: tuple[Scope, ...], as_json: bool) -> None:
    """Make a key for NAME and print it, once: only its hash goes into the settings."""
    if name in {k.name for k in loaded.settings.api.keys}:
        raise SettingsError(
            f"There is a key of the name '{name}'.", remedy="choose another, or remove that one"
        )
    try:
        secret, kept = new_key(name, scopes or get_args(Scope))
    except ValidationError:
        raise SettingsError(
            f"'{name}' is no name for a key.", remedy="letters, digits, _ . @ - (64 at most)"
        ) from None
    line = kept.model_dump(mode="json")
    if as_json:
        render.as_json({"key": secret, "setting": line})
        return
    shown = f"{{name: {kept.name}, scopes: [{', '.join(kept.scopes)}], sha256: {kept.sha256}}}"
    click.echo(
        f"Key (shown this once; give it to its owner):\n  {secret}\n\n"
        f"Under api.keys in config/ENV.yaml (or in the list DEALCAST__API__KEYS):\n  - {shown}"
    )
