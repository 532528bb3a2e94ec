"""Traits: what has few values for many opportunities. Its columns are made once for each value."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from dealcast.features.descriptive.columns import (
    COUNTS,
    ENCODED,
    ENGINEERED,
    NUMBERS,
    SCALED,
    TEXTS,
    CrmFeatures,
)
from dealcast.features.transforms import FittedTransforms

COUNT = "opportunities"
MADE = set(CrmFeatures.columns())


@dataclass(frozen=True)
class Trait:
    """Which value each opportunity has, as a position in `values`, and the columns of each value.

    A number stands at its distance from the least one, so there may be values that none has.
    """

    name: str
    positions: pl.Series
    values: pl.DataFrame

    def described(self) -> tuple["Trait", FittedTransforms]:
        """With encoded and scaled columns; and the encoders and scalers, of all opportunities."""
        transforms = FittedTransforms.fit_counted(
            self.values,
            self.values[COUNT],
            encode=[c for c in ENCODED if c in self.values.columns],
            scale=[c for c in SCALED if c in self.values.columns],
        )
        return Trait(self.name, self.positions, transforms.apply(self.values)), transforms

    def of(self, start: int, rows: int) -> list[pl.Expr]:
        """The columns of so many opportunities from `start` on; null where they have no value."""
        positions = pl.lit(self.positions.slice(start, rows).cast(pl.UInt32))
        made = [c for c in self.values.columns if c in MADE and c != self.name]
        return [pl.lit(self.values[c]).gather(positions).alias(c) for c in made]


def traits_of(opportunities: pl.LazyFrame) -> list[Trait]:
    """All traits with their engineered columns. Counts and rates are of these opportunities."""
    # Codes of their own: those that all categoricals share would have gaps.
    codes = {name: pl.Categories.random() for name in TEXTS}
    conditions = {name: c for counts in COUNTS.values() for name, c in counts.items()}
    rows = opportunities.select(
        *(pl.col(name).cast(pl.Categorical(codes[name])) for name in TEXTS),
        **NUMBERS,
        **conditions,
    ).collect(engine="streaming")
    return [
        *(_trait(name, rows[name].to_physical(), codes[name].to_series(), rows) for name in TEXTS),
        *(_trait_of_number(name, rows) for name in NUMBERS),
    ]


def _trait_of_number(name: str, rows: pl.DataFrame) -> Trait:
    number = rows[name].to_physical()
    span = pl.col(name).min().alias("least"), pl.col(name).max().alias("largest")
    least, largest = (n or 0 for n in number.to_frame().select(span).row(0))
    values = pl.int_range(least, largest + 1, eager=True).cast(number.dtype).cast(rows[name].dtype)
    return _trait(name, number - least, values, rows)


def _trait(name: str, positions: pl.Series, values: pl.Series, rows: pl.DataFrame) -> Trait:
    positions = positions.rechunk().shrink_dtype()  # kept for every opportunity
    counts = {
        COUNT: _counts(positions, values),
        **{
            counted: _counts(positions.filter(rows[counted]), values)
            for counted in COUNTS.get(name, {})
        },
    }
    engineered = {column: e.expr for column, e in ENGINEERED.items() if e.trait == name}
    return Trait(name, positions, pl.DataFrame({name: values, **counts}).with_columns(**engineered))


def _counts(positions: pl.Series, values: pl.Series) -> pl.Series:
    """How many stand at the position of each of the values."""
    return pl.Series(np.bincount(positions.drop_nulls().to_numpy(), minlength=len(values)))
