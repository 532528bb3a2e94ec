"""Files of an export without the rows of erased opportunities, all else as it was."""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from dealcast.sources.reading import CrmMapping
from dealcast.sources.reading.dialect import decoded, delimiter_of, told_delimiter
from dealcast.workflow.erasure.words import Sought

ID = "opportunity_id"
PARQUET = b"PAR1"


def without_rows(
    data: bytes, file: str, sought: Sought, mapping: CrmMapping, written: Mapping[str, Any]
) -> tuple[bytes, int]:
    """The file's bytes without the rows of the ids, and how many rows (count) those were.

    A row is theirs whose id it is, or that has the id in any cell where a number is no mistake;
    elsewhere in text an id is marked as erased. `written`: what is known of encoding and delimiter.
    """
    if data.startswith(PARQUET):
        return _of_parquet(data, sought, mapping)
    text, encoding = decoded(data, file, written.get("encoding") or "auto")
    body, told = told_delimiter(text)
    delimiter = written.get("delimiter") or told or delimiter_of(body)
    kept, gone, places = [], 0, None
    for record, cells in _records(text, delimiter):
        if places is None and len(cells) > 1:
            places = _id_columns(cells, mapping)
        if any(_is_its(cell, place in (places or ()), sought) for place, cell in enumerate(cells)):
            gone += 1
        else:
            kept.append(sought.without(record) if sought.is_in(record) else record)
    if "".join(kept) == text:
        return data, 0
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    return mark + "".join(kept).encode(encoding), gone


def _records(text: str, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    """Each record as it is written, and its cells."""
    held: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            held.append(line)
            yield line

    for cells in csv.reader(lines(), delimiter=delimiter):
        yield "".join(held), cells
        held.clear()


def _id_columns(names: list[str], mapping: CrmMapping) -> set[int]:
    wanted = mapping.candidates_found("opportunities", ID, [name.strip() for name in names])
    return {place for place, name in enumerate(names) if name.strip() in wanted}


def _is_its(cell: str, is_id: bool, sought: Sought) -> bool:
    return sought.is_cell(cell) and (is_id or " ".join(cell.split()) in sought.telling)


def _of_parquet(data: bytes, sought: Sought, mapping: CrmMapping) -> tuple[bytes, int]:
    frame = pl.read_parquet(io.BytesIO(data))
    ids = set(mapping.candidates_found("opportunities", ID, frame.columns))
    theirs = [
        pl.col(c)
        .cast(pl.String)
        .str.strip_chars()
        .is_in(sought.ids if c in ids else sought.telling)
        for c, kind in frame.schema.items()
        if c in ids or kind in (pl.String, pl.Categorical)
    ]
    if not theirs:
        return data, 0
    kept = frame.filter(~pl.any_horizontal(theirs).fill_null(value=False))
    if kept.height == frame.height:
        return data, 0
    content = io.BytesIO()
    kept.write_parquet(content)
    return content.getvalue(), frame.height - kept.height
