"""A Parquet file as a frame of text, in the notation that a CSV would be brought to."""

import io

import polars as pl
from polars import selectors as cs

from dealcast.errors import SourceError, listed
from dealcast.sources.reading.delimited import FileRows, numbered


def read_parquet(data: bytes, file: str) -> FileRows:
    """Every column as text: dates as YYYY-MM-DD without time, numbers as plain decimals.

    NaN is a blank. The first row of data is 2, as if there were a header. Raises SourceError where
    the file is broken or a column holds lists, structs or bytes.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(
            f"{file} is not a whole Parquet file: {str(error).splitlines()[0]}.",
            remedy="export it again",
        ) from None
    if not frame.columns:
        raise SourceError(f"{file} has no columns.", remedy="export it again")
    nested = frame.select(cs.nested() | cs.binary() | cs.object()).columns
    if nested:
        raise SourceError(
            f"{file} holds lists, structs or bytes in the columns {listed(nested)}.",
            remedy="leave these columns out of the export",
        )
    numeric = frozenset(frame.select(cs.numeric()).columns)
    columns = frame.get_columns()
    del frame
    text = [_as_text(columns.pop(0)) for _ in range(len(columns))]
    return FileRows(numbered(text), numeric=numeric)


def _as_text(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        return column.fill_nan(None).cast(pl.String).str.strip_suffix(".0")
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.date().cast(pl.String)
    return column.cast(pl.String)
