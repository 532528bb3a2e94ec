"""ENGINEERED: each column of crm_features, what it is computed from, and its contract."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import dataframely as dy
import polars as pl

from dealcast.contracts import CLOSED_STAGES, OPEN_STAGES, Opportunities
from dealcast.features.transforms import UNSEEN

STAGE_ORDER = {"Lost": 0, "Prospecting": 1, "Engaging": 2, "Won": 4}

# (largest value, name) in rising order; the last has no upper end.
VALUE_BANDS = (
    (1_000, "Small"),
    (5_000, "Medium"),
    (10_000, "Large"),
    (50_000, "Very Large"),
    (None, "Enterprise"),
)
CYCLE_BANDS = (
    (30, "Quick"),
    (90, "Short"),
    (180, "Medium"),
    (365, "Long"),
    (None, "Very Long"),
)

MANY = 2_000_000_000

_stage, _engaged, _closed_on = pl.col("deal_stage"), pl.col("engage_date"), pl.col("close_date")
_value = pl.col("close_value")
_closed, _won = _stage.is_in(CLOSED_STAGES), _stage == "Won"

# What has few values, whatever the number of opportunities -> its value of each opportunity. The
# columns made from it are computed once for each value. Text, a date or a whole number.
TRAITS: Mapping[str, pl.Expr] = {
    "deal_stage": _stage,
    "sales_agent": pl.col("sales_agent"),
    "product": pl.col("product"),
    "account": pl.col("account"),
    "engage_date": _engaged,
    "close_date": _closed_on,
    "cycle": (_closed_on - _engaged).dt.total_days(),
    "value_band": pl.sum_horizontal(
        (_value > largest for largest, _ in VALUE_BANDS if largest is not None), ignore_nulls=False
    ).cast(pl.Int32),
}
# Of each value of a trait: sums over its opportunities. All have `opportunities`, their count.
SUMS: Mapping[str, Mapping[str, pl.Expr]] = {
    "sales_agent": {"closed": _closed.sum(), "won": _won.sum()}
}
# What has a value of its own for every opportunity: its columns are computed row by row.
AMOUNT = "close_value"


class Engineered(NamedTuple):
    """One column: the trait it is made from (or AMOUNT), how, and its column in the contract.

    The expression reads the trait, `opportunities` and the trait's SUMS.
    """

    trait: str
    expr: pl.Expr
    column: dy.Column


def _named(number: pl.Expr, bands: Sequence[tuple[int | None, str]]) -> pl.Expr:
    *bounded, (_, last) = bands
    band = pl.lit(last)
    for largest, name in reversed(bounded):
        band = pl.when(number <= largest).then(pl.lit(name)).otherwise(band)
    return pl.when(number.is_not_null()).then(band)


def _flag(trait: str, expr: pl.Expr, meaning: str) -> Engineered:
    column = dy.Int8(nullable=True, min=0, max=1, description=meaning)
    return Engineered(trait, expr.cast(pl.Int8), column)


def _whole(trait: str, expr: pl.Expr, least: int, largest: int, meaning: str) -> Engineered:
    column = dy.Int32(nullable=True, min=least, max=largest, description=meaning)
    return Engineered(trait, expr.cast(pl.Int32), column)


def _real(trait: str, expr: pl.Expr, least: float, largest: float, meaning: str) -> Engineered:
    column = dy.Float64(nullable=True, min=least, max=largest, description=meaning)
    return Engineered(trait, expr, column)


def _text(trait: str, expr: pl.Expr, meaning: str) -> Engineered:
    return Engineered(trait, expr, dy.String(nullable=True, description=meaning))


_count = pl.col("opportunities")
_cycle, _band = pl.col("cycle"), pl.col("value_band")
_BAND_NAMES = tuple((position, name) for position, (_, name) in enumerate(VALUE_BANDS))

# Null where there is no such date, value, agent, product or account.
ENGINEERED: Mapping[str, Engineered] = {
    "close_value_log": _real(AMOUNT, _value.log1p(), 0, 30, "ln(1 + close_value)"),
    "close_value_category": _text(
        "value_band", _named(_band, _BAND_NAMES), "Small to 1,000; Medium to 5,000; …"
    ),
    "deal_stage_order": _whole(
        "deal_stage",
        _stage.replace_strict(STAGE_ORDER, return_dtype=pl.Int32),
        0,
        4,
        "Lost 0, Prospecting 1, Engaging 2, Won 4",
    ),
    "is_closed": _flag("deal_stage", _closed, "1: Won or Lost"),
    "is_won": _flag("deal_stage", _won, "1: Won"),
    "is_lost": _flag("deal_stage", _stage == "Lost", "1: Lost"),
    "is_open": _flag("deal_stage", _stage.is_in(OPEN_STAGES), "1: Prospecting or Engaging"),
    "agent_opportunity_count": _whole("sales_agent", _count, 1, MANY, "opportunities of the agent"),
    "agent_win_rate": _real(
        "sales_agent",
        pl.when(pl.col("closed") > 0).then(pl.col("won") / pl.col("closed")),
        0,
        1,
        "won / closed of the agent; null: none closed",
    ),
    "product_popularity": _whole("product", _count, 1, MANY, "opportunities of the product"),
    "account_frequency": _whole("account", _count, 1, MANY, "opportunities of the account"),
    "is_repeat_account": _flag("account", _count > 1, "1: the account has more than one"),
    "engage_year": _whole("engage_date", _engaged.dt.year(), 1980, 2099, "year of engaging"),
    "engage_month": _whole("engage_date", _engaged.dt.month(), 1, 12, "month of engaging"),
    "engage_quarter": _whole(
        "engage_date", _engaged.dt.quarter(), 1, 4, "calendar quarter of engaging"
    ),
    "engage_day_of_week": _whole("engage_date", _engaged.dt.weekday() - 1, 0, 6, "Monday 0"),
    "engage_day_of_year": _whole(
        "engage_date", _engaged.dt.ordinal_day(), 1, 366, "1 January is 1"
    ),
    "close_year": _whole("close_date", _closed_on.dt.year(), 1980, 2099, "year of the close"),
    "close_month": _whole("close_date", _closed_on.dt.month(), 1, 12, "month of the close"),
    "close_quarter": _whole(
        "close_date", _closed_on.dt.quarter(), 1, 4, "calendar quarter of the close"
    ),
    "close_day_of_week": _whole("close_date", _closed_on.dt.weekday() - 1, 0, 6, "Monday 0"),
    "sales_cycle_days": _whole("cycle", _cycle, 0, 50_000, "days from engaging to close"),
    "sales_cycle_category": _text(
        "cycle", _named(_cycle, CYCLE_BANDS), "Quick to 30 days; Short to 90; …"
    ),
}
ORIGINAL: tuple[str, ...] = tuple(Opportunities.columns())
KEY = "opportunity_id"
ENCODED = (
    KEY,
    "sales_agent",
    "product",
    "account",
    "close_value_category",
    "sales_cycle_category",
)
SCALED = (
    AMOUNT,
    *(name for name, made in ENGINEERED.items() if not isinstance(made.column, dy.String)),
)
TARGETS: Mapping[str, Engineered] = {
    "target_binary": _flag("deal_stage", _won, "1: Won; 0: all other stages, open ones too"),
    "target_multiclass": _whole(
        "deal_stage", pl.col("deal_stage_order"), 0, 4, "the code of deal_stage_order"
    ),
}


def _encoded_column() -> dy.Column:
    meaning = f"code of the category; {UNSEEN}: unseen when fitted"
    return dy.Int32(nullable=True, min=UNSEEN, max=MANY, description=meaning)


def _scaled_column() -> dy.Column:
    return dy.Float64(nullable=True, min=-1e9, max=1e9, description="mean 0, deviation 1")


CrmFeatures: type[dy.Schema] = type(
    "CrmFeatures",
    (Opportunities,),
    {
        "__doc__": "One opportunity per row, as of the export: 61 columns for people.",
        **{name: made.column for name, made in ENGINEERED.items()},
        **{f"{name}_encoded": _encoded_column() for name in ENCODED},
        **{f"{name}_scaled": _scaled_column() for name in SCALED},
        **{name: made.column for name, made in TARGETS.items()},
    },
)
