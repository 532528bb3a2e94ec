"""Tables written for people: CSV, Parquet or XLSX. The file appears whole or not at all."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from dealcast.errors import StoreError, listed
from dealcast.workflow.formulas import without_formulas

XLSX_ROWS = 1_048_575  # Excel's limit, less the header


def _csv(frame: pl.DataFrame, to: Path) -> None:
    frame.write_csv(to)


def _parquet(frame: pl.DataFrame, to: Path) -> None:
    frame.write_parquet(to)


def _xlsx(frame: pl.DataFrame, to: Path) -> None:
    if frame.height > XLSX_ROWS:
        raise StoreError(
            f"{frame.height:,} rows do not fit into a spreadsheet ({XLSX_ROWS:,} at most).",
            remedy="--format csv or --format parquet",
        )
    frame.write_excel(to, autofit=True, freeze_panes=(1, 0))


FORMATS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    "csv": _csv,
    "parquet": _parquet,
    "xlsx": _xlsx,
}
# What spreadsheets open, so that text in it may not run as a formula.
OF_SPREADSHEETS = ("csv", "xlsx")


def export_frame(
    frame: pl.DataFrame, to: Path, kind: str | None = None, *, keeps_formulas: bool = False
) -> Path:
    """Write the frame; without a kind, the ending of the name says which.

    In a CSV or XLSX file no text runs as a formula, unless the file is to keep it as it is.
    Raises StoreError where it cannot be written.
    """
    chosen = kind or to.suffix.removeprefix(".").lower()
    if chosen not in FORMATS:
        raise StoreError(
            f"The format of '{to.name}' is not known.",
            remedy=f"--format with one of {listed(FORMATS)}",
        )
    if chosen in OF_SPREADSHEETS and not keeps_formulas:
        frame = without_formulas(frame)
    return write_whole(to, lambda part: FORMATS[chosen](frame, part), ending=chosen)


def write_whole(to: Path, write: Callable[[Path], None], *, ending: str) -> Path:
    """Let `write` write a file of that ending, then put it in its place: whole or not at all.

    Raises StoreError where it cannot be written.
    """
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".dealcast-") as folder:
            part = Path(folder) / f"part.{ending}"
            write(part)
            part.replace(to)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StoreError(
            f"'{to}' could not be written: {error}", remedy="give another file with --to"
        ) from error
    return to
