"""Dates as CRMs write them, read as YYYY-MM-DD; times are dropped."""

import polars as pl

from dealcast.sources.reading.notation import AUTO, Notation

PIVOT = 80  # years of two digits are 1980-2079
_TIME = (
    r"(?:(?:T|,?\s+)[0-2]?\d:[0-5]\d(?::[0-6]\d(?:[.,]\d{1,9})?)?"  # 14:05, 14:05:09.000
    r"\s*(?:[AaPp]\.?[Mm]\.?)?\s*[A-Za-z]{0,5}\s*(?:[+-]\d{1,2}:?\d{0,2})?)?"  # PM, Z, GMT+01:00
)
_MARK = r"(?:[-/]|\.\s?)"
_PATTERNS = {
    "year_first": rf"^(\d{{4}}){_MARK}(\d{{1,2}}){_MARK}(\d{{1,2}}){_TIME}$",
    "packed": rf"^(\d{{4}})(\d{{2}})(\d{{2}}){_TIME}$",
    "year_last": rf"^(\d{{1,2}}){_MARK}(\d{{1,2}}){_MARK}(\d{{4}}){_TIME}$",
    "short_year": rf"^(\d{{1,2}}){_MARK}(\d{{1,2}}){_MARK}(\d{{2}}){_TIME}$",
}
# style -> the groups of year_last and short_year that hold year, month and day
_PLACES = {"MDY": "312", "DMY": "321", "YMD": "123"}


def read_dates(values: pl.DataFrame, style: str = AUTO) -> pl.DataFrame:
    """The values with a column per style: MDY and DMY for auto, else the one asked for.

    A year of four digits that comes first is the year in every style. A year of two digits is
    read only in a style that was asked for, as 1980-2079: nothing tells 03-04-05 apart. The day
    is the one written: a time zone does not move it.

    >>> read_dates(pl.DataFrame({"text": ["3/4/2017 2:05 PM", "2017-03-31T23:00:00.000+0000"]}))
    shape: (2, 3)
    ┌──────────────────────────────┬────────────┬────────────┐
    │ text                         ┆ MDY        ┆ DMY        │
    │ ---                          ┆ ---        ┆ ---        │
    │ str                          ┆ str        ┆ str        │
    ╞══════════════════════════════╪════════════╪════════════╡
    │ 3/4/2017 2:05 PM             ┆ 2017-03-04 ┆ 2017-04-03 │
    │ 2017-03-31T23:00:00.000+0000 ┆ 2017-03-31 ┆ 2017-03-31 │
    └──────────────────────────────┴────────────┴────────────┘
    """
    asked = ("MDY", "DMY") if style == AUTO else (style,)
    text = pl.col("text").str.strip_chars()
    parts = values.with_columns(
        text.str.extract_groups(pattern).alias(name) for name, pattern in _PATTERNS.items()
    )
    return parts.with_columns(
        pl.coalesce(
            _date("year_first"),
            _date("packed"),
            _date("year_last", _PLACES[name]),
            *([] if style == AUTO else [_date("short_year", _PLACES[name], short=True)]),
        ).alias(name)
        for name in asked
    ).drop(*_PATTERNS)


def _date(pattern: str, places: str = "123", *, short: bool = False) -> pl.Expr:
    """The day that a pattern's groups name, as text; null where there is no such day."""
    year, month, day = (pl.col(pattern).struct.field(group) for group in places)
    if short:
        century = pl.when(year.cast(pl.Int32, strict=False) < PIVOT).then(pl.lit("20"))
        year = pl.concat_str(century.otherwise(pl.lit("19")), year.str.zfill(2))
    written = pl.concat_str(year, month, day, separator="-")
    return written.str.to_date("%Y-%m-%d", strict=False).cast(pl.String)


DATES = Notation(
    what="dates",
    styles={"MDY": "month first (MDY)", "DMY": "day first (DMY)"},
    flag="--date-order",
    hint="check the mapping's column; dates are read as YYYY-MM-DD, M/D/YYYY, D/M/YYYY and the "
    "like, and years of two digits with --date-order MDY, DMY or YMD only",
    read=read_dates,
    neutral="YMD",
)
