"""crm_features: the opportunity table for people and BI, as of the export. Not for a model.

8 columns of the CRM, 23 engineered, 30 encoded, scaled and targets. Most of them know the outcome.
"""

from collections.abc import Sequence

import dataframely as dy
import polars as pl

from dealcast.contracts import CLOSED_STAGES, OPEN_STAGES, CrmTables, Opportunities
from dealcast.features.transforms import UNSEEN, FittedTransforms

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

Engineered = tuple[pl.Expr, dy.Column]


def _banded(value: pl.Expr, bands: Sequence[tuple[int | None, str]]) -> pl.Expr:
    *bounded, (_, last) = bands
    band = pl.lit(last)
    for largest, name in reversed(bounded):
        band = pl.when(value <= largest).then(pl.lit(name)).otherwise(band)
    return pl.when(value.is_not_null()).then(band)


def _where_known(column: str, value: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null()).then(value)


def _count(column: str) -> pl.Expr:
    return _where_known(column, pl.len().over(column))


def _flag(expr: pl.Expr, meaning: str) -> Engineered:
    return expr.cast(pl.Int8), dy.Int8(nullable=True, min=0, max=1, description=meaning)


def _whole(expr: pl.Expr, least: int, largest: int, meaning: str) -> Engineered:
    column = dy.Int32(nullable=True, min=least, max=largest, description=meaning)
    return expr.cast(pl.Int32), column


def _real(expr: pl.Expr, least: float, largest: float, meaning: str) -> Engineered:
    return expr, dy.Float64(nullable=True, min=least, max=largest, description=meaning)


def _band(value: pl.Expr, bands: Sequence[tuple[int | None, str]], meaning: str) -> Engineered:
    return _banded(value, bands), dy.String(nullable=True, description=meaning)


_stage, _engaged, _closed_on = pl.col("deal_stage"), pl.col("engage_date"), pl.col("close_date")
_value = pl.col("close_value")
_cycle = (_closed_on - _engaged).dt.total_days()
_closed, _won = _stage.is_in(CLOSED_STAGES), _stage == "Won"
_agent_closed = _closed.sum().over("sales_agent")
_agent_won = _won.sum().over("sales_agent")

# name -> how it is computed, and its column in the contract. Null where there is no such date,
# value, agent, product or account.
ENGINEERED: dict[str, Engineered] = {
    "close_value_log": _real(_value.log1p(), 0, 30, "ln(1 + close_value)"),
    "close_value_category": _band(_value, VALUE_BANDS, "Small to 1,000; Medium to 5,000; …"),
    "deal_stage_order": _whole(
        _stage.replace_strict(STAGE_ORDER, return_dtype=pl.Int32),
        0,
        4,
        "Lost 0, Prospecting 1, Engaging 2, Won 4",
    ),
    "is_closed": _flag(_closed, "1: Won or Lost"),
    "is_won": _flag(_won, "1: Won"),
    "is_lost": _flag(_stage == "Lost", "1: Lost"),
    "is_open": _flag(_stage.is_in(OPEN_STAGES), "1: Prospecting or Engaging"),
    "agent_opportunity_count": _whole(_count("sales_agent"), 1, MANY, "opportunities of the agent"),
    "agent_win_rate": _real(
        _where_known("sales_agent", _agent_won / pl.when(_agent_closed > 0).then(_agent_closed)),
        0,
        1,
        "won / closed of the agent; null: none closed",
    ),
    "product_popularity": _whole(_count("product"), 1, MANY, "opportunities of the product"),
    "account_frequency": _whole(_count("account"), 1, MANY, "opportunities of the account"),
    "is_repeat_account": _flag(_count("account") > 1, "1: the account has more than one"),
    "engage_year": _whole(_engaged.dt.year(), 1980, 2099, "year of engaging"),
    "engage_month": _whole(_engaged.dt.month(), 1, 12, "month of engaging"),
    "engage_quarter": _whole(_engaged.dt.quarter(), 1, 4, "calendar quarter of engaging"),
    "engage_day_of_week": _whole(_engaged.dt.weekday() - 1, 0, 6, "Monday 0"),
    "engage_day_of_year": _whole(_engaged.dt.ordinal_day(), 1, 366, "1 January is 1"),
    "close_year": _whole(_closed_on.dt.year(), 1980, 2099, "year of the close"),
    "close_month": _whole(_closed_on.dt.month(), 1, 12, "month of the close"),
    "close_quarter": _whole(_closed_on.dt.quarter(), 1, 4, "calendar quarter of the close"),
    "close_day_of_week": _whole(_closed_on.dt.weekday() - 1, 0, 6, "Monday 0"),
    "sales_cycle_days": _whole(_cycle, 0, 50_000, "days from engaging to close"),
    "sales_cycle_category": _band(_cycle, CYCLE_BANDS, "Quick to 30 days; Short to 90; …"),
}
ORIGINAL: tuple[str, ...] = tuple(Opportunities.columns())
ENCODED = (
    "opportunity_id",
    "sales_agent",
    "product",
    "account",
    "close_value_category",
    "sales_cycle_category",
)
SCALED = (
    "close_value",
    *(name for name, (_, column) in ENGINEERED.items() if not isinstance(column, dy.String)),
)
TARGETS: dict[str, Engineered] = {
    "target_binary": _flag(_won, "1: Won; 0: all other stages, open ones too"),
    "target_multiclass": _whole(pl.col("deal_stage_order"), 0, 4, "the code of deal_stage_order"),
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
        **{name: column for name, (_, column) in ENGINEERED.items()},
        **{f"{name}_encoded": _encoded_column() for name in ENCODED},
        **{f"{name}_scaled": _scaled_column() for name in SCALED},
        **{name: column for name, (_, column) in TARGETS.items()},
    },
)


def build_crm_features(tables: CrmTables) -> tuple[pl.DataFrame, FittedTransforms]:
    """The contract CrmFeatures in the order of the opportunities, and what was fitted for it.

    A blank that the stage explains stays null in every column made from it.

    >>> tables = CrmTables.cast({"opportunities": pl.LazyFrame({
    ...     "opportunity_id": ["A", "B"], "sales_agent": ["Ann", "Ann"], "product": None,
    ...     "account": None, "deal_stage": ["Won", "Engaging"], "engage_date": None,
    ...     "close_date": None, "close_value": [900.0, None],
    ... })})
    >>> frame, fitted = build_crm_features(tables)
    >>> frame.width, frame["close_value_category"].to_list(), frame["agent_win_rate"].to_list()
    (61, ['Small', None], [1.0, 1.0])
    """
    frame = engineer(tables.opportunities.collect())
    transforms = FittedTransforms.fit(frame, encode=ENCODED, scale=SCALED)
    with_all = transforms.apply(frame).with_columns(
        **{name: expr for name, (expr, _) in TARGETS.items()}
    )
    return with_all.select(list(CrmFeatures.columns())), transforms


def engineer(opportunities: pl.DataFrame) -> pl.DataFrame:
    """The 8 original and 23 engineered columns: what `FittedTransforms.apply` takes.

    Counts and rates are those of the opportunities given.
    """
    return opportunities.select(*ORIGINAL, **{name: expr for name, (expr, _) in ENGINEERED.items()})
