"""Raw files lose the rows of erased opportunities, and keep every other byte."""

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dealcast.sources.reading import ReadingOptions, load_mapping
from dealcast.workflow.erasure.raw import without_ids
from dealcast.workflow.erasure.words import Sought

Files = dict[str, bytes]
# What remains of each file that changes, and how many rows went.
Erased = Callable[..., dict[str, tuple[bytes | None, int]]]


@pytest.fixture
def erased(tmp_path: Path) -> Erased:
    def erased_of(
        files: Files, *ids: str, mapping: str = "default"
    ) -> dict[str, tuple[bytes | None, int]]:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        options = ReadingOptions(load_mapping(mapping))
        paths = [tmp_path / name for name in files]
        return {f.name: (f.data, f.rows) for f in without_ids(paths, Sought(ids), options)}

    return erased_of


@pytest.fixture
def left(erased: Erased) -> Callable[..., tuple[bytes, int]]:
    """Of an export of one file: the bytes, and how many rows went."""

    def left_of(data: bytes, *ids: str, file: str = "sales_pipeline.csv") -> tuple[bytes, int]:
        return erased({file: data}, *ids).get(file, (data, 0))

    return left_of


Left = Callable[..., tuple[bytes, int]]


def as_parquet(**columns: object) -> bytes:
    content = io.BytesIO()
    pl.DataFrame(columns).write_parquet(content)
    return content.getvalue()


def frame_of(data: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(data))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_other_bytes_are_as_they_were(left: Left, encoding: str, end: str) -> None:
    rows = ["opportunity_id;account", "A-1;Müller", 'B-2;"a;b"', 'A-3;"two', ' lines"', "B-4;x"]
    data = (end.join(rows) + end).encode(encoding)
    wanted = (end.join([rows[0], rows[2], rows[5]]) + end).encode(encoding)

    assert left(data, "A-1", "A-3") == (wanted, 2)


@pytest.mark.parametrize(("cell", "sought"), [(" A1 ", "A1"), ("A\t 1", "A 1"), ('"A1\n"', "A1")])
def test_an_id_is_found_as_it_is_read(left: Left, cell: str, sought: str) -> None:
    data = f"opportunity_id,account\n{cell},x\nB2,y\n".encode()

    assert left(data, sought) == (b"opportunity_id,account\nB2,y\n", 1)


@pytest.mark.parametrize("other", ["A12", "XA1", "A1-B", "B-A1", "A1_2", "A1/2", "A1:2", "A1 2"])
def test_a_longer_id_is_another(left: Left, other: str) -> None:
    data = f"opportunity_id,account\n{other},x\n".encode()

    assert left(data, "A1") == (data, 0)


@pytest.mark.parametrize("number", ["12", "1200300", "2024-05-01"])
def test_a_number_is_looked_for_among_ids_only(left: Left, number: str) -> None:
    """Elsewhere it counts anything, or is a day, however long it is."""
    data = f"opportunity_id,close_value,note\n{number},7,\n7,{number},{number}\n"
    without = f"opportunity_id,close_value,note\n7,{number},{number}\n"

    assert left(data.encode(), number) == (without.encode(), 1)


def test_a_note_of_another_row_is_marked(left: Left) -> None:
    data = b'opportunity_id,account,note\nA1,x,\n"B2",y,same as A1!\nB3,"A1, Ltd",A1-B\n'

    assert left(data, "A1") == (
        b'opportunity_id,account,note\nB2,y,same as [erased]!\nB3,"A1, Ltd",A1-B\n',
        1,
    )


@pytest.mark.parametrize("number", ["A1", "12"])
def test_a_line_that_tells_the_delimiter_stays(left: Left, number: str) -> None:
    data = f"sep=^\r\nopportunity_id^x\r\n{number}^1\r\nB2^2\r\n".encode()

    assert left(data, number) == (b"sep=^\r\nopportunity_id^x\r\nB2^2\r\n", 1)


def test_rows_of_other_tables_stay_whatever_their_ids(erased: Erased) -> None:
    """In HubSpot every kind of thing is numbered in a column of the same name."""
    deals = b"Record ID,Deal Name,Deal Stage\n12,x,Closed Won\n13,y,Closed Won\n"
    companies = b"Record ID,Company name\n12,Acme\n13,Bcme\n"
    files = {"hubspot-deals.csv": deals, "hubspot-companies.csv": companies}

    left = erased(files, "12", mapping="hubspot")

    assert left == {"hubspot-deals.csv": (b"Record ID,Deal Name,Deal Stage\n13,y,Closed Won\n", 1)}


def test_a_file_of_which_nothing_is_left_goes_but_for_the_last(erased: Erased) -> None:
    """Names of columns without rows are no export."""
    files = {
        "opportunities_1.csv": b"opportunity_id,account\nA1,x\n",
        "opportunities_2.csv": b"opportunity_id,account\nB2,y\n",
    }
    columns = b"opportunity_id,account\n"

    assert erased(files, "A1") == {"opportunities_1.csv": (None, 1)}
    assert erased(files, "A1", "B2") == dict.fromkeys(files, (columns, 1))


def test_a_column_that_may_be_the_id_is_no_prose(erased: Erased) -> None:
    deals = b"Record ID,Deal ID,Deal Name\nA1,x,y\nB2,A1,A1\n"

    left = erased({"deals.csv": deals}, "A1", mapping="hubspot")

    assert left == {"deals.csv": (b"Record ID,Deal ID,Deal Name\nB2,A1,[erased]\n", 1)}


def test_files_of_no_table_lose_what_names_it(erased: Erased) -> None:
    files = {
        "sales_pipeline.csv": b"opportunity_id,account\nA1,x\nB2,y\n",
        "calls.csv": "deal;text\nA1;Grüße\nB2;after A1.\n".encode("utf-16"),
        "mails.parquet": as_parquet(deal=["A1", "B2"], text=["A1!", None]),
    }

    left = erased(files, "A1")

    assert left["calls.csv"][0].decode("utf-16") == (
        "deal;text\n[erased];Grüße\nB2;after [erased].\n"
    )
    assert frame_of(left["mails.parquet"][0]).rows() == [("[erased]", "[erased]!"), ("B2", None)]


def test_a_very_long_cell_that_is_read_is_no_hindrance(left: Left) -> None:
    long = b'"' + b"x" * 200_000 + b'"'
    data = b"opportunity_id,note\nA1,y\nB2," + long + b"\n"

    assert left(data, "A1") == (b"opportunity_id,note\nB2," + long + b"\n", 1)


@pytest.mark.parametrize(
    ("ids", "sought"),
    [
        ([11, 12, None], "12"),
        ([11.0, 12.0, None], "12"),
        (["11", " 12\t", None], "12"),
        (pl.Series(["A", "B  2", None], dtype=pl.Categorical), "B 2"),
    ],
)
def test_rows_of_parquet_are_found_as_they_are_read(left: Left, ids: object, sought: str) -> None:
    data = as_parquet(opportunity_id=ids, close_value=[12.0, 5.0, 12.0])

    new, rows = left(data, sought, file="sales_pipeline.parquet")

    assert rows == 1
    assert frame_of(new).equals(frame_of(data)[[0, 2]])


def test_a_note_in_parquet_is_marked_and_other_columns_keep_their_types(left: Left) -> None:
    data = as_parquet(
        opportunity_id=["A1", "B2", "A1-B"],
        close_value=[1, 2, 3],
        note=["x", "as A1", "A1-B"],
        kind=pl.Series(["k", "A1", "k"], dtype=pl.Categorical),
    )

    new, rows = left(data, "A1", file="sales_pipeline.parquet")

    assert rows == 1
    assert frame_of(new).drop("kind").rows() == [("B2", 2, "as [erased]"), ("A1-B", 3, "A1-B")]
    assert frame_of(new)["kind"].cast(pl.String).to_list() == ["[erased]", "k"]
    assert frame_of(new).schema["close_value"] == pl.Int64
