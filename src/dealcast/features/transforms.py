"""Encoders and scalers: fitted on one table, kept as plain data, applied to other rows."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from dealcast.errors import ModelError, listed
from dealcast.sums import exact_mean

# Code of a category that was not there when the encoder was fitted. No category ever has it.
UNSEEN = -1

SAVED: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "column": pl.String,
    "categories": pl.List(pl.String),
    "mean": pl.Float64,
    "deviation": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class LabelEncoder:
    """Codes 0, 1, … of sorted categories; null stays null, an unseen category is UNSEEN.

    The categories are kept as a column, not as Python texts: a key has as many as there are rows.

    >>> sizes = LabelEncoder.fit(pl.Series(["S", "L", None, "S"]))
    >>> pl.DataFrame({"size": ["L", "S", "XXL", None]}).select(sizes.code("size"))["size"].to_list()
    [0, 1, -1, None]
    """

    categories: pl.Series

    @classmethod
    def fit(cls, values: pl.Series) -> "LabelEncoder":
        """Learn the categories; nulls are none."""
        return cls(values.drop_nulls().unique().sort())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelEncoder) and self.categories.equals(other.categories)

    __hash__ = None  # type: ignore[assignment]

    def code(self, column: str) -> pl.Expr:
        """The codes of a text column, Int32."""
        value, categories = pl.col(column), pl.lit(self.categories)
        place = categories.search_sorted(value)
        known = categories.gather(place, null_on_oob=True) == value
        code = pl.when(known).then(place.cast(pl.Int32)).otherwise(UNSEEN)
        return pl.when(value.is_not_null()).then(code).alias(column)


@dataclass(frozen=True)
class StandardScaler:
    """Mean 0 and deviation 1 (of the population, divided by n); nulls are left out and stay null.

    Both are null where there was no value to learn from: then every scaled value is null. A
    column with one value only has deviation 1, so that it becomes 0.
    """

    mean: float | None
    deviation: float | None

    def scaled(self, column: str) -> pl.Expr:
        """The standardised values of a numeric column, Float64."""
        mean = pl.lit(self.mean, dtype=pl.Float64)
        return (pl.col(column) - mean) / pl.lit(self.deviation, dtype=pl.Float64)


def fit_scalers(frame: pl.LazyFrame, columns: Iterable[str]) -> dict[str, StandardScaler]:
    """One scaler for each of the columns."""
    columns = tuple(columns)
    if not columns:
        return {}
    values = pl.col(columns).cast(pl.Float64)
    # Rounding gives a constant column a tiny deviation; its spread is exactly 0.
    mean, spread = exact_mean(values), values.max() - values.min()
    # In parts of the spread: squares of large amounts would be too large to be added up exactly.
    parts = (values - mean) / pl.when(spread > 0).then(spread)
    deviation = exact_mean(parts**2).sqrt() * spread
    statistics = {"mean": mean, "deviation": deviation, "spread": spread}
    row = frame.select(s.name.suffix(f" {name}") for name, s in statistics.items()).collect()
    found = row.row(0, named=True)
    return {
        c: StandardScaler(
            found[f"{c} mean"], 1.0 if found[f"{c} spread"] == 0 else found[f"{c} deviation"]
        )
        for c in columns
    }


def fit_scaler_of_counted(values: pl.Series, counts: pl.Series) -> StandardScaler:
    """The scaler of a few values, each of which counts so often.

    >>> fit_scaler_of_counted(pl.Series([1.0, 4.0, None]), pl.Series([2, 1, 7])).mean
    2.0
    """
    # In NumPy: a query for every column would take longer than all else that is done with them.
    each, often = values.to_numpy().astype(np.float64), counts.to_numpy()
    known = np.flatnonzero(~np.isnan(each) & (often > 0))
    # Whatever counted them gives them in any order, and a sum of floats is rounded by the order.
    known = known[np.lexsort((often[known], each[known]))]
    each, often = each[known], often[known]
    if not len(each):
        return StandardScaler(None, None)
    mean = float(np.average(each, weights=often))
    if each.min() == each.max():
        return StandardScaler(mean, 1.0)
    return StandardScaler(mean, float(np.sqrt(np.average((each - mean) ** 2, weights=often))))


@dataclass(frozen=True)
class FittedTransforms:
    """The encoders and scalers of one table by column; they name their results themselves.

    >>> fitted = FittedTransforms.fit(
    ...     pl.DataFrame({"product": ["B", "A"], "price": [1.0, 3.0]}),
    ...     encode=["product"], scale=["price"],
    ... )
    >>> again = FittedTransforms.from_parquet(fitted.to_parquet())
    >>> again.apply(pl.DataFrame({"product": ["A", "C"], "price": [2.0, 4.0]})).columns
    ['product', 'price', 'product_encoded', 'price_scaled']
    """

    encoders: Mapping[str, LabelEncoder]
    scalers: Mapping[str, StandardScaler]

    @classmethod
    def fit(
        cls,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        encode: Iterable[str],
        scale: Iterable[str],
    ) -> "FittedTransforms":
        """Learn from all rows of the frame."""
        rows, encode = frame.lazy(), tuple(encode)
        texts = rows.select(encode).collect() if encode else pl.DataFrame()
        encoders = {column: LabelEncoder.fit(texts[column]) for column in encode}
        return cls(encoders, fit_scalers(rows, scale))

    @classmethod
    def fit_counted(
        cls, values: pl.DataFrame, counts: pl.Series, *, encode: Iterable[str], scale: Iterable[str]
    ) -> "FittedTransforms":
        """Learn from a few rows, each of which counts so often; what never does is left out."""
        return cls(
            {column: LabelEncoder.fit(values[column].filter(counts > 0)) for column in encode},
            {column: fit_scaler_of_counted(values[column], counts) for column in scale},
        )

    def together_with(self, *others: "FittedTransforms") -> "FittedTransforms":
        """One object for the columns of all of them."""
        encoders, scalers = dict(self.encoders), dict(self.scalers)
        for other in others:
            encoders |= other.encoders
            scalers |= other.scalers
        return FittedTransforms(encoders, scalers)

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with a `_encoded` and `_scaled` column for each column learnt from.

        Raises ModelError where the frame lacks one of these.
        """
        missing = [c for c in (*self.encoders, *self.scalers) if c not in frame.columns]
        if missing:
            raise ModelError(
                f"The rows lack {listed(missing)}, which the transforms were fitted on.",
                remedy="apply them to a table with the columns of crm_features",
            )
        return frame.with_columns(self.columns())

    def columns(self) -> list[pl.Expr]:
        """The `_encoded` and `_scaled` columns, from those learnt from."""
        return [
            *(e.code(c).alias(f"{c}_encoded") for c, e in self.encoders.items()),
            *(s.scaled(c).alias(f"{c}_scaled") for c, s in self.scalers.items()),
        ]

    def to_parquet(self) -> bytes:
        """All of it as a Parquet file, that `from_parquet` takes: a row per encoder or scaler."""
        encoders, scalers = list(self.encoders.values()), list(self.scalers.values())
        saved = pl.DataFrame(
            {
                "column": [*self.encoders, *self.scalers],
                "categories": [*(e.categories for e in encoders), *(None for _ in scalers)],
                "mean": [*(None for _ in encoders), *(s.mean for s in scalers)],
                "deviation": [*(None for _ in encoders), *(s.deviation for s in scalers)],
            },
            SAVED,
        )
        file = io.BytesIO()
        saved.write_parquet(file)
        return file.getvalue()

    @classmethod
    def from_parquet(cls, content: bytes) -> "FittedTransforms":
        """What `to_parquet` was called on."""
        saved = pl.read_parquet(io.BytesIO(content))
        encoders = saved.filter(pl.col("categories").is_not_null())
        scalers = saved.filter(pl.col("categories").is_null()).drop("categories")
        return cls(
            # Not by iter_rows, which would make a Python text of every category.
            {
                column: LabelEncoder(categories)
                for column, categories in zip(
                    encoders["column"], encoders["categories"], strict=True
                )
            },
            {column: StandardScaler(*fitted) for column, *fitted in scalers.iter_rows()},
        )
