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


def plain(values: pl.Series) -> pl.Series | None:
    """The values as text or floats, NaN as null; None where they are neither (lists, structs).

    >>> plain(pl.Series([1, None])).to_list(), plain(pl.Series([[1]])) is None
    ([1.0, None], True)
    """
    dtype = values.dtype
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return values.cast(pl.String)
    if dtype.is_numeric() or dtype in _NUMBERS or dtype == pl.Null:
        return values.to_physical().cast(pl.Float64).fill_nan(None)
    return None


def coded(values: pl.Series) -> Ints:
    """Codes 1, 2, … of plain values, 0 for null; each of at most 255 values has its own.

    Where there are more values, numbers fall into quantiles and rare texts share the last code.
    """
    if values.drop_nulls().n_unique() < MOST_CODES:
        ranks = values.rank("dense")
    elif values.dtype == pl.String:
        ranks = _most_frequent(values)
    else:
        filled = len(values) - values.null_count()
        ranks = (values.rank("average") - 0.5) * (QUANTILES / filled) + 1
    return ranks.cast(pl.Int64).fill_null(0).to_numpy()


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
