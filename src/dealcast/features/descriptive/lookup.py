"""Lookup: what is the same for all opportunities with one value of a trait, computed once."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from dealcast.features.descriptive.columns import (
    ENCODED,
    ENGINEERED,
    SCALED,
    SUMS,
    TARGETS,
    TRAITS,
)
from dealcast.features.transforms import FittedTransforms


def counted(opportunities: pl.LazyFrame, trait: str) -> pl.LazyFrame:
    """One row per value of a trait, in order: the value, `opportunities` and the trait's SUMS."""
    return (
        opportunities.group_by(TRAITS[trait].alias(trait))
        .agg(opportunities=pl.len(), **SUMS.get(trait, {}))
        .filter(pl.col(trait).is_not_null())
        .sort(trait)
    )


@dataclass(frozen=True)
class Lookup:
    """The columns made from a trait, one row of `values` per value of it, in order.

    Opportunities without a value have null in each.
    """

    trait: str
    values: pl.DataFrame

    @classmethod
    def of(cls, trait: str, counts: pl.DataFrame) -> "Lookup":
        """The engineered columns of what `counted` gave."""
        made = {name: e.expr for name, e in ENGINEERED.items() if e.trait == trait}
        return cls(trait, counts.with_columns(**made))

    def described(self) -> tuple["Lookup", FittedTransforms]:
        """With encoded and scaled columns and targets; and what was fitted for them."""
        transforms = FittedTransforms.fit(
            self.values,
            encode=[c for c in ENCODED if c in self.values.columns],
            scale=[c for c in SCALED if c in self.values.columns],
            count="opportunities",
        )
        targets = {name: e.expr for name, e in TARGETS.items() if e.trait == self.trait}
        values = transforms.apply(self.values).with_columns(**targets)
        return Lookup(self.trait, values), transforms

    def columns(self, opportunities: pl.DataFrame) -> pl.DataFrame:
        """The columns of each of these opportunities, whose values must be among ours."""
        positions = opportunities.select(self._position).to_series()
        return self._by_position.select(pl.all().gather(positions))

    @cached_property
    def _position(self) -> pl.Expr:
        """Where the columns of a value stand: texts one after the other, numbers at a distance."""
        value, keys = TRAITS[self.trait], self.values[self.trait]
        if keys.dtype == pl.String:
            return value.cast(pl.Enum(keys)).to_physical()
        return (value.to_physical() - keys.to_physical().min()).cast(pl.UInt32)

    @cached_property
    def _by_position(self) -> pl.DataFrame:
        keys = self.values[self.trait]
        columns = self.values.drop(self.trait, "opportunities", *SUMS.get(self.trait, {}))
        if keys.dtype == pl.String or keys.is_empty():
            return columns
        distance = (keys.to_physical() - keys.to_physical().min()).cast(pl.UInt32)
        every = pl.int_range(int(distance[-1]) + 1, dtype=pl.UInt32, eager=True)
        placed = columns.with_columns(distance.alias("position"))
        return (
            every.to_frame("position")
            .join(placed, on="position", how="left", maintain_order="left")
            .drop("position")
        )
