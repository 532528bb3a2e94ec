"""Amounts as CRMs write them, read as plain decimals: '$1,234.50' is 1234.5."""

import polars as pl

from dealcast.sources.reading.notation import AUTO, Notation

# No other words: in "12 Mio" or "12 mln" the word is part of the number.
_CODES = (
    "USD EUR GBP CHF JPY CNY INR CAD AUD NZD SEK NOK DKK ISK PLN CZK HUF RON BGN TRY RUB UAH ILS "
    "AED SAR QAR EGP ZAR NGN KES BRL MXN ARS CLP COP PEN KRW SGD HKD TWD THB IDR MYR PHP VND"
)
_SYMBOLS = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_CURRENCY = rf"[A-Za-z]{{0,3}}\p{{Sc}}|(?i:{'|'.join(_CODES.split())}|kr\.?|zł|kč|ft|fr\.|rs\.?)"
_MINUS = "\N{MINUS SIGN}\\-"
_SIGN_PAIRS = ("", "+", "-", "\N{MINUS SIGN}", "()")
_SPACE = "[\\s'\N{RIGHT SINGLE QUOTATION MARK}]"  # between thousands, in every style
_BODY = rf"\d(?:{_SPACE}?[\d.,]+)*|[.,]\d+"
_AMOUNT = (
    rf"^([(+{_MINUS}])?\s*({_CURRENCY})?\s*([(+{_MINUS}])?\s*({_BODY})"
    rf"\s*({_CURRENCY})?\s*([){_MINUS}])?$"
)


def _grammar(thousands: str, decimal: str) -> str:
    """Digits with thousands set apart evenly (or as in India) or not at all, then decimals."""
    return (
        rf"^(?:\d*|[1-9]\d{{0,2}}(?:{_SPACE}\d{{3}})+|[1-9]\d{{0,2}}(?:{thousands}\d{{3}})+"
        rf"|[1-9]\d?(?:{thousands}\d{{2}})+{thousands}\d{{3}})(?:{decimal}\d*)?$"
    )


# decimal mark -> what a number looks like with it, the other mark
_STYLES = {".": (_grammar(",", r"\."), ","), ",": (_grammar(r"\.", ","), ".")}


def read_amounts(values: pl.DataFrame, style: str = AUTO) -> pl.DataFrame:
    """The values with a column per decimal mark: both for auto, else the one asked for.

    A minus, before or behind, and parentheses are negative. Of several currencies in one column
    only the most frequent is read: adding up others would be wrong.

    >>> read_amounts(pl.DataFrame({"text": ["$1,234.50", "(7)", "1,234"], "rows": [1, 1, 1]}))
    shape: (3, 4)
    ┌───────────┬──────┬────────┬───────┐
    │ text      ┆ rows ┆ .      ┆ ,     │
    │ ---       ┆ ---  ┆ ---    ┆ ---   │
    │ str       ┆ i64  ┆ str    ┆ str   │
    ╞═══════════╪══════╪════════╪═══════╡
    │ $1,234.50 ┆ 1    ┆ 1234.5 ┆ null  │
    │ (7)       ┆ 1    ┆ -7     ┆ -7    │
    │ 1,234     ┆ 1    ┆ 1234   ┆ 1.234 │
    └───────────┴──────┴────────┴───────┘
    """
    part = pl.col("parts").struct.field
    parts = values.with_columns(
        parts=pl.col("text").str.strip_chars().str.extract_groups(_AMOUNT)
    ).with_columns(
        body=part("4"),
        currency=pl.coalesce(part("2"), part("5")).str.to_uppercase().replace(_SYMBOLS),
        signs=pl.concat_str(part("1"), part("3"), part("6"), ignore_nulls=True),
    )
    parts = parts.with_columns(
        body=pl.when(_in_main_currency(parts), pl.col("signs").is_in(_SIGN_PAIRS)).then("body")
    )
    asked = tuple(_STYLES) if style == AUTO else (style,)
    return parts.with_columns(_plain(mark).alias(mark) for mark in asked).drop(
        "parts", "body", "currency", "signs"
    )


def _in_main_currency(parts: pl.DataFrame) -> pl.Expr:
    stated = parts.filter(pl.col("currency").is_not_null())
    main = stated.group_by("currency").agg(pl.sum("rows")).sort("rows", "currency")["currency"]
    return pl.col("currency").is_null() | (pl.col("currency") == (main.last() if len(main) else ""))


def _plain(mark: str) -> pl.Expr:
    """The number in our notation where it is one with this decimal mark; else null."""
    grammar, other = _STYLES[mark]
    body = pl.col("body")
    digits = (
        body.str.replace_all(rf"{_SPACE}|[{other}]", "")
        .str.replace(mark, ".", literal=True)
        .str.replace(r"^0+(\d)", "$1")
        .str.replace(r"^\.", "0.")
        .str.replace(r"(\.\d*?)0+$", "$1")
        .str.strip_suffix(".")
    )
    negative = pl.col("signs").str.contains(rf"[({_MINUS}]") & (digits != "0")
    return pl.when(body.str.contains(grammar)).then(
        pl.concat_str(pl.when(negative).then(pl.lit("-")).otherwise(pl.lit("")), digits)
    )


def _by_delimiter(doubtful: pl.DataFrame, delimiter: str | None) -> str | None:
    """The style of amounts such as 1,234 that nothing else in the file decides.

    A file with `,` between its fields comes from a place that writes decimal points, one with `;`
    from one that writes decimal commas; and amounts have two decimals, not three. Where both
    agree, the mark is between thousands; else there is no telling.
    """
    text = doubtful["text"]
    for between, (decimal, thousands) in {",": (".", ","), ";": (",", ".")}.items():
        if delimiter == between and not text.str.contains(decimal, literal=True).any():
            return decimal if text.str.contains(thousands, literal=True).all() else None
    return None


AMOUNTS = Notation(
    what="amounts",
    styles={".": "a decimal point", ",": "a decimal comma"},
    flag="--decimal",
    hint="check the mapping's column, and --decimal; amounts are read as 1234.5, 1,234.50, "
    "1.234,50 and the like, with or without a currency",
    read=read_amounts,
    tie=_by_delimiter,
)
