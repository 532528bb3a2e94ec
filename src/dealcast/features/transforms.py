"""Encoders and scalers: fitted on one table, kept as plain data, applied to other rows."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from dealcast.errors import ModelError, listed

# Code of a category that was not there when the encoder was fitted. No category ever has it.
UNSEEN = -1


@dataclass(frozen=True)
class LabelEncoder:
    """Codes 0, 1, … of sorted categories; null stays null, an unseen category is UNSEEN.

    >>> sizes = LabelEncoder.fit(pl.Series(["S", "L", None, "S"]))
    >>> pl.DataFrame({"size": ["L", "S", "XXL", None]}).select(sizes.code("size"))["size"].to_list()
    [0, 1, -1, None]
    """

    categories: tuple[str, ...]

    @classmethod
    def fit(cls, values: pl.Series) -> "LabelEncoder":
        """Learn the categories; nulls are none."""
        return cls(tuple(values.drop_nulls().unique().sort()))

    def code(self, column: str) -> pl.Expr:
        """The codes of a text column, Int32."""
        known = pl.col(column).cast(pl.Enum(self.categories), strict=False).to_physical()
        return (
            pl.when(pl.col(column).is_not_null()).then(known.cast(pl.Int32).fill_null(UNSEEN))
        ).alias(column)


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


def fit_scalers(frame: pl.DataFrame, columns: Iterable[str]) -> dict[str, StandardScaler]:
    """One scaler for each of the columns."""
    columns = tuple(columns)
    means, deviations, spreads = (
        frame.select(statistic).row(0)
        for statistic in (
            pl.col(columns).mean(),
            pl.col(columns).std(ddof=0),
            # Rounding gives a constant column a tiny deviation; its spread is exactly 0.
            pl.col(columns).max() - pl.col(columns).min(),
        )
    )
    return {
        column: StandardScaler(mean, 1.0 if spread == 0 else deviation)
        for column, mean, deviation, spread in zip(columns, means, deviations, spreads, strict=True)
    }


@dataclass(frozen=True)
class FittedTransforms:
    """The encoders and scalers of one table by column; they name their results themselves.

    >>> fitted = FittedTransforms.fit(
    ...     pl.DataFrame({"product": ["B", "A"], "price": [1.0, 3.0]}),
    ...     encode=["product"], scale=["price"],
    ... )
    >>> again = FittedTransforms.from_dict(fitted.to_dict())
    >>> again.apply(pl.DataFrame({"product": ["A", "C"], "price": [2.0, 4.0]})).columns
    ['product', 'price', 'product_encoded', 'price_scaled']
    """

    encoders: Mapping[str, LabelEncoder]
    scalers: Mapping[str, StandardScaler]

    @classmethod
    def fit(
        cls, frame: pl.DataFrame, *, encode: Iterable[str], scale: Iterable[str]
    ) -> "FittedTransforms":
        """Learn from all rows of the frame."""
        encoders = {column: LabelEncoder.fit(frame[column]) for column in encode}
        return cls(encoders, fit_scalers(frame, scale))

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
        return frame.with_columns(
            *(e.code(c).alias(f"{c}_encoded") for c, e in self.encoders.items()),
            *(s.scaled(c).alias(f"{c}_scaled") for c, s in self.scalers.items()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, that `from_dict` takes."""
        return {
            "encoders": {column: list(e.categories) for column, e in self.encoders.items()},
            "scalers": {column: asdict(s) for column, s in self.scalers.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FittedTransforms":
        """What `to_dict` was called on."""
        return cls(
            {column: LabelEncoder(tuple(c)) for column, c in data["encoders"].items()},
            {column: StandardScaler(**s) for column, s in data["scalers"].items()},
        )
