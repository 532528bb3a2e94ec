"""export: a table as a file for people, or scores as files that a CRM takes in."""

from datetime import UTC, datetime
from pathlib import Path

import click

from dealcast.cli import render
from dealcast.cli.options import settings_options
from dealcast.errors import SettingsError, StoreError
from dealcast.settings import CrmColumns, LoadedSettings
from dealcast.surfaces.crm.files import remove_former, write_files
from dealcast.surfaces.crm.spec import Crm
from dealcast.surfaces.crm.systems import CRMS
from dealcast.surfaces.crm.upload import upload
from dealcast.surfaces.words import counted
from dealcast.workflow.export import FORMATS, export_frame
from dealcast.workflow.manifest import load_latest_steps
from dealcast.workflow.store import Store, open_store


@click.command(
    epilog="Example: dealcast export crm_features --to features.csv --root data\n\n"
    "Example: dealcast export scores --format xlsx --to scores.xlsx --version 0\n\n"
    "Example: dealcast export scores --for salesforce --to upload.csv --root data"
)
@click.argument("table")
@click.option("--format", "kind", type=click.Choice(list(FORMATS)), help="Else the file's ending.")
@click.option("--to", type=click.Path(path_type=Path), help="File to write.")
@click.option("--version", type=int, help="The table as it was at this version.")
@click.option("--versions", is_flag=True, help="List the versions instead.")
@click.option(
    "--for", "crm", type=click.Choice(list(CRMS)), help="Scores as this CRM imports them."
)
@click.option("--id-column", metavar="NAME", help="With --for: column of that CRM with the ids.")
@click.option(
    "--keep-formulas", is_flag=True, help="Leave text that a spreadsheet would run as it is."
)
@settings_options
def export(
    loaded: LoadedSettings,
    table: str,
    kind: str | None,
    to: Path | None,
    version: int | None,
    versions: bool,
    crm: str | None,
    id_column: str | None,
    keep_formulas: bool,
    as_json: bool,
) -> None:
    """Write a table as CSV, Parquet or XLSX, as it is now or as it was.

    In CSV and XLSX, text that a spreadsheet would run as a formula gets an apostrophe before it.

    With --for, write the newest scores as the CRM's own import takes them (docs/crm.md).
    """
    store = open_store(loaded.settings.storage)
    if crm or id_column:
        _refuse_unfit_options(
            table, crm, kind, earlier=versions or version is not None, keep_formulas=keep_formulas
        )
        _export_for(CRMS[str(crm)], loaded, store, to, id_column, as_json=as_json)
        return
    if versions:
        history = [v for v in store.history(table) if v["is_whole"]]
        if as_json:
            render.as_json(history)
        else:
            render.versions(history, table=table)
        return
    frame = store.load(table, version=_newest(store, table) if version is None else version)
    file = to or Path(f"{table}.{kind or 'csv'}")
    written = export_frame(frame, file, kind, keeps_formulas=keep_formulas)
    result = {"table": table, "rows": frame.height, "columns": frame.width, "file": str(written)}
    if as_json:
        render.as_json(result)
    else:
        click.echo(f"{frame.height:,} rows x {frame.width} columns of {table} in {written}")


def _export_for(
    crm: Crm,
    loaded: LoadedSettings,
    store: Store,
    to: Path | None,
    id_column: str | None,
    *,
    as_json: bool,
) -> None:
    settings = loaded.settings.export
    made = upload(store, crm, _with_id(crm.columns(settings), id_column))
    target = to or Path(f"scores-{crm.name}.csv")
    files = write_files(made.rows, target, crm)
    removed = remove_former(target, [f for f, _ in files])
    notes = list(made.notes(datetime.now(UTC).date(), settings.tell_age_from_days))
    if as_json:
        render.as_json(
            {
                "table": "scores",
                "for": crm.name,
                "scored_on": made.scored_on,
                "rows": made.rows.height,
                "columns": made.rows.columns,
                "files": [{"file": str(f), "rows": n} for f, n in files],
                "removed": [str(f) for f in removed],
                "left_out": {"unscored": made.unscored, "unfit_ids": list(made.unfit_ids)},
                "notes": notes,
            }
        )
        return
    for file, height in files:
        click.echo(f"{counted(height, 'row', 'rows')} for {crm.name} in {file}")
    render.prose(f"columns: {', '.join(made.rows.columns)}")
    if removed:
        click.echo(f"removed, as of an earlier export: {', '.join(map(str, removed))}")
    for note in notes:
        click.echo(note, err=True)


def _with_id(columns: CrmColumns, id_column: str | None) -> CrmColumns:
    if id_column is None:
        return columns
    if id_column in columns.model_dump(exclude={"id"}).values():
        raise SettingsError(
            f"--id-column '{id_column}' is the column of another thing.",
            remedy="name the column of that CRM that holds the ids",
        )
    return columns.model_copy(update={"id": id_column})


def _refuse_unfit_options(
    table: str, crm: str | None, kind: str | None, *, earlier: bool, keep_formulas: bool
) -> None:
    """An upload is of the newest scores, as CSV, for a CRM that is named."""
    if crm is None:
        raise SettingsError(
            "--id-column says nothing without a CRM.", remedy=f"add --for {' | '.join(CRMS)}"
        )
    if table != "scores":
        raise SettingsError(
            f"Only scores can be exported for {crm}, not '{table}'.",
            remedy=f"dealcast export scores --for {crm}",
        )
    if earlier or kind not in (None, "csv"):
        raise SettingsError(
            f"A file for {crm} holds the newest scores, as CSV.",
            remedy="leave out --version, --versions and --format",
        )
    if keep_formulas:
        raise SettingsError(
            f"A file for {crm} holds no text that runs as a formula.",
            remedy="leave out --keep-formulas",
        )


def _newest(store: Store, table: str) -> int | None:
    """The version that the steps made last; refused where the newest export has no such table."""
    made = {t: v for r in load_latest_steps(store).values() for t, v in r.tables.items()}
    if table in made or table == "corrections" or not store.has(table):
        return made.get(table)
    raise StoreError(
        f"The newest export gave no table '{table}'; what is there is of an earlier one.",
        remedy=f"`dealcast export {table} --versions`, then --version N, for the earlier one",
    )
