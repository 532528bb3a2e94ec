"""However an export is written, and whoever reads it, it reads the same."""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources.exports import Dialect, as_read, plain_export

from dealcast.contracts import PROVENANCE
from dealcast.errors import SourceError
from dealcast.sources.reading import ReadingOptions, delimited, read_export
from dealcast.sources.reading.delimited import read_delimited

NARROW = "\N{NARROW NO-BREAK SPACE}"
MARKS = [
    *((".", ""), (".", ","), (".", "'"), (".", " ")),
    *((",", ""), (",", "."), (",", " "), (",", "\N{NO-BREAK SPACE}")),
]
# cp1252 has no narrow space, so that one goes with Unicode only.
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
DATES = ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"]
TIMES = ["", " 14:05", "T08:00:00.000+0000", " 2:05 PM"]


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    encoding = draw(st.sampled_from(ENCODINGS))
    narrow = [] if encoding == "cp1252" else [(",", NARROW)]
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    # Python's csv leaves a line feed bare where records end in a carriage return.
    minimal = [] if line_end == "\r" else [csv.QUOTE_MINIMAL]
    decimal, thousands = draw(st.sampled_from(MARKS + narrow))
    return Dialect(
        encoding=encoding,
        delimiter=draw(st.sampled_from([",", ";", "\t", "|"])),
        dates=draw(st.sampled_from(DATES)) + draw(st.sampled_from(TIMES)),
        decimal=decimal,
        thousands=thousands,
        currency=draw(st.sampled_from(["{}", "${}", "{} €", "USD {}", "£ {}"])),
        quoting=draw(st.sampled_from([*minimal, csv.QUOTE_ALL])),
        line_end=line_end,
    )


@settings(max_examples=60, deadline=None)
@given(dialect=dialects(), seed=st.integers(0, 50))
def test_an_export_reads_back_the_same_in_every_dialect(dialect: Dialect, seed: int) -> None:
    with TemporaryDirectory() as folder:
        crm = plain_export(Path(folder), 60, seed, dialect)
        export = read_export(sorted(Path(folder).iterdir()), ReadingOptions())

    for table, frame in crm.tables().items():
        assert export.tables[table].drop(PROVENANCE).equals(as_read(frame))
        assert export.tables[table]["source_row"].to_list() == list(range(2, frame.height + 2))


def rows_of(text: str) -> list[tuple[object, ...]] | str:
    try:
        return read_delimited(text.encode(), "x", delimiter=",").frame.rows()
    except SourceError as refused:
        return refused.problem


@settings(max_examples=300, deadline=None)
@given(cells=st.lists(st.sampled_from(["a", "b ", '"', '""', ",", "\n", "\r\n", "\r", '"a,\n"'])))
def test_the_fast_reader_takes_only_what_the_careful_one_reads_alike(cells: list[str]) -> None:
    text = "one,two\n" + "".join(cells)

    fast = rows_of(text)
    with patch.object(delimited, "_strict_rows", return_value=None):
        careful = rows_of(text)

    assert fast == careful
