"""`dealcast` alone: where the work stands, and the next sensible command. Loads nothing heavy."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

import click

from dealcast.errors import StoreError
from dealcast.workflow.standing import Made, Standing, standing

DEFAULT_FOLDER = "data"
# What PyYAML raises besides its own, for a value that is not what its form or tag says.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def tell_standing(root: str | None, *, as_json: bool) -> None:
    """Print where the store stands: what was run, what is there, what to do next."""
    found = _standing(root)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        return
    _echo(f"{found.store}: {_told(found)}")
    for label, made in (("scores", found.scores), ("forecast", found.forecast)):
        if made:
            _echo(f"{_age(made)}: {made.says}", label=f"{label:<9} ")
    if found.report:
        click.echo(f"{'report':<9} {found.report}")
    click.echo(f"\nNext: {found.next}\n`dealcast --help` lists all commands.")


def _echo(text: str, label: str = "") -> None:
    """Print prose in the width of the terminal: it goes on under itself, no word is broken.

    In a pipe it stays a line, for whoever searches it.
    """
    if not (sys.stdout.isatty() or "COLUMNS" in os.environ):
        click.echo(label + text)
        return
    made = TextWrapper(
        shutil.get_terminal_size().columns,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(made.fill(text))


def _told(found: Standing) -> str:
    if found.state == "nothing run":
        return "nothing has been run yet."
    if found.state == "failed":
        return f"run {found.run_id} did not get through '{found.step}': {found.error}"
    if found.state == "running":
        return f"run {found.run_id} is at '{found.step}', or was killed there."
    if found.state == "unfinished":
        return f"run {found.run_id} is done; '{found.step}' has not been run yet."
    return f"run {found.run_id} is done."


def _age(made: Made) -> str:
    hours = made.days_ago * 24
    if hours < 1:
        return "made within the last hour"
    if made.days_ago < 1:
        return f"made {hours:.0f} h ago"
    return f"made {made.days_ago:.0f} days ago"


def _standing(root: str | None) -> Standing:
    folder = root or _plain_root()
    if folder is None or "://" in folder:
        return _by_all_settings(root)

    def read(key: str) -> Any:
        file = Path(folder) / key
        try:
            return json.loads(file.read_bytes()) if file.is_file() else None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"'{file}' cannot be read: {error}", remedy="`dealcast run` makes a new run"
            ) from error

    def place(key: str) -> str | None:
        file = Path(folder) / key
        return str(file) if file.is_file() else None

    try:
        run_ids = [file.parent.name for file in Path(folder, "runs").glob("*/manifest.json")]
        return standing(folder, run_ids, read, place, datetime.now(UTC))
    except PermissionError as error:
        raise StoreError(
            f"'{error.filename}' may not be read by this user.",
            remedy="let them read the store's folder, or give another with --root",
        ) from error


def _plain_root() -> str | None:
    """The root of the store, where it can be told without all settings.

    Settings take a library that loads longer than all of the rest.
    """
    chosen: dict[str, Any] = {}
    name = os.environ.get("DEALCAST_ENV", "development")
    file = Path(os.environ.get("DEALCAST_CONFIG_DIR", "config")) / f"{name}.yaml"
    if file.is_file():
        import yaml

        try:
            content = yaml.safe_load(file.read_bytes())
        except (yaml.YAMLError, *UNREADABLE, RecursionError, OSError):
            return None  # all settings say what is wrong
        if not isinstance(content, dict) or content.get("env_file"):
            return None
        storage = content.get("storage") or {}
        if not isinstance(storage, dict):
            return None
        chosen |= storage
    chosen |= {
        key: os.environ[variable]
        for key in ("root", "bucket")
        if (variable := f"DEALCAST__STORAGE__{key.upper()}") in os.environ
    }
    root = str(chosen.get("root") or "auto")
    if root == "auto":
        return None if chosen.get("bucket") else DEFAULT_FOLDER
    return root


def _by_all_settings(root: str | None) -> Standing:
    """The same by all settings and the store itself: what takes a while, and reaches S3."""
    from dealcast.settings import load_settings
    from dealcast.workflow.manifest import run_ids
    from dealcast.workflow.store import open_store

    flags = {"storage.root": root} if root else {}
    store = open_store(load_settings(flags=flags).settings.storage)
    place: Callable[[str], str | None] = lambda key: (  # noqa: E731
        store.place(key) if store.has_object(key) else None
    )
    return standing(store.root, run_ids(store), store.get_json, place, datetime.now(UTC))
