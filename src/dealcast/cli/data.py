"""ingest · validate · clean · quarantine · features · sample: the data, step by step."""

from pathlib import Path

import click
import polars as pl

from dealcast.cli import render
from dealcast.cli.ops import run_and_show
from dealcast.cli.options import chose_source, settings_options, source_options
from dealcast.cli.rows import as_json_array
from dealcast.errors import QualityError, SettingsError
from dealcast.settings import LoadedSettings, SampleSource
from dealcast.workflow import corrections
from dealcast.workflow.export import export_frame
from dealcast.workflow.manifest import load_latest_steps, load_manifest
from dealcast.workflow.plan import Plan
from dealcast.workflow.store import Store, open_store


@click.command(epilog="Example: dealcast ingest --path exports/ --mapping salesforce --root data")
@source_options
@settings_options
def ingest(loaded: LoadedSettings, as_json: bool) -> None:
    """Fetch an export, read it, and keep its bytes under their hash."""
    manifest, store = run_and_show(loaded, Plan("ingest", "ingest"), as_json=as_json)
    record = manifest.steps[-1]
    if as_json:
        render.as_json({"raw": record.objects["raw"], **record.figures})
    else:
        render.ingested(record.figures["formats"], raw=store.place(f"raw/{record.objects['raw']}"))


@click.command(
    epilog="Example: dealcast validate --path exports/ --root data\n\n"
    "Example: dealcast validate --root data --json --to report.json"
)
@source_options
@click.option("--to", type=click.Path(path_type=Path), help="Also write the report as JSON here.")
@settings_options
def validate(loaded: LoadedSettings, to: Path | None, as_json: bool) -> None:
    """Check the raw export and score its quality; with a source, ingest it first.

    Ends with exit code 4 where the score is under quality.min_score.
    """
    start = "ingest" if chose_source(loaded) else "validate"
    store = open_store(loaded.settings.storage)
    refusal = None
    try:
        manifest, store = run_and_show(loaded, Plan(start, "validate"), as_json=as_json)
        key = manifest.steps[-1].objects["quality_raw"]
    except QualityError as error:
        refusal = error
        key = f"runs/{load_manifest(store, 'latest').run_id}/quality_raw.json"
    content = store.get_json(key)
    if to:
        render.write_json(content, to)
    if as_json:
        render.as_json(content)
    else:
        render.quality(content)
    if refusal:
        raise refusal


@click.command(epilog="Example: dealcast clean --root data")
@settings_options
def clean(loaded: LoadedSettings, as_json: bool) -> None:
    """Repair what can be repaired and set the rest aside, each with its reason."""
    manifest, store = run_and_show(loaded, Plan("clean", "clean"), as_json=as_json)
    record = manifest.steps[-1]
    log = store.get_json(record.objects["cleaning_log"])
    if as_json:
        render.as_json({**record.figures, "log": log})
    else:
        render.cleaning(log, record.figures)


@click.command(epilog="Example: dealcast features --root data")
@settings_options
def features(loaded: LoadedSettings, as_json: bool) -> None:
    """Build crm_features (61 columns, for people) and snapshot_features (for the model)."""
    manifest, _ = run_and_show(loaded, Plan("features", "features"), as_json=as_json)
    record = manifest.steps[-1]
    if as_json:
        render.as_json({**record.figures, "tables": dict(record.tables)})
    else:
        render.features(record.figures)


@click.group(epilog="Example: dealcast quarantine list --root data")
def quarantine() -> None:
    """Rows that were set aside: list them, correct them, readmit them."""


@quarantine.command("list", epilog="Example: dealcast quarantine list --root data --to aside.csv")
@click.option("--to", type=click.Path(path_type=Path), help="Write all of them: .csv or .xlsx.")
@click.option("--limit", default=20, show_default=True, help="How many to print.")
@settings_options
def quarantine_list(loaded: LoadedSettings, to: Path | None, limit: int, as_json: bool) -> None:
    """Rows set aside, with the reason and the suggested fix."""
    rows = _set_aside(open_store(loaded.settings.storage))
    if to:
        export_frame(rows, to)
    if as_json:
        as_json_array(rows)
    else:
        render.quarantine(rows.head(limit).to_dicts(), total=rows.height)


@quarantine.command(
    epilog="Example: dealcast quarantine readmit --row 3f2a --cell deal_stage=Won --root data\n\n"
    "Example: dealcast quarantine readmit --suggested --root data"
)
@click.option("--row", help="Hash (or its start) or key of the row to correct.")
@click.option("--cell", "cells", multiple=True, metavar="COLUMN=VALUE", help="The corrected cell.")
@click.option("--suggested", is_flag=True, help="Apply every unambiguous suggestion.")
@settings_options
def readmit(
    loaded: LoadedSettings, row: str | None, cells: tuple[str, ...], suggested: bool, as_json: bool
) -> None:
    """Correct quarantined rows and clean again; corrections are kept and applied every time."""
    store = open_store(loaded.settings.storage)
    before = _set_aside(store)
    if suggested == bool(row and cells):
        raise SettingsError(
            "Nothing says what to correct.",
            remedy="--row ROW --cell COLUMN=VALUE for one row, or --suggested for all suggestions",
        )
    new = (
        corrections.suggested(before)
        if suggested
        else corrections.of_row(before, str(row), dict(_pair(c) for c in cells))
    )
    if new.is_empty():
        raise SettingsError(
            "No quarantined row has an unambiguous suggestion.",
            remedy="--row ROW --cell COLUMN=VALUE corrects one row",
        )
    former = store.load("corrections") if store.has("corrections") else None
    store.save("corrections", corrections.merged(former, new))
    run_and_show(loaded, Plan("clean", "clean"), as_json=as_json)
    after = _set_aside(store)
    result = {
        "corrected_cells": new.height,
        "quarantined_before": before.height,
        "quarantined_after": after.height,
        "readmitted": before.height - after.height,
    }
    if as_json:
        render.as_json(result)
    else:
        click.echo(
            f"{new.height} cells corrected: {result['readmitted']} rows readmitted, "
            f"{after.height} still set aside.\nNext: dealcast run --from features"
        )


@click.command(epilog="Example: dealcast sample --to exports/ --opportunities 20000 --truth")
@click.option("--to", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
@click.option("--opportunities", type=int, help="How many.  [default: 8800]")
@click.option("--seed", type=int, help="Same seed, same export.  [default: 7]")
@click.option("--signal", type=float, help="Strength of agent, product, account effects, 0-5.")
@click.option("--dirt", type=float, help="Typos and bad rows, in multiples of the usual.")
@click.option("--truth", is_flag=True, help="Also write the true probabilities, beside the export.")
@click.option("--source", default="sample", hidden=True)
@settings_options
def sample(loaded: LoadedSettings, to: Path, truth: bool, as_json: bool) -> None:
    """Generate a CRM export whose true win probabilities are known."""
    from dealcast.sources.sample import write_sample

    settings = loaded.settings.source
    if not isinstance(settings, SampleSource):
        raise SettingsError("Only a sample can be generated.", remedy="leave out source.kind")
    files = write_sample(to, settings, truth=truth)
    if as_json:
        render.as_json([str(f) for f in files])
    else:
        click.echo("\n".join(str(f) for f in files))


def _set_aside(store: Store) -> pl.DataFrame:
    record = load_latest_steps(store).get("clean")
    version = record.tables["quarantine"] if record else None
    return store.load("quarantine", version=version)


def _pair(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--cell {text} has no value.", remedy="--cell COLUMN=VALUE")
    return column.strip(), value.strip()
