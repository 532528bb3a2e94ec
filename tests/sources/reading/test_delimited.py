import pytest

from dealcast.errors import SourceError
from dealcast.sources.reading import delimited
from dealcast.sources.reading.delimited import LONGEST_CELL, ROW, read_delimited

Row = tuple[object, ...]


def rows_of(text: str) -> list[Row]:
    return read_delimited(text.encode(), "deals.csv").frame.rows()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [("1", "2", 2)]),
        ("a,b\r\n1,2\r\n3,4", [("1", "2", 2), ("3", "4", 3)]),
        ("a,b\r1,2\r3,4\r", [("1", "2", 2), ("3", "4", 3)]),
        ('a,b\r1,"x\ny"\r3,4\r', [("1", "x\ny", 2), ("3", "4", 3)]),
        ('a,b\n1,"x,y"\n', [("1", "x,y", 2)]),
        ('a,b\n1,"x ""y"""\n2,"""z"""\n', [("1", 'x "y"', 2), ("2", '"z"', 3)]),
        ('a,b\n"",""\n1,""\n', [("1", None, 3)]),
        ('a,b\n1,"x\ny"\n3,4\n', [("1", "x\ny", 2), ("3", "4", 3)]),
        ('"a","b, c"\n1,2\n', [("1", "2", 2)]),
    ],
)
def test_rows_are_read_with_quotes_and_any_line_ends(text: str, rows: list[Row]) -> None:
    assert rows_of(text) == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b,c\n1,2\n3\n", [("1", "2", None, 2), ("3", None, None, 3)]),
        ("a,b,c\n1,2\n3,4,5\n", [("1", "2", None, 2), ("3", "4", "5", 3)]),
        ("a,b\n1,  \n,\t\n", [("1", None, 2)]),
        ("a,b\n 1 ,2\n", [(" 1 ", "2", 2)]),
    ],
)
def test_short_rows_and_blank_cells_are_null_and_white_space_in_others_stays(
    text: str, rows: list[Row]
) -> None:
    assert rows_of(text) == rows


def test_rows_without_a_cell_are_left_out_and_do_not_shift_the_row_numbers() -> None:
    assert rows_of('a,b\n1,2\n\n,\n"x\ny",3\n4,5\n\n') == [
        ("1", "2", 2),
        ("x\ny", "3", 5),
        ("4", "5", 6),
    ]


def test_a_quote_within_a_word_is_part_of_the_word() -> None:
    assert rows_of('a,b\n1,5" pipe\n2,6" pipe\n3,7" and 8" pipe\n') == [
        ("1", '5" pipe', 2),
        ("2", '6" pipe', 3),
        ("3", '7" and 8" pipe', 4),
    ]


def test_blank_cells_beyond_the_header_do_no_harm() -> None:
    assert rows_of("a,b\n1,2,\n3,4, ,\n") == [("1", "2", 2), ("3", "4", 3)]


def test_a_column_without_a_name_is_called_after_its_place() -> None:
    frame = read_delimited(b"a, b ,,\n1,2,3,\n", "deals.csv").frame

    assert frame.columns == ["a", "b", "(column 3)", "(column 4)", ROW]


def test_how_the_file_is_written_is_told() -> None:
    rows = read_delimited("a;b\n1;2,5\n".encode("utf-16"), "deals.csv")

    assert (rows.encoding, rows.delimiter) == ("utf-16", ";")


def test_a_delimiter_that_is_given_is_used() -> None:
    assert read_delimited(b"a;b,c\n1;2,3\n", "x", delimiter=",").frame.columns[:2] == ["a;b", "c"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"  \r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    with pytest.raises(SourceError, match=r"deals\.csv is empty"):
        read_delimited(content, "deals.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,a\n1,2,3\n", "more than one column named 'a'"),
        ("a, a\n1,2\n", "more than one column named 'a'"),
        ("a,(row)\n1,2\n", r"more than one column named '\(row\)'"),
        ("\na,b\n1,2\n", "first row of deals.csv is blank"),
        (",,\n1,2,3\n", "first row of deals.csv is blank"),
        ("a,b\n1,2\n1,2,3\n4,5\n6,7,8,9\n", "2 rows with more cells than its 2 columns: row 3, 5"),
        ('a,b\n1,"2\n3,4\n5,6\n', "record that begins on line 2 is broken"),
        ('a,b\n1,"x\ny"\n3,"4\n5,"6"\n', "record that begins on line 4 is broken"),
        ('a,b\n1,"2" 3\n', "record that begins on line 2 is broken"),
        ('a,"b\n1,2\n', "record that begins on line 1 is broken"),
        ('a,"b\n' + "1,2\n" * 50_000, "record that begins on line 1 is broken"),
    ],
)
def test_what_would_lose_shift_or_swallow_rows_is_refused(text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        rows_of(text)


def test_two_lost_quotes_far_apart_do_not_swallow_what_is_between() -> None:
    between = "3,4\n" * (LONGEST_CELL + 1)

    with pytest.raises(SourceError, match=r"begins on line 3 .* runs over 1,000 lines"):
        rows_of(f'a,b\n1,2\n1,"2\n{between}5,6"\n')


def test_a_long_note_is_a_cell_like_others() -> None:
    note = "line\n" * (LONGEST_CELL - 1)

    assert rows_of(f'a,b\n1,"{note}"\n') == [("1", note, 2)]


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n\n3\n", 'a,b\r\n"1","x ""y"""\r\n2,"z\n\n"\r\n,\r\n4,""\r\n']
)
def test_the_careful_reader_and_the_fast_one_agree(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = rows_of(text)
    monkeypatch.setattr(delimited, "_strict_rows", lambda *_: None)

    assert rows_of(text) == fast


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;"])
def test_excels_separator_line_is_obeyed_and_not_counted(line: str) -> None:
    rows = delimited.read_delimited(f"{line}\r\nid;note\r\n1;a,b,c\r\n".encode(), "deals.csv")

    assert rows.frame.rows() == [("1", "a,b,c", 2)]
    assert rows.delimiter == ";"


def test_a_delimiter_that_is_told_may_be_any_letter() -> None:
    read = read_delimited("sep=¦\nid¦name\n1¦a,b\n".encode(), "deals.csv")

    assert (read.delimiter, read.frame.rows()) == ("¦", [("1", "a,b", 2)])


@pytest.mark.parametrize("first", ['sep="', "sep=\r", "sep=ab"])
def test_what_tells_no_delimiter_is_a_line_like_others(first: str) -> None:
    assert read_delimited(f"{first}\n1\n".encode(), "deals.csv").frame.height == 1


def test_a_cell_that_is_too_long_to_be_read_row_by_row_is_named_as_such() -> None:
    text = 'id,note\n1,say "a"\n2,' + "x" * 200_000

    with pytest.raises(SourceError, match=r"line 3 is broken .*131,072 characters"):
        read_delimited(text.encode(), "deals.csv")


def test_very_many_columns_are_refused_at_once() -> None:
    header = ",".join(f"c{n}" for n in range(100_000))

    with pytest.raises(SourceError, match=r"deals\.csv has 100,000 columns"):
        read_delimited(f"{header}\n1\n".encode(), "deals.csv")
