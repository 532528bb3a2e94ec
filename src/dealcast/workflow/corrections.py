"""Corrections of quarantined rows: kept as a table, applied before cleaning, every time."""

import json
from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from dealcast.errors import DealcastError, listed, nearest

SCHEMA = pl.Schema({"row_hash": pl.String, "column": pl.String, "value": pl.String})


class CorrectionError(DealcastError):
    """A correction names a row or a column that is not in quarantine."""

    exit_code: ClassVar[int] = 2


def suggested(quarantine: pl.DataFrame) -> pl.DataFrame:
    """The corrections that the quarantine itself suggests, where there is exactly one."""
    return quarantine.filter(pl.col("fix_column").is_not_null()).select(
        "row_hash", pl.col("fix_column").alias("column"), pl.col("fix_value").alias("value")
    )


def of_row(quarantine: pl.DataFrame, row: str, values: Mapping[str, str]) -> pl.DataFrame:
    """Corrections of one row, named by its key or the start of its hash; '' blanks a cell.

    Raises CorrectionError where no row, or more than one, has that name, or it has no such column.
    """
    keyed = quarantine.filter(pl.col("key") == row)
    hashed = quarantine.filter(pl.col("row_hash").str.starts_with(row))
    rows = (hashed if keyed.is_empty() else keyed).unique("row_hash")
    if rows.height != 1:
        near = nearest(row, quarantine["key"].drop_nulls().to_list())
        raise CorrectionError(
            f"{rows.height or 'No'} quarantined rows are named '{row}'.",
            remedy=f"did you mean '{near}'?"
            if near and rows.is_empty()
            else "name it by its hash; `dealcast quarantine list` shows them",
        )
    columns = list(json.loads(rows["row"].item()))
    for column in set(values) - set(columns):
        raise CorrectionError(
            f"The row has no column '{column}'.",
            remedy=f"one of {listed(columns, shown=len(columns))}",
        )
    return pl.DataFrame(
        {
            "row_hash": [rows["row_hash"].item()] * len(values),
            "column": list(values),
            "value": [value or None for value in values.values()],
        },
        schema=SCHEMA,
    )


def merged(former: pl.DataFrame | None, new: pl.DataFrame) -> pl.DataFrame:
    """All corrections, a newer one of the same cell replacing the former."""
    frames = [new.cast(SCHEMA)] if former is None else [former.cast(SCHEMA), new.cast(SCHEMA)]
    return pl.concat(frames).unique(["row_hash", "column"], keep="last", maintain_order=True)
