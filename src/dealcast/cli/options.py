"""Options that commands share, and how flags become settings."""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click

from dealcast.errors import SettingsError
from dealcast.settings import (
    SOURCE_KINDS,
    LoadedSettings,
    load_settings,
    parse_value,
    secret_fields,
    variable_of,
)

# flag's parameter name -> dotted key of the setting it overrides
FLAGS = {
    "root": "storage.root",
    "dashboard_port": "dashboard.port",
    "log_level": "logging.level",
    "engine": "engine.name",
    "source": "source.kind",
    "path": "source.path",
    "mapping": "source.mapping",
    "date_order": "source.date_order",
    "decimal": "source.decimal",
    "opportunities": "source.opportunities",
    "seed": "source.seed",
    "signal": "source.signal",
    "dirt": "source.dirt",
    "host": "api.host",
    "port": "api.port",
    "without_keys": "api.without_keys",
}

Command = Callable[..., Any]


def load_or_refusal(**chosen: Any) -> LoadedSettings | SettingsError:
    """The settings, or the error in their place: for a command that does without them."""
    try:
        return load_settings(**chosen)
    except SettingsError as error:
        return error


def settings_options(
    command: Command, *, load: Callable[..., LoadedSettings | SettingsError] = load_settings
) -> Command:
    """Adds the options every command has; it receives `loaded` (LoadedSettings) and `as_json`."""

    @click.option("--root", help="Folder of the store, or s3://BUCKET/PREFIX.")
    @click.option("--env", help="development, staging or production.")
    @click.option(
        "--config-dir",
        type=click.Path(path_type=Path),
        help="Folder of ENV.yaml.  [default: config]",
    )
    @click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Override any setting.")
    @click.option("--log-level", help="DEBUG, INFO, WARNING or ERROR.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @wraps(command)
    def with_settings(
        env: str | None,
        config_dir: Path | None,
        sets: tuple[str, ...],
        debug: bool,  # noqa: ARG001 - read from the command line by __main__
        **given: Any,
    ) -> Any:
        flags = {FLAGS[k]: given.pop(k) for k in tuple(given) if k in FLAGS}
        loaded = load(env=env, config_dir=config_dir, flags=_with_sets(flags, sets))
        _warn_of_secrets(loaded)
        return command(loaded=loaded, **given)

    return with_settings


def source_options(command: Command) -> Command:
    """Adds the options that choose a source and say how to read it."""
    for option in (
        click.option(
            "--source", type=click.Choice(list(SOURCE_KINDS)), help="Where rows come from."
        ),
        click.option("--path", help="File or folder to read (implies --source files)."),
        click.option("--mapping", help="default, salesforce, hubspot, or a YAML file."),
        click.option("--date-order", type=click.Choice(["auto", "MDY", "DMY", "YMD"])),
        click.option("--decimal", type=click.Choice(["auto", ".", ","]), help="Decimal mark."),
    ):
        command = option(command)
    return command


def chose_source(loaded: LoadedSettings) -> bool:
    """Whether a flag chose the source in this very call."""
    return any(k.startswith("source.") and o == "flag" for k, o in loaded.origins.items())


def _warn_of_secrets(loaded: LoadedSettings | SettingsError) -> None:
    """Say so where a flag holds a secret: other users of this machine can read it."""
    if isinstance(loaded, SettingsError):
        return
    for key, value in secret_fields(loaded.settings):
        if value is not None and loaded.origins.get(key) == "flag":
            click.echo(
                f"Warning: {key} is a secret, and a command line can be read in the list of "
                f"processes. Set {variable_of(key)} instead.",
                err=True,
            )


def _with_sets(flags: Mapping[str, object], sets: tuple[str, ...]) -> dict[str, object]:
    merged = {key: value for key, value in flags.items() if value is not None}
    if any(merged.get(k) for k in ("source.path", "source.mapping")):
        merged["source.kind"] = merged.get("source.kind") or "files"
    for pair in sets:
        key, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(
                "A --set has no '=' between key and value.",
                remedy="--set KEY=VALUE, such as --set model.seed=1",
            )
        merged[key.strip()] = parse_value(value)
    # The kind of source comes first: it decides which other source keys exist.
    return dict(sorted(merged.items(), key=lambda kv: kv[0] != "source.kind"))
