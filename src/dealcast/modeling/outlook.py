"""When what is open, and what is yet to come, may be won: the chances day by day after a day."""

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.modeling.amounts import with_amount
from dealcast.modeling.risks import CompetingRisks
from dealcast.modeling.traits import ENTITIES, FloatArray, Traits, traits_of
from dealcast.snapshots import day_number
from dealcast.sums import exact_sum

# New opportunities are believed to be like those of the last quarter (days).
RECENT_DAYS = 91
# What is known of an opportunity on the day it is engaged; the account mostly is not.
KNOWN_AT_ENGAGING = ("sales_agent", "product")
# What is said of each open opportunity.
OF_OPEN = ("opportunity_id", *KNOWN_AT_ENGAGING, "amount", "amount_from", "is_stale")
# Kinds of new opportunities whose chances are computed; of more, so many are taken evenly.
LARGEST_MIX = 400


class WinChances(NamedTuple):
    """Chances (0-1) to be won on each day after an origin (column 0: the day after it).

    `open`: one row per opportunity open at the end of the origin that has been engaged
    (opportunity_id, sales_agent, product, amount if won, amount_from, is_stale). `won`: a row for
    all that are alike, which `kind` has the place of for each row of `open`. `fresh`: row i is
    one that is engaged on the i-th of those days, of an agent and product as usual of late.
    """

    open: pl.DataFrame
    won: FloatArray
    fresh: FloatArray
    kind: npt.NDArray[np.int64]


def win_chances(
    fitted: CompetingRisks, tables: CrmTables, *, origin: date, days: int
) -> WinChances:
    """The chances by what was known at the end of the origin, for so many days after it.

    `fitted` and `tables` must not know more than that (`as_known_on`). An opportunity is stale
    where none had closed so old. One engaged later has no cohort effect: its cohort is unknown.
    """
    dated = tables.opportunities.filter(pl.col("engage_date") <= origin)
    still_open = dated.filter((pl.col("close_date") > origin).fill_null(value=True))
    age = (pl.lit(origin) - pl.col("engage_date")).dt.total_days()
    rows = (
        with_amount(still_open, tables, origin)
        .with_columns(is_stale=age > _oldest_closed_age(dated, origin))
        .select(*OF_OPEN, pl.col("engage_date", *ENTITIES).exclude(OF_OPEN))
        .sort("opportunity_id")
        .collect()
    )
    today = np.full(rows.height, day_number(origin))
    of_kinds, kind = fitted.daily_of_kinds(traits_of(rows), today, days)
    return WinChances(
        open=rows.select(OF_OPEN),
        won=of_kinds.won,
        fresh=_fresh(fitted, _recent_mix(dated, origin), origin, days),
        kind=kind,
    )


def _oldest_closed_age(dated: pl.LazyFrame, origin: date) -> int:
    """The greatest age (days) at which an opportunity had closed; -1 where none had."""
    age = (pl.col("close_date") - pl.col("engage_date")).dt.total_days()
    oldest = dated.filter(pl.col("close_date") <= origin).select(age.max()).collect().item()
    return -1 if oldest is None else int(oldest)


def _recent_mix(dated: pl.LazyFrame, origin: date) -> pl.DataFrame:
    """Agents and products of the latest arrivals with the `share` (0-1) of each pair."""
    age = (pl.lit(origin) - pl.col("engage_date")).dt.total_days()
    mix = (
        dated.group_by(KNOWN_AT_ENGAGING)
        .agg(count=pl.len(), recent=(age < RECENT_DAYS).sum())
        .sort(KNOWN_AT_ENGAGING)
        .collect()
    )
    if mix["recent"].sum():
        mix = mix.filter(pl.col("recent") > 0).with_columns(count="recent")
    mix = mix.gather_every(-(-max(mix.height, 1) // LARGEST_MIX))
    return mix.with_columns(share=pl.col("count") / pl.col("count").sum())


def _fresh(fitted: CompetingRisks, mix: pl.DataFrame, origin: date, days: int) -> FloatArray:
    """Chance to be won by engage day (row) and day (column): the mean of the mix."""
    # Who differ in nothing that the model knows of are taken together.
    told_apart = [name for name in KNOWN_AT_ENGAGING if name in fitted.entities]
    kinds = (
        mix.group_by(told_apart, maintain_order=True).agg(exact_sum(pl.col("share")))
        if told_apart
        else mix.select(exact_sum(pl.col("share")))
    )
    ahead = np.arange(days - 1)
    engaged = np.repeat(day_number(origin) + 1 + ahead, kinds.height)
    every_day = pl.concat([kinds.select(told_apart)] * len(ahead)) if len(ahead) else kinds.clear()
    traits = Traits(engaged, {name: every_day[name] for name in told_apart})
    won = fitted.daily(traits, engaged, days).won.reshape(len(ahead), kinds.height, days)
    mean = np.einsum("k,akd->ad", kinds["share"].to_numpy(), won)
    fresh = np.zeros((days, days))
    for row in ahead:
        fresh[row, row + 1 :] = mean[row, : days - 1 - row]
    return fresh
