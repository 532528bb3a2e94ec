from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables
from dealcast.features.descriptive import CrmFeatures, build_crm_features, engineer
from dealcast.features.transforms import FittedTransforms

ORIGINAL = [
    "opportunity_id",
    "sales_agent",
    "product",
    "account",
    "deal_stage",
    "engage_date",
    "close_date",
    "close_value",
]
ENGINEERED = [
    "close_value_log",
    "close_value_category",
    "deal_stage_order",
    "is_closed",
    "is_won",
    "is_lost",
    "is_open",
    "agent_opportunity_count",
    "agent_win_rate",
    "product_popularity",
    "account_frequency",
    "is_repeat_account",
    "engage_year",
    "engage_month",
    "engage_quarter",
    "engage_day_of_week",
    "engage_day_of_year",
    "close_year",
    "close_month",
    "close_quarter",
    "close_day_of_week",
    "sales_cycle_days",
    "sales_cycle_category",
]
ENCODED = [
    "opportunity_id",
    "sales_agent",
    "product",
    "account",
    "close_value_category",
    "sales_cycle_category",
]
SCALED = ["close_value", *(c for c in ENGINEERED if not c.endswith("category"))]
COLUMNS = [
    *ORIGINAL,
    *ENGINEERED,
    *(f"{c}_encoded" for c in ENCODED),
    *(f"{c}_scaled" for c in SCALED),
    "target_binary",
    "target_multiclass",
]


@pytest.fixture(scope="module")
def tables() -> CrmTables:
    day = date(2017, 1, 2)
    rows = [
        ("D", "Ann", "X", "Acme", "Won", day, date(2017, 2, 1), 1_000.0),
        ("A", "Ann", "X", "Acme", "Lost", day, date(2017, 2, 2), 0.0),
        ("C", "Ann", "Y", None, "Engaging", date(2016, 12, 31), None, None),
        ("B", "Bob", None, None, "Prospecting", None, None, None),
        ("E", None, "Y", "Solo", "Won", day, date(2018, 1, 3), 50_001.0),
    ]
    frame = pl.DataFrame(rows, ORIGINAL, orient="row")
    return CrmTables.validate({"opportunities": frame}, cast=True)


def test_the_61_columns_stand_in_their_order(tables) -> None:
    features, _ = build_crm_features(tables)

    assert len(COLUMNS) == 61
    assert features.columns == COLUMNS
    assert CrmFeatures.is_valid(features)


def test_rows_keep_their_order_and_the_columns_of_the_crm(tables) -> None:
    features, _ = build_crm_features(tables)

    assert_frame_equal(features.select(ORIGINAL), tables.opportunities.collect())


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("close_value_category", ["Small", "Small", None, None, "Enterprise"]),
        ("deal_stage_order", [4, 0, 2, 1, 4]),
        ("is_closed", [1, 1, 0, 0, 1]),
        ("is_won", [1, 0, 0, 0, 1]),
        ("is_lost", [0, 1, 0, 0, 0]),
        ("is_open", [0, 0, 1, 1, 0]),
        ("agent_opportunity_count", [3, 3, 3, 1, None]),
        ("agent_win_rate", [0.5, 0.5, 0.5, None, None]),
        ("product_popularity", [2, 2, 2, None, 2]),
        ("account_frequency", [2, 2, None, None, 1]),
        ("is_repeat_account", [1, 1, None, None, 0]),
        ("engage_year", [2017, 2017, 2016, None, 2017]),
        ("engage_quarter", [1, 1, 4, None, 1]),
        ("engage_day_of_week", [0, 0, 5, None, 0]),
        ("engage_day_of_year", [2, 2, 366, None, 2]),
        ("close_month", [2, 2, None, None, 1]),
        ("close_day_of_week", [2, 3, None, None, 2]),
        ("sales_cycle_days", [30, 31, None, None, 366]),
        ("sales_cycle_category", ["Quick", "Short", None, None, "Very Long"]),
        ("target_binary", [1, 0, 0, 0, 1]),
        ("target_multiclass", [4, 0, 2, 1, 4]),
        ("opportunity_id_encoded", [3, 0, 2, 1, 4]),
        ("account_encoded", [0, 0, None, None, 1]),
    ],
)
def test_a_column_says_what_its_name_says(tables, column: str, values: list[object]) -> None:
    features, _ = build_crm_features(tables)

    assert features[column].to_list() == values


@pytest.mark.parametrize(
    ("column", "edges"),
    [
        ("close_value", [(1_000, "Small"), (1_000.5, "Medium"), (5_000, "Medium")]),
        ("close_value", [(10_000, "Large"), (10_001, "Very Large"), (50_000, "Very Large")]),
    ],
)
def test_a_value_on_the_edge_is_in_the_lower_band(
    tables, column: str, edges: list[tuple[float, str]]
) -> None:
    row = tables.opportunities.first().drop(column)

    for value, band in edges:
        features = engineer(row.with_columns(pl.lit(float(value)).alias(column)).collect())
        assert features[f"{column}_category"].to_list() == [band]


def test_an_export_without_agents_products_and_accounts_is_described_all_the_same(tables) -> None:
    blank = pl.lit(None, dtype=pl.String)
    bare = CrmTables.cast(
        {
            "opportunities": tables.opportunities.with_columns(
                sales_agent=blank, product=blank, account=blank
            )
        }
    )

    features, _ = build_crm_features(bare)

    assert features["agent_win_rate_scaled"].null_count() == features.height
    assert features["is_won"].sum() == 2
    assert CrmFeatures.is_valid(features)


def test_an_export_without_rows_gives_a_table_without_rows(tables) -> None:
    features, _ = build_crm_features(
        CrmTables.cast({"opportunities": tables.opportunities.head(0)})
    )

    assert features.shape == (0, 61)


def test_new_rows_are_encoded_and_scaled_as_the_old_ones_were(tables) -> None:
    features, transforms = build_crm_features(tables)
    kept = FittedTransforms.from_parquet(transforms.to_parquet())

    again = kept.apply(engineer(tables.opportunities.collect()))
    new = kept.apply(
        engineer(tables.opportunities.filter(opportunity_id="E").collect()).with_columns(
            sales_agent=pl.lit("New")
        )
    )

    assert_frame_equal(again, features.select(again.columns))
    assert new["sales_agent_encoded"].to_list() == [-1]
    assert new["close_value_scaled"].to_list() == features["close_value_scaled"].tail(1).to_list()


def by_pandas(raw: pd.DataFrame) -> pd.DataFrame:
    """The engineered columns once more, in plain pandas."""
    stage, value = raw["deal_stage"], raw["close_value"]
    engaged, closed_on = pd.to_datetime(raw["engage_date"]), pd.to_datetime(raw["close_date"])
    cycle = (closed_on - engaged).dt.days
    won, closed = stage == "Won", stage.isin(["Won", "Lost"])
    frequency = raw["account"].map(raw["account"].value_counts())
    wins, closes = won.groupby(raw["sales_agent"]).sum(), closed.groupby(raw["sales_agent"]).sum()
    inf = float("inf")
    sizes = ["Small", "Medium", "Large", "Very Large", "Enterprise"]
    lengths = ["Quick", "Short", "Medium", "Long", "Very Long"]
    return pd.DataFrame(
        {
            "close_value_log": np.log1p(value),
            "close_value_category": pd.cut(value, [-1, 1e3, 5e3, 1e4, 5e4, inf], labels=sizes),
            "deal_stage_order": stage.map({"Lost": 0, "Prospecting": 1, "Engaging": 2, "Won": 4}),
            "is_closed": closed,
            "is_won": won,
            "is_lost": stage == "Lost",
            "is_open": ~closed,
            "agent_opportunity_count": raw["sales_agent"].map(raw["sales_agent"].value_counts()),
            "agent_win_rate": raw["sales_agent"].map(wins / closes),
            "product_popularity": raw["product"].map(raw["product"].value_counts()),
            "account_frequency": frequency,
            "is_repeat_account": (frequency > 1).where(frequency.notna()),
            "engage_year": engaged.dt.year,
            "engage_month": engaged.dt.month,
            "engage_quarter": engaged.dt.quarter,
            "engage_day_of_week": engaged.dt.day_of_week,
            "engage_day_of_year": engaged.dt.day_of_year,
            "close_year": closed_on.dt.year,
            "close_month": closed_on.dt.month,
            "close_quarter": closed_on.dt.quarter,
            "close_day_of_week": closed_on.dt.day_of_week,
            "sales_cycle_days": cycle,
            "sales_cycle_category": pd.cut(cycle, [-1, 30, 90, 180, 365, inf], labels=lengths),
        }
    )


def test_the_real_table_agrees_with_pandas(real_tables) -> None:
    raw = real_tables.opportunities.collect().to_pandas()
    expected = by_pandas(raw)

    features, _ = build_crm_features(real_tables)

    assert features.shape == (8_800, 61)
    assert CrmFeatures.is_valid(features)
    assert features.select("is_won", "is_lost", "is_open").sum().row(0) == (4_238, 2_473, 2_089)
    for column in ("close_value_category", "sales_cycle_category"):
        bands = [band if isinstance(band, str) else None for band in expected[column]]
        assert features[column].to_list() == bands
    numbers = expected.drop(columns=["close_value_category", "sales_cycle_category"]).astype(float)
    numbers["close_value"] = raw["close_value"]
    spread = numbers.std(ddof=0)
    scaled = (numbers - numbers.mean()) / spread.where(spread > 0, 1.0)
    for column in numbers:
        ours = features.select(column, f"{column}_scaled").cast(pl.Float64).to_numpy()
        np.testing.assert_allclose(ours[:, 0], numbers[column], rtol=1e-12, err_msg=column)
        np.testing.assert_allclose(ours[:, 1], scaled[column], atol=1e-9, err_msg=column)
