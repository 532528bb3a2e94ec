"""Do agents, products or accounts differ, and by how much? A ranking only where they do.

The calendar decides much of what is won, so entities are compared given the month of the fiscal
quarter in which their opportunities closed: who closed in the third month is not the better seller.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from dealcast.modeling.heterogeneity import Chance, p_value_of, variance_between
from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray, wilson
from dealcast.snapshots import day_number, month_of_quarter

# Chance of ranking entities that do not differ.
LEVEL = 0.01
# Difference in the share left blank (0-1) from which those filled in no longer stand for all.
UNEVEN_BLANKS = 0.05


@dataclass(frozen=True)
class EntityRates:
    """How often something happens by entity, and whether the entities differ in it at all.

    `heterogeneity_p`: p value of no difference given the calendar; None where it cannot be tested.
    `tau`: how much they differ (sd of log-odds beyond chance; rather too small beyond about 1).
    `ranked`: whether a difference is found at .01. `table`: one row per entity; where they are not
    ranked, `rank` is null and the order is that of names. `note`: what may be concluded, in words.
    """

    by: str
    heterogeneity_p: float | None
    tau: float | None
    ranked: bool
    table: pl.DataFrame
    note: str


class Words(NamedTuple):
    """What a rate is called: its two counts, itself, and what it is compared within."""

    of: str
    happened: str
    rate: str
    given: str


WINNING = Words("closed", "won", "win rate", "the month of the quarter in which they closed")
NOT_CLOSING = Words(
    "engaged", "open", "share that never closes", "the month in which they were engaged"
)


def win_rates(
    opportunities: pl.DataFrame, by: str, *, fiscal_year_start_month: int, seed: int = 0
) -> EntityRates:
    """Share won among the closed, by the values of a column; rank 1 has the highest.

    `opportunities`: the contract Opportunities with whatever was joined (manager, region); rows
    where the column is null are left out, and where their share depends on the outcome nothing is
    tested. The table: the entity; `closed` and `won` (counts);
    `rate` with its 95 % Wilson interval `low` to `high`; `shrunk`, `shrunk_low` and `shrunk_high`:
    the rate to expect beside the calendar, after as much shrinkage as the differences call for
    (null where they cannot be tested); `rank`.
    """
    closed = opportunities.filter(pl.col("close_date").is_not_null())
    day = day_number(closed["close_date"].to_numpy())
    return _entity_rates(
        closed[by],
        (closed["deal_stage"] == "Won").to_numpy(),
        month_of_quarter(day, fiscal_year_start_month=fiscal_year_start_month),
        words=WINNING,
        seed=seed,
    )


def never_closes(
    opportunities: pl.DataFrame, by: str, *, as_of: date, seed: int = 0
) -> EntityRates:
    """Share still open among those older than any that ever closed; rank 1 has the highest.

    Only opportunities engaged that long before `as_of` count, and none engaged before the first
    close: of those the export holds survivors alone, fewer of quick closers. A close after `as_of`
    is not known yet. Compared within the month of engaging. The table: as that of `win_rates`, with
    the counts `engaged` and `open`.
    """
    engaged, close = pl.col("engage_date"), pl.col("close_date")
    closed = (close <= as_of).fill_null(value=False)
    oldest, first = (close - engaged).filter(closed).max(), close.filter(closed).min()
    known = opportunities.filter(engaged <= as_of)
    old = known.filter(pl.lit(as_of) - engaged > oldest, engaged >= first)
    return _entity_rates(
        old[by],
        old.select(~closed).to_series().to_numpy(),
        day_number(old["engage_date"].dt.month_start().to_numpy()),
        words=NOT_CLOSING,
        seed=seed,
    )


def _entity_rates(
    entity: pl.Series, happened: BoolArray, stratum: IntArray, *, words: Words, seed: int
) -> EntityRates:
    blank = entity.is_null().to_numpy()
    blanks = _uneven_blanks(entity.name, blank, happened, words)
    entity, happened, stratum = entity.drop_nulls(), happened[~blank], stratum[~blank]
    names = entity.unique().sort()
    code = entity.rank("dense").cast(pl.Int64).to_numpy() - 1
    _, stratum = np.unique(stratum, return_inverse=True)
    chance = Chance.of(code, happened, stratum)
    events = np.bincount(code[happened], minlength=len(names)).astype(np.float64)
    table = _counted(names, chance.rows, events, words)
    if blanks or chance.freedom < 1:
        return _untested(table, blanks or "too few to compare", words)
    p_value = p_value_of(chance, events, (code, happened, stratum), seed)
    return _tested(table, chance, events, p_value, words)


def _tested(
    table: pl.DataFrame, chance: Chance, events: FloatArray, p_value: float, words: Words
) -> EntityRates:
    by = table.columns[0]
    tau2, highest = variance_between(chance, events)
    tau, ranked = float(np.sqrt(tau2)), p_value < LEVEL
    shrunk = table.with_columns(**_shrunk(chance, events, tau2, highest))
    return EntityRates(
        by=by,
        heterogeneity_p=p_value,
        tau=tau,
        ranked=ranked,
        table=_ranked(shrunk, ranked=ranked),
        note=_note(by, p_value, tau, words),
    )


def _uneven_blanks(by: str, blank: BoolArray, happened: BoolArray, words: Words) -> str:
    """Why those filled in do not stand for all; empty where they do."""
    if happened.all() or not happened.any():
        return ""
    share, others = blank[happened].mean(), blank[~happened].mean()
    if abs(share - others) < UNEVEN_BLANKS:
        return ""
    return f"{by} is blank on {share:.0%} of those {words.happened} and {others:.0%} of the others"


def _untested(table: pl.DataFrame, why: str, words: Words) -> EntityRates:
    by = table.columns[0]
    unknown = dict.fromkeys(("shrunk", "shrunk_low", "shrunk_high"), pl.lit(None, pl.Float64))
    return EntityRates(
        by=by,
        heterogeneity_p=None,
        tau=None,
        ranked=False,
        table=_ranked(table.with_columns(**unknown), ranked=False),
        note=f"Whether {by} differ in {words.rate} cannot be tested: {why}.",
    )


def _shrunk(
    chance: Chance, events: FloatArray, tau2: float, highest: float
) -> dict[str, pl.Series]:
    """Empirical Bayes (Efron and Morris 1975): the share of all plus part of each own excess.

    The prior is a beta about the share of all, as strong as `tau2` says; infinitely where it is 0.
    The interval takes the prior at its weakest (`highest`), as the differences are known roughly
    only, and is never narrower than that of the share of all.
    """
    from scipy.special import betaincinv

    every = chance.rows.sum()
    share = events.sum() / every
    own = chance.excess(events) / (chance.rows + _prior_strength(share, tau2))
    shrunk = np.clip(share + own, 0.5 / every, 1 - 0.5 / every)
    strength = np.minimum(chance.rows + _prior_strength(share, highest), every)
    a, b = shrunk * strength, (1 - shrunk) * strength
    values = {
        "shrunk": shrunk,
        "shrunk_low": betaincinv(a, b, 0.025),
        "shrunk_high": betaincinv(a, b, 0.975),
    }
    return {name: pl.Series(name, column) for name, column in values.items()}


def _prior_strength(share: float, tau2: float) -> float:
    """Rows (count) that the prior weighs: a beta whose log-odds have about that variance."""
    return max(1 / (share * (1 - share) * tau2) - 1, 0.0) if tau2 > 0 else float("inf")


def _counted(names: pl.Series, rows: IntArray, events: FloatArray, words: Words) -> pl.DataFrame:
    rate = events / rows
    limits = [wilson(share, n) for share, n in zip(rate, rows, strict=True)]
    return pl.DataFrame(
        {
            names.name: names,
            words.of: rows,
            words.happened: events.astype(np.int64),
            "rate": rate,
            "low": pl.Series([low for low, _ in limits], dtype=pl.Float64),
            "high": pl.Series([high for _, high in limits], dtype=pl.Float64),
        }
    )


def _ranked(table: pl.DataFrame, *, ranked: bool) -> pl.DataFrame:
    name = table.columns[0]
    rank = pl.col("shrunk").rank("min", descending=True).cast(pl.Int64)
    table = table.with_columns(rank=rank if ranked else pl.lit(None, pl.Int64))
    return table.sort("rank", name)


def _note(by: str, p_value: float, tau: float, words: Words) -> str:
    if p_value >= LEVEL:
        return (
            f"A ranking of {by} by {words.rate} would show noise: given {words.given}, "
            f"no difference is found (p = {p_value:.2g})."
        )
    return (
        f"{by} differ in {words.rate}, given {words.given} (p = {p_value:.2g}, sd of log-odds "
        f"{tau:.2f}); those whose intervals overlap much may stand in another order."
    )
