"""Every point-in-time feature, used or banned. To add one, add one entry here and nothing else."""

from functools import partial

import narwhals as nw

from dealcast.features.columns import Lens
from dealcast.features.spec import Expression, FeatureSpec, Leak, Measure

# Rates of entities lean on the rate of all opportunities as if it had been seen this often (count).
PRIOR_STRENGTH = 20.0

WON = Measure.count(where=lambda col: col("won") == 1)
COUNT = Measure.count()
WON_VALUE = Measure.sum(lambda col: col("close_value"))
CYCLE_DAYS = Measure.sum(lambda col: col("cycle_days"), decimals=0)
WIN_RATE = Measure.ratio(WON, COUNT, prior_strength=PRIOR_STRENGTH)
CYCLE = Measure.ratio(CYCLE_DAYS, COUNT, prior_strength=PRIOR_STRENGTH)

_AT_CLOSE = "the account is filled in at close, so its presence alone gives the outcome away."

_row = partial(FeatureSpec, lens=Lens.ROW, leak=Leak.SAFE)
_calendar = partial(_row, entity="opportunity")
_closed = partial(FeatureSpec, lens=Lens.CLOSED)
_open = partial(FeatureSpec, lens=Lens.OPEN)
_banned = partial(FeatureSpec, leak=Leak.BANNED)


def _as_is(column: str) -> Expression:
    return lambda col: col(column)


def _history(entity: str, short: str, noun: str, leak: Leak) -> tuple[FeatureSpec, ...]:
    """The same record of any entity that sells or is sold."""
    closed = partial(_closed, entity=entity, leak=leak)
    opened = partial(_open, entity=entity, leak=leak)
    return (
        closed(
            name=f"{short}_closed_count",
            dtype=nw.Int64,
            unit="count",
            meaning=f"Opportunities of the {noun} closed so far.",
            measure=COUNT,
        ),
        closed(
            name=f"{short}_won_count",
            dtype=nw.Int64,
            unit="count",
            meaning=f"Opportunities of the {noun} won so far.",
            measure=WON,
        ),
        closed(
            name=f"{short}_won_value",
            dtype=nw.Float64,
            unit="USD",
            meaning=f"Revenue of the {noun} so far.",
            measure=WON_VALUE,
        ),
        closed(
            name=f"{short}_win_rate",
            dtype=nw.Float64,
            unit="share 0-1",
            meaning=f"Share won of what the {noun} closed, shrunk to the rate of all.",
            measure=WIN_RATE,
        ),
        closed(
            name=f"{short}_win_rate_90d",
            dtype=nw.Float64,
            unit="share 0-1",
            meaning="The same of the last 90 days, shrunk to the rate of all in those days.",
            measure=WIN_RATE,
            window_days=90,
        ),
        closed(
            name=f"{short}_cycle_days",
            dtype=nw.Float64,
            unit="days",
            meaning=f"Mean days from engaging to close of the {noun}, shrunk to the mean of all.",
            measure=CYCLE,
        ),
        opened(
            name=f"{short}_open_count",
            dtype=nw.Int64,
            unit="count",
            meaning=f"Opportunities of the {noun} open on the snapshot date.",
            measure=COUNT,
        ),
        opened(
            name=f"{short}_new_28d",
            dtype=nw.Int64,
            unit="count",
            meaning="Of these, engaged in the last 28 days.",
            measure=COUNT,
            window_days=28,
        ),
    )


AGE_AND_CALENDAR = (
    _calendar(
        name="age_days",
        dtype=nw.Int32,
        unit="days",
        meaning="Days since engaging.",
        expr=lambda col: col("snapshot_day") - col("engage_day"),
    ),
    _calendar(
        name="day_of_quarter",
        dtype=nw.Int32,
        unit="days",
        meaning="Days since the fiscal quarter began; 0 on its first day.",
        expr=lambda col: col("snapshot_day") - col("quarter_start"),
    ),
    _calendar(
        name="week_of_quarter",
        dtype=nw.Int32,
        unit="weeks",
        meaning="Full weeks since the fiscal quarter began; 0 in its first seven days.",
        expr=lambda col: (col("snapshot_day") - col("quarter_start")) // 7,
    ),
    _calendar(
        name="month_of_quarter",
        dtype=nw.Int32,
        unit="month 1-3",
        meaning="Month of the fiscal quarter.",
        expr=lambda col: col("month_of_quarter"),
    ),
    _calendar(
        name="days_to_quarter_end",
        dtype=nw.Int32,
        unit="days",
        meaning="Days left in the fiscal quarter; 0 on its last day.",
        expr=lambda col: col("quarter_end") - col("snapshot_day"),
    ),
    _calendar(
        name="engaged_month_of_quarter",
        dtype=nw.Int32,
        unit="month 1-3",
        meaning="Month of the fiscal quarter in which it was engaged.",
        expr=lambda col: col("engaged_month_of_quarter"),
    ),
    _calendar(
        name="engaged_this_quarter",
        dtype=nw.Int32,
        unit="flag 0-1",
        meaning="Whether it was engaged in the fiscal quarter of the snapshot date.",
        expr=lambda col: col("engage_day") >= col("quarter_start"),
    ),
)

PRODUCT = (
    _row(
        name="list_price",
        entity="product",
        dtype=nw.Float64,
        unit="USD",
        meaning="Price of the product on the price list.",
        leak=Leak.UNDATED,
        expr=lambda col: col("sales_price"),
    ),
    _row(
        name="product_series",
        entity="product",
        dtype=nw.String,
        unit="category",
        meaning="Series of the product.",
        leak=Leak.UNDATED,
        expr=lambda col: col("series"),
    ),
)

EVERYONE = (
    _closed(
        name="overall_win_rate",
        entity="everyone",
        leak=Leak.SAFE,
        dtype=nw.Float64,
        unit="share 0-1",
        meaning="Share won of all that closed so far.",
        measure=Measure.ratio(WON, COUNT),
    ),
    _closed(
        name="overall_win_rate_30d",
        entity="everyone",
        leak=Leak.SAFE,
        dtype=nw.Float64,
        unit="share 0-1",
        meaning="Share won of all that closed in the last 30 days.",
        measure=Measure.ratio(WON, COUNT),
        window_days=30,
    ),
    _closed(
        name="overall_closed_7d",
        entity="everyone",
        leak=Leak.SAFE,
        dtype=nw.Int64,
        unit="count",
        meaning="Opportunities closed in the last 7 days.",
        measure=COUNT,
        window_days=7,
    ),
    _closed(
        name="overall_closed_30d",
        entity="everyone",
        leak=Leak.SAFE,
        dtype=nw.Int64,
        unit="count",
        meaning="Opportunities closed in the last 30 days.",
        measure=COUNT,
        window_days=30,
    ),
    _open(
        name="overall_open_count",
        entity="everyone",
        leak=Leak.SAFE,
        dtype=nw.Int64,
        unit="count",
        meaning="Opportunities open on the snapshot date.",
        measure=COUNT,
    ),
)

BANNED = (
    _banned(
        name="account_is_known",
        entity="account",
        lens=Lens.ROW,
        dtype=nw.Int32,
        unit="flag 0-1",
        meaning="Whether the opportunity names its account.",
        expr=lambda col: ~col("account").is_null(),
        reason=_AT_CLOSE,
    ),
    *(
        _banned(
            name=f"account_{column}",
            entity="account",
            lens=Lens.ROW,
            dtype=dtype,
            unit=unit,
            meaning=f"The account's {column.replace('_', ' ')}.",
            expr=_as_is(column),
            reason=_AT_CLOSE,
        )
        for column, dtype, unit in (
            ("sector", nw.String, "category"),
            ("revenue", nw.Float64, "million USD"),
            ("employees", nw.Int64, "count"),
            ("office_location", nw.String, "category"),
        )
    ),
    _banned(
        name="account_win_rate",
        entity="account",
        lens=Lens.CLOSED,
        dtype=nw.Float64,
        unit="share 0-1",
        meaning="Share won of what the account closed.",
        measure=WIN_RATE,
        reason=_AT_CLOSE,
    ),
    _banned(
        name="account_open_count",
        entity="account",
        lens=Lens.OPEN,
        dtype=nw.Int64,
        unit="count",
        meaning="Opportunities of the account open on the snapshot date.",
        measure=COUNT,
        reason=_AT_CLOSE,
    ),
    _banned(
        name="deal_stage",
        entity="opportunity",
        lens=Lens.ROW,
        dtype=nw.String,
        unit="category",
        meaning="Stage as of the export.",
        expr=lambda col: col("deal_stage"),
        reason="it is the outcome; the export does not keep earlier stages.",
    ),
    _banned(
        name="sales_cycle_days",
        entity="opportunity",
        lens=Lens.ROW,
        dtype=nw.Int32,
        unit="days",
        meaning="Days from engaging to close.",
        expr=lambda col: col("cycle_days"),
        reason="that there is one tells that it closed.",
    ),
    _banned(
        name="close_day",
        entity="opportunity",
        lens=Lens.ROW,
        dtype=nw.Int32,
        unit="day number",
        meaning="Day of the close; its month decides much of the win rate.",
        expr=lambda col: col("close_day"),
        reason="it is known only once the outcome is.",
    ),
    _banned(
        name="close_value",
        entity="opportunity",
        lens=Lens.ROW,
        dtype=nw.Float64,
        unit="USD",
        meaning="Revenue of the opportunity.",
        expr=lambda col: col("close_value"),
        reason="0 means lost and anything else won.",
    ),
    _banned(
        name="agent_win_rate_of_export",
        entity="sales_agent",
        lens=Lens.EXPORT,
        dtype=nw.Float64,
        unit="share 0-1",
        meaning="The agent_win_rate of crm_features, over the whole export.",
        measure=Measure.ratio(WON, COUNT),
        reason="it counts the very outcome that is to be predicted; agent_win_rate does not.",
    ),
)

CATALOGUE: tuple[FeatureSpec, ...] = (
    *AGE_AND_CALENDAR,
    *PRODUCT,
    *_history("sales_agent", "agent", "agent", Leak.SAFE),
    *_history("product", "product", "product", Leak.SAFE),
    *_history("manager", "manager", "manager's team", Leak.UNDATED),
    *_history("regional_office", "region", "regional office", Leak.UNDATED),
    *EVERYONE,
    *BANNED,
)
