"""Rows for a CRM as CSV files: UTF-8, as many as its limits ask for, each whole or not at all."""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path

import polars as pl

from dealcast.errors import StoreError
from dealcast.surfaces.crm.spec import Crm
from dealcast.workflow.export import write_whole

AROUND_A_CELL = 3  # bytes: two quotes and a comma, or the end of the line
MARK = 3  # bytes


def write_files(rows: pl.DataFrame, to: Path, crm: Crm) -> list[tuple[Path, int]]:
    """Write the rows; returns each file with its rows.

    One file is `to` itself; of several, each says which of how many it is: scores-1-of-3.csv.
    Raises StoreError where one cannot be written.
    """
    parts = list(_parts(rows, crm))
    names = (
        [to]
        if len(parts) == 1
        else [
            to.with_name(f"{to.stem}-{n}-of-{len(parts)}{to.suffix}")
            for n in range(1, len(parts) + 1)
        ]
    )
    for name, part in zip(names, parts, strict=True):
        write_whole(name, partial(_write, part, crm), ending="csv")
    return [(name, part.height) for name, part in zip(names, parts, strict=True)]


def remove_former(to: Path, written: Collection[Path]) -> list[Path]:
    """Remove what an earlier export left beside the files just written, and return it.

    That is `to` itself and its parts, of however many: nobody is to upload scores of another day.
    Raises StoreError where one cannot be removed.
    """
    part = re.compile(rf"{re.escape(to.stem)}-\d+-of-\d+{re.escape(to.suffix)}")
    beside = (f for f in to.parent.iterdir() if f.name == to.name or part.fullmatch(f.name))
    former = sorted(f for f in beside if f not in written)
    try:
        for file in former:
            file.unlink()
    except OSError as error:
        raise StoreError(
            f"'{file}', of an earlier export, could not be removed: {error.strerror}.",
            remedy="remove it by hand, so that nobody uploads it",
        ) from error
    return former


def _write(rows: pl.DataFrame, crm: Crm, to: Path) -> None:
    rows.write_csv(to, include_bom=crm.has_mark)


def _parts(rows: pl.DataFrame, crm: Crm) -> Iterator[pl.DataFrame]:
    """The rows in order, as many at a time as one file may hold; a row is never cut."""
    heading = sum(_size(name) for name in rows.columns) + MARK
    ends = list(accumulate(_bytes_of_rows(rows), initial=0))
    start = 0
    while start < rows.height:
        room = crm.max_bytes - heading
        fitting = bisect_right(ends, ends[start] + room) - 1
        stop = min(max(fitting, start + 1), start + crm.max_rows)
        yield rows[start:stop]
        start = stop


def _bytes_of_rows(rows: pl.DataFrame) -> pl.Series:
    """The most bytes that each row can take in the file."""
    texts = [pl.col(c).cast(pl.String).fill_null("") for c in rows.columns]
    sizes = [t.str.len_bytes() + t.str.count_matches('"', literal=True) for t in texts]
    return rows.select(pl.sum_horizontal(sizes) + AROUND_A_CELL * rows.width).to_series()


def _size(cell: str) -> int:
    return len(cell.encode()) + cell.count('"') + AROUND_A_CELL
