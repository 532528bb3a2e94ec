import polars as pl
import pytest

from dealcast.sources.reading.amounts import AMOUNTS, read_amounts

NBSP, NARROW = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"


def read(text: str, style: str = "auto") -> list[str | None]:
    return list(read_amounts(pl.DataFrame({"text": [text], "rows": [1]}), style).row(0)[2:])


@pytest.mark.parametrize(
    ("text", "with_point", "with_comma"),
    [
        ("1234", "1234", "1234"),
        ("0", "0", "0"),
        ("0012", "12", "12"),
        ("1234.5", "1234.5", None),
        ("1234.50", "1234.5", None),
        ("1234.", "1234", None),
        (".5", "0.5", None),
        ("0.00", "0", None),
        ("1,234.50", "1234.5", None),
        ("1,234,567", "1234567", None),
        ("12,34,567.25", "1234567.25", None),
        ("1'234.50", "1234.5", None),
        ("1234,5", None, "1234.5"),
        ("1.234,50", None, "1234.5"),
        ("1.234.567", None, "1234567"),
        ("1 234,50", None, "1234.5"),
        (f"1{NBSP}234{NBSP}567,5", None, "1234567.5"),
        (f"12{NARROW}345", "12345", "12345"),
        ("1,234", "1234", "1.234"),
        ("1.234", "1.234", "1234"),
        ("0,123", None, "0.123"),
        ("1234,567", None, "1234.567"),
        ("12,3456", None, "12.3456"),
    ],
)
def test_marks_are_read_as_thousands_or_decimals(
    text: str, with_point: str | None, with_comma: str | None
) -> None:
    assert read(text) == [with_point, with_comma]


@pytest.mark.parametrize(
    "text",
    [
        "$1,234.50",
        "US$ 1,234.50",
        "USD 1,234.50",
        "1,234.50 usd",
        f"1,234.50{NBSP}€",
        "£1,234.50",
        "CHF 1'234.50",
        "kr 1,234.50",
        " 1,234.50 ",
        "+1,234.50",
    ],
)
def test_a_currency_is_no_part_of_the_amount(text: str) -> None:
    assert read(text)[0] == "1234.5"


@pytest.mark.parametrize(
    "text",
    ["-12.5", "(12.5)", "($12.5)", "$(12.5)", "-$12.5", "$-12.5", "12.5-", "\N{MINUS SIGN}12.5"],
)
def test_minus_and_parentheses_are_negative(text: str) -> None:
    assert read(text)[0] == "-12.5"


def test_there_is_no_negative_zero() -> None:
    assert read("-0.00", ".") == ["0"]


@pytest.mark.parametrize(
    "text",
    [
        *("much", "12 Mio", "1.5 bn", "12k", "1.2E+03", "1,23,4.5", "1.2.3,4", "(5", "5)", "$"),
        *("1 2 3", "12 34", "5%", "n/a", "-", "--5", "1..5", "1,,5", ".", ",", "12-34", "NaN"),
    ],
)
def test_other_texts_are_no_amounts(text: str) -> None:
    assert read(text) == [None, None]


def test_of_several_currencies_the_one_of_most_rows_is_read() -> None:
    values = pl.DataFrame({"text": ["$5.5", "€6.5", "7.5", "USD 8.5"], "rows": [3, 4, 1, 2]})

    assert read_amounts(values, ".")["."].to_list() == ["5.5", None, "7.5", "8.5"]


@pytest.mark.parametrize(
    ("texts", "delimiter", "style"),
    [
        (["1,234", "5,000"], ",", "."),
        (["1.234", "5.000"], ";", ","),
        (["1,234"], ";", None),
        (["1.234"], ",", None),
        (["1,234", "1.234"], ",", None),
        (["1,234"], "\t", None),
        (["1,234"], None, None),
    ],
)
def test_a_tie_is_broken_where_delimiter_and_three_digits_agree(
    texts: list[str], delimiter: str | None, style: str | None
) -> None:
    assert AMOUNTS.tie(pl.DataFrame({"text": texts}), delimiter) == style
