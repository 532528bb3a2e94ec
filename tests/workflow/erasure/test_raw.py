"""Raw files lose the rows of erased opportunities, and keep every other byte."""

import io

import polars as pl
import pytest

from dealcast.sources.reading import load_mapping
from dealcast.workflow.erasure.raw import without_rows
from dealcast.workflow.erasure.words import Sought

MAPPING = load_mapping("default")


def erased(data: bytes, *ids: str, **written: str) -> tuple[bytes, int]:
    return without_rows(data, "sales_pipeline.csv", Sought(ids), MAPPING, written)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_all_other_bytes_are_as_they_were(encoding: str, end: str) -> None:
    rows = ["opportunity_id;account", "A-1;Müller", 'B-2;"a;b"', 'A-3;"two', ' lines"', "B-4;x"]
    data = (end.join(rows) + end).encode(encoding)
    wanted = (end.join([rows[0], rows[2], rows[5]]) + end).encode(encoding)

    assert erased(data, "A-1", "A-3") == (wanted, 2)


def test_a_cell_with_white_space_around_the_id_is_that_id() -> None:
    assert erased(b"opportunity_id,account\n A1 ,x\nB2,y\n", "A1") == (
        b"opportunity_id,account\nB2,y\n",
        1,
    )


def test_a_longer_word_is_another_id() -> None:
    data = b"opportunity_id,account\nA12,x\nXA1,y\n"

    assert erased(data, "A1") == (data, 0)


def test_a_short_number_is_looked_for_among_ids_only() -> None:
    data = b"opportunity_id,close_value\n12,7\n7,12\n"

    assert erased(data, "12") == (b"opportunity_id,close_value\n7,12\n", 1)


def test_a_note_of_another_row_is_marked() -> None:
    data = b"opportunity_id,account,note\nA1,x,\nB2,y,same as A1!\n"

    assert erased(data, "A1") == (b"opportunity_id,account,note\nB2,y,same as [erased]!\n", 1)


def test_a_line_that_tells_the_delimiter_stays() -> None:
    assert erased(b"sep=;\nopportunity_id;x\nA1;1\nB2;2\n", "A1") == (
        b"sep=;\nopportunity_id;x\nB2;2\n",
        1,
    )


def test_columns_of_parquet_keep_their_types() -> None:
    frame = pl.DataFrame({"opportunity_id": [11, 12], "close_value": [12.0, 5.0]})
    content = io.BytesIO()
    frame.write_parquet(content)

    data, rows = erased(content.getvalue(), "12")

    assert rows == 1
    assert pl.read_parquet(io.BytesIO(data)).equals(frame.head(1))
