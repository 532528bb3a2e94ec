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
    TRAITS,
    CrmFeatures,
)
from dealcast.features.descriptive.lookup import Lookup, counted
from dealcast.features.descriptive.ranking import order_of, ranks
from dealcast.features.transforms import FittedTransforms, LabelEncoder

BY_ROW: Mapping[str, pl.Expr] = {n: e.expr for n, e in ENGINEERED.items() if e.trait == AMOUNT}


@dataclass(frozen=True)
class Description:
    """What was learnt from all opportunities, ready to describe them, as often as wanted.

    `transforms` are the encoders and scalers; the rest is for `batches` and `frame`.
    """

    opportunities: pl.LazyFrame
    transforms: FittedTransforms
    lookups: tuple[Lookup, ...]
    key_codes: pl.Series
    amounts: FittedTransforms

    @property
    def rows(self) -> int:
        """Opportunities (count)."""
        return len(self.key_codes)

    def frame(self) -> pl.DataFrame:
        """The contract CrmFeatures, all of it, in the order of the opportunities."""
        return self._described(self.opportunities.collect(), self.key_codes)

    def batches(self, rows: int) -> Iterator[pl.DataFrame]:
        """The contract CrmFeatures, so many rows at a time; one empty batch if there are none."""
        for start in range(0, max(self.rows, 1), rows):
            batch = self.opportunities.slice(start, rows).collect()
            yield self._described(batch, self.key_codes.slice(start, rows))

    def _described(self, opportunities: pl.DataFrame, key_codes: pl.Series) -> pl.DataFrame:
        by_row = opportunities.select(*ORIGINAL).with_columns(**BY_ROW)
        parts = [lookup.columns(opportunities) for lookup in self.lookups]
        whole = pl.concat([self.amounts.apply(by_row), *parts], how="horizontal")
        whole = whole.with_columns(key_codes.alias(f"{KEY}_encoded"))
        return whole.select(list(CrmFeatures.columns()))


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
    described = [lookup.described() for lookup in _lookups(opportunities)]
    by_row = opportunities.select(AMOUNT, **BY_ROW)
    amounts = FittedTransforms.fit(
        by_row, encode=(), scale=[c for c in SCALED if c in (AMOUNT, *BY_ROW)]
    )
    ids = opportunities.select(KEY).collect().to_series()
    order = order_of(ids)
    keys = FittedTransforms({KEY: LabelEncoder(ids.gather(order))}, {})
    transforms = keys.together_with(amounts, *(fitted for _, fitted in described))
    return Description(
        opportunities,
        transforms,
        tuple(lookup for lookup, _ in described),
        ranks(order),
        amounts,
    )


def build_crm_features(tables: CrmTables) -> tuple[pl.DataFrame, FittedTransforms]:
    """The contract CrmFeatures in the order of the opportunities, and what was fitted for it."""
    description = describe(tables)
    return description.frame(), description.transforms


def engineer(opportunities: pl.DataFrame) -> pl.DataFrame:
    """The 8 original and 23 engineered columns: what `FittedTransforms.apply` takes.

    Counts and rates are those of the opportunities given.
    """
    parts = [lookup.columns(opportunities) for lookup in _lookups(opportunities.lazy())]
    by_row = opportunities.select(*ORIGINAL).with_columns(**BY_ROW)
    return pl.concat([by_row, *parts], how="horizontal").select(*ORIGINAL, *ENGINEERED)


def _lookups(opportunities: pl.LazyFrame) -> list[Lookup]:
    counts = pl.collect_all([counted(opportunities, trait) for trait in TRAITS])
    return [Lookup.of(trait, count) for trait, count in zip(TRAITS, counts, strict=True)]
