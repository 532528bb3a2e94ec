import polars as pl
import pytest

from dealcast.sources.reading.dates import read_dates


def read(text: str, style: str = "auto") -> list[str | None]:
    values = pl.DataFrame({"text": [text]}, schema={"text": pl.String})
    return list(read_dates(values, style).row(0)[1:])


@pytest.mark.parametrize(
    "text",
    [
        "2017-03-01",
        "2017-3-1",
        "2017/03/01",
        "2017.03.01",
        "20170301",
        " 2017-03-01\t",
        "2017-03-01T08:00:00.000+0000",
        "2017-03-01T00:00:00Z",
        "2017-03-01T23:59:59.999999-08:00",
        "2017-03-01 08:00",
        "2017-03-01 08:00:00 UTC",
        "2017-03-01 23:59:59.000 GMT+01:00",
        "2017-03-01 08:00:00 +01:00",
        "20170301 08:00:00",
    ],
)
def test_a_year_that_comes_first_leaves_no_doubt(text: str) -> None:
    assert read(text) == ["2017-03-01", "2017-03-01"]


@pytest.mark.parametrize(
    "text",
    [
        "3/4/2017",
        "03/04/2017",
        "3.4.2017",
        "03. 04. 2017",
        "3-4-2017",
        "3/4/2017 14:05",
        "3/4/2017 2:05 PM",
        "3/4/2017, 2:05:09 p.m.",
        "3/4/2017 2:05\N{NARROW NO-BREAK SPACE}PM",
    ],
)
def test_a_year_that_comes_last_can_be_read_in_two_ways(text: str) -> None:
    assert read(text) == ["2017-03-04", "2017-04-03"]


@pytest.mark.parametrize(
    ("text", "month_first", "day_first"),
    [
        ("3/31/2017", "2017-03-31", None),
        ("31/3/2017", None, "2017-03-31"),
        ("29.2.2024", None, "2024-02-29"),
        ("29.2.2023", None, None),
        ("31/02/2017", None, None),
        ("13/13/2017", None, None),
        ("2/30/2017", None, None),
    ],
)
def test_only_days_that_exist_are_read(
    text: str, month_first: str | None, day_first: str | None
) -> None:
    assert read(text) == [month_first, day_first]


@pytest.mark.parametrize(
    "text",
    [
        "2017-13-01",
        "2017-02-30",
        "2017-03",
        "03/2017",
        "42795",
        "1488326400000",
        "someday",
        "1 March 2017",
        "3/4/2017 25 o'clock",
        "12017-03-01",
        "3/4/20171",
        "/3/4/2017",
    ],
)
def test_other_texts_are_no_dates(text: str) -> None:
    assert read(text) == [None, None]


@pytest.mark.parametrize(
    ("style", "expected"),
    [("MDY", "2005-03-04"), ("DMY", "2005-04-03"), ("YMD", "2003-04-05"), ("auto", None)],
)
def test_years_of_two_digits_are_read_only_where_the_order_is_given(
    style: str, expected: str | None
) -> None:
    assert read("03/04/05", style)[0] == expected


@pytest.mark.parametrize(("year", "full"), [("79", "2079"), ("80", "1980"), ("00", "2000")])
def test_years_of_two_digits_are_1980_to_2079(year: str, full: str) -> None:
    assert read(f"31.12.{year} 10:00", "DMY") == [f"{full}-12-31"]


@pytest.mark.parametrize("style", ["MDY", "DMY", "YMD"])
def test_a_given_order_does_not_turn_a_year_that_comes_first(style: str) -> None:
    assert read("2017-03-01", style) == ["2017-03-01"]


def test_year_first_refuses_years_that_come_last() -> None:
    assert read("3/4/2017", "YMD") == [None]
