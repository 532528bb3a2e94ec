"""Values as small codes: what the tests count. Null is code 0, for a blank is information too."""

import numpy as np
import polars as pl

from dealcast.features.audit.spec import Ints

MOST_CODES = 256
# Fewer for quantities, so that each class holds many opportunities, also of a small export.
QUANTILES = 64
# A number with more values than this is a quantity, not the code of a category.
MOST_CATEGORIES = 20

_NUMBERS = (pl.Boolean, pl.Date, pl.Datetime, pl.Duration, pl.Time, pl.Decimal)


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns as text or floats, NaN as null; without those that are neither (lists, structs).

    >>> plain(pl.DataFrame({"x": [1, None], "list": [[1], [2]]})).to_dict(as_series=False)
    {'x': [1.0, None]}
    """
    found = {name: _plain(pl.col(name), dtype) for name, dtype in frame.schema.items()}
    return frame.select(value for value in found.values() if value is not None)


def _plain(values: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return values.cast(pl.String)
    if dtype.is_numeric() or dtype in _NUMBERS or dtype == pl.Null:
        return values.to_physical().cast(pl.Float64).fill_nan(None)
    return None


def coded(values: pl.DataFrame) -> dict[str, Ints]:
    """Codes 1, 2, … of plain values, 0 for null; each of at most 255 values has its own.

    Where there are more values, numbers fall into quantiles and rare texts share the last code.
    """
    distinct = values.select(pl.all().drop_nulls().n_unique()).to_dict(as_series=False)
    codes = values.select(_codes(column, *distinct[column.name]) for column in values)
    return {c.name: c.to_numpy() for c in codes.select(pl.all().cast(pl.Int64).fill_null(0))}


def _codes(values: pl.Series, distinct: int) -> pl.Expr:
    column = pl.col(values.name)
    if distinct < MOST_CODES:
        return column.rank("dense")
    if values.dtype == pl.String:
        return pl.lit(_most_frequent(values))
    return (column.rank("average") - 0.5) * (QUANTILES / column.count()) + 1


def _most_frequent(values: pl.Series) -> pl.Series:
    counts = values.drop_nulls().value_counts(name="n").sort("n", values.name, descending=True)
    common = counts[values.name].head(MOST_CODES - 2)
    codes = values.replace_strict(
        common, pl.Series(np.arange(1, len(common) + 1)), default=MOST_CODES - 1
    )
    return codes.set(values.is_null(), None)


def is_categorical(values: pl.Series) -> bool:
    """Whether plain values name categories: texts, flags and codes of few values."""
    return values.dtype == pl.String or values.drop_nulls().n_unique() <= MOST_CATEGORIES
