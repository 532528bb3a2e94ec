from collections.abc import Sequence

import polars as pl
import pytest

from dealcast.errors import SourceError
from dealcast.sources.reading.amounts import AMOUNTS
from dealcast.sources.reading.dates import DATES
from dealcast.sources.reading.notation import Notation, Place, in_our_notation

Cells = Sequence[str | None]


def read(
    notation: Notation, style: str = "auto", delimiter: str | None = ",", **columns: Cells
) -> tuple[dict[str, list[str | None]], dict[str, str]]:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    place = Place("deals.csv", delimiter, {"close_date": "Closed On"})
    frame, styles = in_our_notation(frame, list(columns), notation, style, place)
    return frame.to_dict(as_series=False), styles


def test_one_value_decides_for_the_whole_column() -> None:
    frame, styles = read(DATES, close_date=["3/4/2017", None, "3/31/2017", "1/2/2017"])

    assert frame["close_date"] == ["2017-03-04", None, "2017-03-31", "2017-01-02"]
    assert styles == {"close_date": "MDY"}


def test_another_column_of_the_file_decides_where_one_cannot() -> None:
    frame, styles = read(DATES, engage_date=["3/4/2017"], close_date=["31/5/2017"])

    assert frame == {"engage_date": ["2017-04-03"], "close_date": ["2017-05-31"]}
    assert styles == {"engage_date": "DMY", "close_date": "DMY"}


def test_columns_may_decide_differently() -> None:
    frame, _ = read(DATES, engage_date=["3/31/2017"], close_date=["31.5.2017"])

    assert frame == {"engage_date": ["2017-03-31"], "close_date": ["2017-05-31"]}


def test_where_the_others_disagree_the_doubtful_one_is_refused() -> None:
    with pytest.raises(SourceError, match=r"Column 'Closed On' of deals\.csv"):
        read(DATES, engage_date=["3/31/2017"], x=["31.5.2017"], close_date=["3/4/2017"])


def test_dates_that_nothing_decides_are_refused_with_the_flag() -> None:
    with pytest.raises(SourceError, match=r"month first \(MDY\) or day first \(DMY\)") as refused:
        read(DATES, close_date=["3/4/2017", "1/2/2017"])

    assert "'1/2/2017', '3/4/2017'" in refused.value.problem
    assert "--date-order MDY or --date-order DMY" in refused.value.remedy


@pytest.mark.parametrize(("style", "day"), [("MDY", "2017-03-04"), ("DMY", "2017-04-03")])
def test_the_flag_decides(style: str, day: str) -> None:
    frame, styles = read(DATES, style, close_date=["3/4/2017"])

    assert frame["close_date"] == [day]
    assert styles == {"close_date": style}


@pytest.mark.parametrize("text", ["3/3/2017", "2017-03-03"])
def test_values_that_are_the_same_either_way_leave_no_doubt(text: str) -> None:
    assert read(DATES, close_date=[text]) == ({"close_date": ["2017-03-03"]}, {"close_date": "YMD"})


def test_a_blank_column_leaves_no_doubt() -> None:
    assert read(DATES, close_date=[None, None])[0] == {"close_date": [None, None]}
    assert read(AMOUNTS, amount=[None]) == ({"amount": [None]}, {})


def test_a_few_of_the_other_style_are_left_as_they_came() -> None:
    frame, styles = read(DATES, close_date=["12/31/2017"] * 19 + ["31/12/2017", "1/2/2017"])

    assert styles == {"close_date": "MDY"}
    assert frame["close_date"][-3:] == ["2017-12-31", "31/12/2017", "2017-01-02"]


def test_a_mixture_of_styles_is_refused_with_examples_of_both() -> None:
    with pytest.raises(SourceError, match="mixes dates") as refused:
        read(DATES, close_date=["12/31/2017"] * 18 + ["31/12/2017"])

    assert "18 rows that only fit month first (MDY) ('12/31/2017')" in refused.value.problem
    assert "1 rows that only fit day first (DMY) ('31/12/2017')" in refused.value.problem


def test_the_rows_count_not_the_distinct_values() -> None:
    frame, _ = read(DATES, close_date=["12/31/2017"] * 98 + ["31/12/2017", "30/12/2017"])

    assert frame["close_date"][-2:] == ["31/12/2017", "30/12/2017"]


def test_unreadable_dates_stay_as_they_came() -> None:
    frame, _ = read(DATES, close_date=["31/02/2017", " someday ", "2017-03-01", "2017-03-02"])

    assert frame["close_date"] == ["31/02/2017", " someday ", "2017-03-01", "2017-03-02"]


def test_a_column_that_is_mostly_no_dates_is_refused() -> None:
    with pytest.raises(SourceError, match="2 of 3 cells are no dates") as refused:
        read(DATES, close_date=["open", "open", "2017-03-01", None])

    assert "'open'" in refused.value.problem


def test_a_wrong_order_that_is_given_is_noticed() -> None:
    with pytest.raises(SourceError, match=r"3 of 4 cells are no dates \(day first \(DMY\)\)"):
        read(DATES, "DMY", close_date=["3/31/2017", "3/30/2017", "3/29/2017", "3/1/2017"])


def test_years_of_two_digits_ask_for_the_order() -> None:
    with pytest.raises(SourceError) as refused:
        read(DATES, close_date=["31.12.17", "30.12.17"])

    assert "two digits with --date-order" in refused.value.remedy


@pytest.mark.parametrize(
    ("texts", "plain", "mark"),
    [
        (["1,234", "1,234.50"], ["1234", "1234.5"], "."),
        (["1.234", "1.234,50"], ["1234", "1234.5"], ","),
        (["1,234", "12,5"], ["1.234", "12.5"], ","),
        (["1,234", "12"], ["1234", "12"], "."),
        (["1 234", "12"], ["1234", "12"], None),
    ],
)
def test_the_decimal_mark_is_decided_by_the_column(
    texts: list[str], plain: list[str], mark: str | None
) -> None:
    frame, styles = read(AMOUNTS, amount=texts)

    assert frame["amount"] == plain
    assert styles == ({"amount": mark} if mark else {})


def test_another_amount_column_decides_before_the_delimiter_does() -> None:
    frame, _ = read(AMOUNTS, amount=["1,234"], close_value=["12,5"])

    assert frame == {"amount": ["1.234"], "close_value": ["12.5"]}


@pytest.mark.parametrize(("text", "delimiter"), [("1,234", ";"), ("1.234", ","), ("1,234", "\t")])
def test_amounts_that_nothing_decides_are_refused_with_the_flag(text: str, delimiter: str) -> None:
    with pytest.raises(SourceError, match="a decimal point or a decimal comma") as refused:
        read(AMOUNTS, delimiter=delimiter, amount=[text])

    assert "--decimal . or --decimal ," in refused.value.remedy


def test_a_decimal_mark_that_is_given_decides() -> None:
    assert read(AMOUNTS, ",", amount=["1,234"])[0] == {"amount": ["1.234"]}
    assert read(AMOUNTS, ".", amount=["1,234"])[0] == {"amount": ["1234"]}
