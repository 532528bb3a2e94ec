"""describe: learn from all opportunities what their columns need, then make them in batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from dealcast.contracts import CrmTables
from dealcast.features.descriptive.columns import (
    AMOUNT,
    ENGINEERED,
    KEY,
    ORIGINAL,
    SCALED,
    TARGETS,
    CrmFeatures,
)
from dealcast.features.descriptive.ranking import order_of, ranks
from dealcast.features.descriptive.traits import Trait, traits_of
from dealcast.features.transforms import FittedTransforms, LabelEncoder

BY_ROW: Mapping[str, pl.Expr] = {n: e.expr for n, e in ENGINEERED.items() if e.trait == AMOUNT}


@dataclass(frozen=True)
class Description:
    """What was learnt from all opportunities, ready to describe them, as often as wanted.

    `transforms` are the encoders and scalers; the rest is for `batches` and `frame`.
    """

    opportunities: pl.LazyFrame
    transforms: FittedTransforms
    traits: tuple[Trait, ...]
    key_codes: pl.Series
    amounts: FittedTransforms

    @property
    def rows(self) -> int:
        """Opportunities (count)."""
        return len(self.key_codes)

    def frame(self) -> pl.DataFrame:
        """The contract CrmFeatures, all of it, in the order of the opportunities."""
        return self._rows(0, self.rows)

    def batches(self, rows: int) -> Iterator[pl.DataFrame]:
        """The contract CrmFeatures, so many rows at a time; one empty batch if there are none."""
        return (self._rows(start, rows) for start in range(0, max(self.rows, 1), rows))

    def _rows(self, start: int, rows: int) -> pl.DataFrame:
        key = pl.lit(self.key_codes.slice(start, rows)).alias(f"{KEY}_encoded")
        by_trait = (column for trait in self.traits for column in trait.of(start, rows))
        return (
            self.opportunities.slice(start, rows)
            .with_columns(key, *by_trait, **BY_ROW)
            .with_columns(
                *self.amounts.columns(), **{name: expr for name, (expr, _) in TARGETS.items()}
            )
            .select(list(CrmFeatures.columns()))
            .collect()
        )


def describe(tables: CrmTables) -> Description:
    """Learn the counts, rates, encoders and scalers of crm_features from all opportunities.

    The opportunities are read again for the batches: a frame in memory or a scan of files is
    best, and must give the rows in the same order each time. A blank that the stage explains
    stays null in every column made from it.

    >>> tables = CrmTables.cast({"opportunities": pl.LazyFrame({
    ...     "opportunity_id": ["A", "B"], "sales_agent": ["Ann", "Ann"], "product": None,
    ...     "account": None, "deal_stage": ["Won", "Engaging"], "engage_date": None,
    ...     "close_date": None, "close_value": [900.0, None],
    ... })})
    >>> frame = describe(tables).frame()
    >>> frame.width, frame["close_value_category"].to_list(), frame["agent_win_rate"].to_list()
    (61, ['Small', None], [1.0, 1.0])
    """
    opportunities = tables.opportunities
    traits, fitted = zip(*(trait.described() for trait in traits_of(opportunities)), strict=True)
    by_row = opportunities.select(AMOUNT, **BY_ROW)
    amounts = FittedTransforms.fit(
        by_row, encode=(), scale=[c for c in SCALED if c in (AMOUNT, *BY_ROW)]
    )
    ids = opportunities.select(KEY).collect().to_series().rechunk()
    order = order_of(ids)
    keys = FittedTransforms({KEY: LabelEncoder(ids.gather(order))}, {})
    transforms = keys.together_with(amounts, *fitted)
    return Description(opportunities, transforms, traits, ranks(order), amounts)


def build_crm_features(tables: CrmTables) -> tuple[pl.DataFrame, FittedTransforms]:
    """The contract CrmFeatures in the order of the opportunities, and what was fitted for it."""
    description = describe(tables)
    return description.frame(), description.transforms


def engineer(opportunities: pl.DataFrame) -> pl.DataFrame:
    """The 8 original and 23 engineered columns: what `FittedTransforms.apply` takes.

    Counts and rates are those of the opportunities given.
    """
    traits = traits_of(opportunities.lazy())
    by_trait = (column for trait in traits for column in trait.of(0, opportunities.height))
    return opportunities.with_columns(*by_trait, **BY_ROW).select(*ORIGINAL, *ENGINEERED)
