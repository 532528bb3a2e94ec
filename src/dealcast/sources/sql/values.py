"""What a database driver gives, as columns that keep their types."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from dealcast.errors import SourceError

MOST_DECIMALS = 9  # of a NUMERIC; what stands behind is rounded
MOST_DIGITS = 29  # before the decimal point, so that both fit into Polars' 38
SMALLEST_INT64, LARGEST_INT64 = -(2**63), 2**63 - 1
MOMENT, MOMENT_UTC = pl.Datetime("us"), pl.Datetime("us", "UTC")
Value = Any  # whatever Python type the driver has for the column


def batch_frame(names: Sequence[str], rows: Sequence[Sequence[Value]], table: str) -> pl.DataFrame:
    """The rows as a frame; a column of blanks only has the type Null.

    Raises SourceError where a column holds bytes.
    """
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pl.DataFrame(
        [typed(name, values, table) for name, values in zip(names, columns, strict=True)]
    )


def typed(name: str, values: Sequence[Value], table: str = "opportunities") -> pl.Series:
    """The values in the one type that fits them all; text where none does.

    NUMERIC stays decimal, to MOST_DECIMALS places. A moment with a time zone is put into UTC. Lists
    and JSON become JSON text.

    >>> typed("amount", [Decimal("0.10"), None]).to_list()
    [Decimal('0.10'), None]
    >>> typed("mixed", [1, "n/a"]).to_list()
    ['1', 'n/a']
    """
    kinds = set(map(type, values)) - {type(None)}
    if kinds & {bytes, bytearray, memoryview}:
        raise SourceError(
            f"The query for '{table}' gives bytes in the column '{name}'.",
            remedy=f"leave '{name}' out of source.queries.{table}, or decode it there",
        )
    if not kinds:
        return pl.Series(name, values, pl.Null)
    if kinds in ({str}, {bool}, {date}, {float}):
        return pl.Series(name, values)
    if kinds <= {int, float, Decimal}:
        return _numbers(name, values, kinds)
    if kinds <= {date, datetime}:
        return _moments(name, values)
    return pl.Series(name, [None if v is None else _text(v) for v in values], pl.String)


def common_type(types: Iterable[pl.DataType]) -> pl.DataType:
    """The type that columns of these types can be brought to; text where they have none.

    >>> common_type([pl.Null(), pl.Date()])
    Date
    >>> common_type([pl.Decimal(38, 2), pl.Int64()])
    Decimal(precision=38, scale=2)
    """
    known = {t for t in types if t != pl.Null}
    if len(known) < 2:  # noqa: PLR2004 - nothing to bring together
        return known.pop() if known else pl.Null()
    if all(t.is_numeric() for t in known):
        if any(t.is_float() for t in known):
            return pl.Float64()
        return pl.Decimal(38, max(t.scale for t in known if isinstance(t, pl.Decimal)))
    if known <= {pl.Date(), MOMENT}:
        return MOMENT
    return pl.String()


def as_type(column: str, wanted: pl.DataType, found: pl.DataType) -> pl.Expr:
    """The column in the common type; as text, a whole float has no decimals."""
    cast = pl.col(column).cast(wanted)
    return cast.str.strip_suffix(".0") if wanted == pl.String and found.is_float() else cast


def _numbers(name: str, values: Sequence[Value], kinds: set[type]) -> pl.Series:
    if kinds == {int}:
        if all(v is None or SMALLEST_INT64 <= v <= LARGEST_INT64 for v in values):
            return pl.Series(name, values, pl.Int64)
    elif float in kinds:
        return pl.Series(name, [None if v is None else float(v) for v in values], pl.Float64)
    exact = [None if v is None else Decimal(v) for v in values]
    known = [v for v in exact if v is not None and v.is_finite()]
    endless = any(v is not None and v.is_infinite() for v in exact)
    if endless or any(v.adjusted() >= MOST_DIGITS for v in known):
        return pl.Series(name, [None if v is None else float(v) for v in exact], pl.Float64)
    scale = min(MOST_DECIMALS, max((_decimals(v) for v in known), default=0))
    smallest = Decimal(1).scaleb(-scale)
    # NaN is a blank, as it is in a Parquet file.
    rounded = [
        None if v is None or v.is_nan() else v.quantize(smallest) if _decimals(v) > scale else v
        for v in exact
    ]
    return pl.Series(name, rounded, pl.Decimal(38, scale))


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _moments(name: str, values: Sequence[Value]) -> pl.Series:
    moments = [
        v if v is None or isinstance(v, datetime) else datetime(v.year, v.month, v.day)  # noqa: DTZ001
        for v in values
    ]
    if any(v is not None and v.tzinfo is not None for v in moments):
        in_utc = [None if v is None else _in_utc(v) for v in moments]
        return pl.Series(name, in_utc, MOMENT).dt.replace_time_zone("UTC")
    return pl.Series(name, moments, MOMENT)


def _in_utc(moment: datetime) -> datetime:
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)


def _text(value: Value) -> str:
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, default=str, ensure_ascii=False)
    if isinstance(value, float):
        return str(value).removesuffix(".0")
    return str(value)
