"""A Parquet file as a frame of text, in the notation that a CSV would be brought to."""

import io

import polars as pl
from polars import selectors as cs

from dealcast.errors import SourceError, listed, shortened
from dealcast.sources.reading.delimited import FileRows, numbered
from dealcast.sources.reading.parquet_size import unpacked_size

# Days since 1970 of the years 1 to 9999; others are no dates to Python, nor to a CRM.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
TICKS_A_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
LEAST, LARGEST = -(2**63), 2**63 - 1
GB = 1e9


def read_parquet(data: bytes, file: str, *, max_gb: float | None = None) -> FileRows:
    """Every column as text: dates as YYYY-MM-DD without time, numbers as plain decimals.

    NaN is a blank. The first row of data is 2, as if there were a header. Raises SourceError where
    the file is broken, stands for more than `max_gb`, or a column holds lists, structs or bytes.
    """
    try:
        size = unpacked_size(data)
        _refuse_larger(size, max_gb, file)
        frame = pl.read_parquet(io.BytesIO(data))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _broken(file, str(error)) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _broken(file, str(error)) from None
    if not frame.columns:
        raise SourceError(f"{file} has no columns.", remedy="export it again")
    nested = frame.select(cs.nested() | cs.binary() | cs.object()).columns
    if nested:
        raise SourceError(
            f"{file} holds lists, structs or bytes in the columns {listed(nested)}.",
            remedy="leave these columns out of the export",
        )
    # A long text of which there is one in the file may stand in every row.
    texts = frame.select(cs.string()).get_columns()
    length = sum(int(text.str.len_bytes().cast(pl.UInt64).sum()) for text in texts)
    _refuse_larger(length, max_gb, file)
    numeric = frozenset(frame.select(cs.numeric()).columns)
    columns = frame.get_columns()
    del frame
    text = [_as_text(columns.pop(0)) for _ in range(len(columns))]
    return FileRows(numbered(text), numeric=numeric)


def _refuse_larger(size: int, max_gb: float | None, file: str) -> None:
    if max_gb is not None and size > max_gb * GB:
        raise SourceError(
            f"{file} stands for {size / GB:,.1f} GB, more than the {max_gb:g} GB allowed "
            "(source.max_unpacked_gb).",
            remedy="if it is what it should be, raise source.max_unpacked_gb; else export it again",
        )


def _broken(file: str, reason: str) -> SourceError:
    first = shortened((reason.splitlines() or ["it cannot be read"])[0])
    return SourceError(f"{file} is not a whole Parquet file: {first}.", remedy="export it again")


def _as_text(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        return column.fill_nan(None).cast(pl.String).str.strip_suffix(".0")
    if isinstance(column.dtype, pl.Date | pl.Datetime):
        return _days(column)
    if isinstance(column.dtype, pl.Duration):
        return column.dt.to_string("polars")
    return column.cast(pl.String)


def _days(column: pl.Series) -> pl.Series:
    """The days as text; one that no calendar has as its number, which is no date to any check."""
    unit = column.dtype.time_unit if isinstance(column.dtype, pl.Datetime) else None
    ticks = TICKS_A_DAY[unit] if unit else 1
    number = column.to_physical().cast(pl.Int64)
    # Of nanoseconds a column holds fewer years than these.
    first, last = max(FIRST_DAY * ticks, LEAST), min((LAST_DAY + 1) * ticks - 1, LARGEST)
    is_day = number.is_between(first, last)
    days = column.set(~is_day, None)
    text = (days.dt.date() if unit else days).cast(pl.String)
    return text.zip_with(is_day.fill_null(value=True), number.cast(pl.String))
