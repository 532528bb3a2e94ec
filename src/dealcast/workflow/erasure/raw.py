"""Files of an export without the rows of erased opportunities, all else as it was.

A row is theirs whose id the reader reads as one of them, in a file of opportunities. Text that no
column of ours is read from may name one, in any file: there a mark takes its place.
"""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars import selectors as cs

from dealcast.cells import KEYS, tidy
from dealcast.errors import SourceError
from dealcast.sources.reading import ReadingOptions
from dealcast.sources.reading.delimited import ROW, long_cells, records
from dealcast.sources.reading.dialect import MARKS, decoded, told_delimiter
from dealcast.sources.reading.export import columns_in_use, file_rows, files_by_table
from dealcast.workflow.erasure.words import ID, Sought

HOLDS_THEM = "opportunities"
FIRST_ROW = 2  # of data: the reader counts the header, also of Parquet


@dataclass(frozen=True)
class FileWithout:
    """A file that changes: its new bytes, and how many rows (count) they lack.

    `data` is None where no row is left: what has none is refused by the reader.
    """

    name: str
    data: bytes | None
    rows: int


@dataclass(frozen=True)
class _Found:
    """What the reader finds in a file of a table: its columns, and the rows of the ids.

    The rows are numbered as a spreadsheet shows them; `others`: how many there are beside them;
    `prose`: the columns that are none of ours.
    """

    columns: Sequence[str]
    delimiter: str | None
    rows: Collection[int]
    others: int
    prose: Collection[str]


def without_ids(
    files: Sequence[Path], sought: Sought, options: ReadingOptions
) -> Iterator[FileWithout]:
    """The files that have to change; whoever reads them next reads none of the ids.

    Raises SourceError where a file of one of our tables cannot be read.
    """
    tables = _tables(files, options)
    found = {path: _found(path, table, sought, options) for path, table in tables.items()}
    is_any_left = any(found[path].others for path, table in tables.items() if table == HOLDS_THEM)
    for path in files:
        read = found.get(path)
        rows = len(read.rows) if read else 0
        if read and rows and not read.others and is_any_left:
            yield FileWithout(path.name, None, rows)
        elif (data := _changed(path, read, sought, options)) is not None:
            yield FileWithout(path.name, data, rows)


def _changed(
    path: Path, found: _Found | None, sought: Sought, options: ReadingOptions
) -> bytes | None:
    if path.suffix.lower() == ".parquet":
        return _of_parquet(path, found, sought)
    if found is None:
        return _of_text(path, sought, options)
    return _of_records(path, found, sought, options)


def _tables(files: Sequence[Path], options: ReadingOptions) -> dict[Path, str]:
    """Which table each file is of; of none where the opportunities are not there, as yet."""
    try:
        by_table = files_by_table(files, options)
    except SourceError:
        return {}
    return {path: table for table, paths in by_table.items() for path in paths}


def _found(path: Path, table: str, sought: Sought, options: ReadingOptions) -> _Found:
    read = file_rows(path, options)
    ours, flags = columns_in_use(read.frame, table, options.mapping, None)
    columns = read.frame.columns
    keys = options.mapping.candidates_found(table, KEYS[table], columns)
    prose = set(columns) - {*ours.values(), *flags.values(), *keys, ROW}
    rows: frozenset[int] = frozenset()
    if table == HOLDS_THEM and ID in ours:
        rows = frozenset(read.frame.filter(tidy(ours[ID]).is_in(list(sought.ids)))[ROW])
    return _Found(columns, read.delimiter, rows, read.frame.height - len(rows), prose)


def _of_text(path: Path, sought: Sought, options: ReadingOptions) -> bytes | None:
    """A file of no table of ours: nobody reads it, so all of it is prose."""
    data = path.read_bytes()
    text, encoding = decoded(data, path.name, options.encoding)
    return _encoded(sought.without(text), encoding, data) if sought.is_in(text) else None


def _of_records(path: Path, found: _Found, sought: Sought, options: ReadingOptions) -> bytes | None:
    data = path.read_bytes()
    text, encoding = decoded(data, path.name, options.encoding)
    if not found.rows and not sought.may_be_in(text):
        return None
    body, _ = told_delimiter(text)
    delimiter = found.delimiter or ","
    places = {place for place, name in enumerate(found.columns) if name in found.prose}
    kept = [text[: len(text) - len(body)]]
    with long_cells():
        for number, (written, cells) in enumerate(records(body, delimiter, path.name), 1):
            if number in found.rows:
                continue
            is_marked = number >= FIRST_ROW and sought.may_be_in(written)
            kept.append(
                _marked(written, cells, places, delimiter, sought) if is_marked else written
            )
    new = "".join(kept)
    return None if new == text else _encoded(new, encoding, data)


def _marked(
    written: str, cells: list[str], places: Collection[int], delimiter: str, sought: Sought
) -> str:
    """The record with marks in the cells at these places; as it is written where they need none."""
    new = [sought.without(cell) if place in places else cell for place, cell in enumerate(cells)]
    if new == cells:
        return written
    record = io.StringIO()
    end = written[len(written.rstrip("\r\n")) :]
    csv.writer(record, delimiter=delimiter, lineterminator=end).writerow(new)
    return record.getvalue()


def _encoded(text: str, encoding: str, former: bytes) -> bytes:
    """The text as it was written, with the byte-order mark that codecs do not write themselves."""
    mark = next((mark for mark in MARKS if former.startswith(mark)), b"")
    return (b"" if "".encode(encoding) else mark) + text.encode(encoding)


def _of_parquet(path: Path, found: _Found | None, sought: Sought) -> bytes | None:
    frame = pl.read_parquet(path)
    texts = frame.select(cs.string() | cs.categorical() | cs.enum()).columns
    prose = texts if found is None else [name for name in texts if name in found.prose]
    marks = {name: marks for name in prose if (marks := _marks(frame[name], sought))}
    rows = [row - FIRST_ROW for row in found.rows] if found else []
    if not marks and not rows:
        return None
    kept = frame.with_row_index(ROW).filter(~pl.col(ROW).is_in(rows)).drop(ROW)
    content = io.BytesIO()
    kept.with_columns(
        pl.col(name).cast(pl.String).replace(new) for name, new in marks.items()
    ).write_parquet(content)
    return content.getvalue()


def _marks(cells: pl.Series, sought: Sought) -> dict[str, str]:
    """The texts of a column that name one, and what they become."""
    texts = cells.unique().cast(pl.String).drop_nulls()
    return {text: sought.without(text) for text in texts if sought.is_in(text)}
