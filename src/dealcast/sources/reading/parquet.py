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
            f"{file} holds lists, structs or bytes in {listed(nested)}.",
            remedy="leave these columns out of the export",
        )
    text = frame.with_columns(
        cs.datetime().dt.date(),
        cs.float().fill_nan(None),
    ).with_columns(
        (cs.all() - cs.float()).cast(pl.String),
        cs.float().cast(pl.String).str.strip_suffix(".0"),
    )
    return FileRows(numbered(text), numeric=frozenset(frame.select(cs.numeric()).columns))
