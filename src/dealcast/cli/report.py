"""report: the page of a run, drawn from what it kept."""

from dataclasses import asdict
from pathlib import Path

import click

from dealcast.cli import render
from dealcast.cli.options import settings_options
from dealcast.errors import SettingsError, StoreError
from dealcast.settings import LoadedSettings
from dealcast.surfaces.report import report_of
from dealcast.surfaces.sentences import removed_line
from dealcast.workflow.manifest import RunManifest, load_manifest
from dealcast.workflow.store import Store, open_store


@click.command(
    epilog="Example: dealcast report --root data\n\n"
    "Example: dealcast report 20261123T231500Z-1f2e --output report.html --root data"
)
@click.argument("run_id", metavar="[RUN]", default="latest")
@click.option("--output", type=click.Path(path_type=Path), help="Write it to this file instead.")
@click.option("--open", "shows", is_flag=True, help="Open it in the browser.")
@settings_options
def report(
    loaded: LoadedSettings, run_id: str, output: Path | None, shows: bool, as_json: bool
) -> None:
    """Draw the report of a run anew from what it kept, and print where it is.

    RUN is an id of `dealcast runs`; without it, the newest. Every run draws its own when it ends.
    """
    store = open_store(loaded.settings.storage)
    if shows and output is None and not store.location.is_local:
        raise SettingsError(
            f"No browser opens a page of '{store.root}'.", remedy="add --output report.html"
        )
    manifest = load_manifest(store, run_id)
    content = _drawn(manifest, store)
    if output is None:
        store.put_object(manifest.report_key, content)
        place = store.place(manifest.report_key)
    else:
        _write(content, output)
        place = str(output)
    if as_json:
        render.as_json({"run_id": manifest.run_id, "report": place, "bytes": len(content)})
    else:
        click.echo(place)
    if shows:
        click.launch(place)


def _drawn(manifest: RunManifest, store: Store) -> bytes:
    try:
        return report_of(manifest, store).encode()
    except StoreError as error:
        if not manifest.removed:
            raise
        gone = "; ".join(removed_line(asdict(removal)) for removal in manifest.removed)
        raise StoreError(
            f"The report of run {manifest.run_id} cannot be drawn: of what it kept was removed or "
            f"changed {gone}.",
            remedy="`dealcast runs show` tells what is left of it; draw the one of a later run",
        ) from error


def _write(content: bytes, output: Path) -> None:
    try:
        output.write_bytes(content)
    except OSError as error:
        raise StoreError(
            f"'{output}' could not be written: {error.strerror}.",
            remedy="give another file with --output",
        ) from error
