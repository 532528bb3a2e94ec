"""A delimited text file as a frame of text, without losing, shifting or swallowing a row."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, zip_longest

import numpy as np
import polars as pl

from dealcast.errors import EXAMPLES_SHOWN, SourceError, listed
from dealcast.sources.reading.dialect import SAMPLE, decoded, delimiter_of, told_delimiter

LONGEST_CELL = 1_000  # lines; a cell with more has lost its closing quote
ANY_LENGTH = 2**31 - 1  # characters; the most that every system takes
MOST_COLUMNS = 20_000  # five seconds; a CRM has hundreds, and what has more is no table
CAREFUL_ROWS = 50_000  # rows put into a frame at once
QUOTE, NEWLINE, RETURN = b'"'[0], b"\n"[0], b"\r"[0]
ROW = "(row)"  # no file names a column so


@dataclass(frozen=True)
class FileRows:
    """The rows of one file as text under the file's own names, and how the file is written.

    The frame has a last column ROW, the row in the file as a spreadsheet counts (header is 1); a
    blank cell is null; rows without any cell are left out. `numeric`: columns that a typed file
    holds as numbers.
    """

    frame: pl.DataFrame
    encoding: str | None = None
    delimiter: str | None = None
    numeric: frozenset[str] = frozenset()


def read_delimited(
    data: bytes, file: str, *, encoding: str = "auto", delimiter: str = "auto"
) -> FileRows:
    r"""The rows of a CSV, TSV or the like.

    A row shorter than the header is blank at its end. Raises SourceError for an empty file, a
    repeated column name, a row wider than the header, a quote that is not closed.

    >>> read_delimited(b'id;name\n1;"a;b"\n2\n', "deals.csv").frame.rows()
    [('1', 'a;b', 2), ('2', None, 3)]
    """
    text, encoding = decoded(data, file, encoding)
    del data  # of a large file one copy is enough
    text, told = told_delimiter(text)
    if not text or text.isspace():
        raise SourceError(f"{file} is empty.", remedy="export it again, or give another --path")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    if delimiter == "auto":
        delimiter = told or delimiter_of(text)
    names = _header(text, delimiter, file)
    body = text.encode()
    del text
    frame = _strict_rows(body, delimiter, len(names))
    if frame is None:
        frame = _careful_rows(body.decode(), delimiter, len(names), file)
    del body
    columns = [c.slice(1).alias(name) for c, name in zip(frame, names, strict=True)]
    del frame
    return FileRows(numbered(columns), encoding, delimiter)


def numbered(columns: list[pl.Series]) -> pl.DataFrame:
    """The rows that hold something, blank cells as null, with the row in the file (header is 1).

    The list is emptied, so that a column goes as soon as its text is there.
    """
    texts = {}
    while columns:
        column = columns.pop(0)
        texts[column.name] = blanks_as_null(column)
    frame = pl.DataFrame(texts)
    frame = frame.with_columns(pl.int_range(2, pl.len() + 2, dtype=pl.UInt32).alias(ROW))
    return frame.filter(pl.any_horizontal(pl.exclude(ROW).is_not_null()))


def blanks_as_null(text: pl.Series) -> pl.Series:
    """The text without cells of nothing but white space."""
    blank = text.str.strip_chars() == ""
    return text.set(blank, None) if blank.any() else text


def _header(text: str, delimiter: str, file: str) -> list[str]:
    """The names in the first record; one without a name is called after its place."""
    head = csv.reader(io.StringIO(text[: 16 * SAMPLE], newline=""), delimiter=delimiter)
    try:
        names = [name.strip() for name in next(head)]
    except csv.Error as error:
        raise _broken(file, 1, str(error)) from None
    if not any(names):
        raise SourceError(
            f"The first row of {file} is blank; column names are expected there.",
            remedy="remove what stands above the column names",
        )
    if len(names) > MOST_COLUMNS:
        raise SourceError(
            f"{file} has {len(names):,} columns in its first row, more than {MOST_COLUMNS:,}.",
            remedy="export the columns that are needed only, or set source.delimiter "
            f"(now {delimiter!r})",
        )
    names = [name or f"(column {place})" for place, name in enumerate(names, 1)]
    repeated = sorted(name for name, count in Counter([*names, ROW]).items() if count > 1)
    if repeated:
        raise SourceError(
            f"{file} has more than one column named {listed(repeated)}.",
            remedy="rename or remove the one that is not meant",
        )
    return names


def _strict_rows(body: bytes, delimiter: str, width: int) -> pl.DataFrame | None:
    """The records (the header is the first), or None where the file breaks a rule of RFC 4180."""
    if body.count(b"\r") != body.count(b"\r\n"):
        return None  # a carriage return alone ends a row too, which Polars does not know
    if not delimiter.isascii():
        return None  # which a file may tell, and Polars does not take
    quotes = np.flatnonzero(np.frombuffer(body, np.uint8) == QUOTE)
    if len(quotes) and not _well_quoted(body, delimiter, quotes):
        return None
    try:
        return pl.read_csv(
            body,
            has_header=False,
            separator=delimiter,
            quote_char='"' if len(quotes) else None,
            schema={str(column): pl.String for column in range(width)},
        )
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
        return None  # too wide a row; the careful reader names it


def _well_quoted(body: bytes, delimiter: str, quotes: np.ndarray) -> bool:
    """Whether each quote opens or closes a whole cell, and no cell is longer than can be meant.

    Polars takes a stray quote as it comes, and may swallow rows up to the next one.
    """
    if len(quotes) % 2:
        return False
    text = np.frombuffer(body, np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    # What stands outside of the file ends a row.
    before = np.where(opening > 0, text[opening - 1], NEWLINE)
    after = np.where(closing + 1 < len(text), text[(closing + 1) % len(text)], NEWLINE)
    outside = [ord(delimiter), NEWLINE, RETURN]
    doubled = np.zeros(len(opening), bool)
    doubled[1:] = opening[1:] == closing[:-1] + 1
    opens = doubled | np.isin(before, outside)
    closes = np.append(doubled[1:], False) | np.isin(after, outside)
    if not (opens.all() and closes.all()):
        return False
    long = np.flatnonzero(closing - opening > LONGEST_CELL)
    spans = zip(opening[long].tolist(), closing[long].tolist(), strict=True)
    return all(body.count(b"\n", start, end) <= LONGEST_CELL for start, end in spans)


def _careful_rows(text: str, delimiter: str, width: int, file: str) -> pl.DataFrame:
    """The records, read one by one: slower, takes a quote within a word, names what is broken."""
    found = enumerate((cells for _, cells in records(text, delimiter, file)), 1)
    parts: list[pl.DataFrame] = []
    too_wide: list[int] = []
    # In parts: a million lists at once would keep the garbage collector busy.
    while part := list(islice(found, CAREFUL_ROWS)):
        too_wide += [row for row, cells in part if any(map(str.strip, cells[width:]))]
        parts.append(_framed([cells for _, cells in part], width))
    if too_wide:
        raise SourceError(
            f"{file} has {len(too_wide):,} rows with more cells than its {width} columns: "
            f"row {', '.join(f'{row:,}' for row in too_wide[:EXAMPLES_SHOWN])}.",
            remedy="quote the cells that hold the delimiter, or set source.delimiter "
            f"(now {delimiter!r})",
        )
    return pl.concat(parts)


def records(text: str, delimiter: str, file: str) -> Iterator[tuple[str, list[str]]]:
    """Each record as it is written, with the end of its line, and its cells.

    Raises SourceError where one is broken.
    """
    held: list[str] = []
    reader = csv.reader(_held(text, held), delimiter=delimiter, strict=True)
    first_line = 1
    try:
        for cells in reader:
            if len(held) > LONGEST_CELL + 1:
                raise _broken(file, first_line, f"it runs over {LONGEST_CELL:,} lines")
            yield "".join(held), cells
            held.clear()
            first_line = reader.line_num + 1
    except csv.Error as error:
        raise _broken(file, first_line, str(error)) from None


def _held(text: str, held: list[str]) -> Iterator[str]:
    """The lines, each noted when it is read."""
    for line in io.StringIO(text, newline=""):
        held.append(line)
        yield line


@contextmanager
def long_cells() -> Iterator[None]:
    """Inside the block records may have cells of any length, as those of a file that was read."""
    former = csv.field_size_limit(ANY_LENGTH)
    try:
        yield
    finally:
        csv.field_size_limit(former)


def _framed(records: list[list[str]], width: int) -> pl.DataFrame:
    """The records as columns, a short one blank at its end."""
    columns = list(zip_longest(*records, fillvalue=""))
    blank = ("",) * len(records)
    data = {str(n): columns[n] if n < len(columns) else blank for n in range(width)}
    return pl.DataFrame(data, schema=dict.fromkeys(data, pl.String))


def _broken(file: str, line: int, reason: str) -> SourceError:
    remedy = "look for a quote there that is not closed or not doubled within a quoted cell"
    if reason.startswith("field larger"):
        reason = f"a cell has more than {csv.field_size_limit():,} characters"
        remedy += "; or leave the column of long texts out"
    return SourceError(
        f"{file}: the record that begins on line {line:,} is broken ({reason}).", remedy=remedy
    )
