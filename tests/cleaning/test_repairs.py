"""Each repair mends what it says, counts it, and leaves the rest alone."""

from collections.abc import Callable

import polars as pl
import pytest

from dealcast.cleaning import Cleaned, CleaningLog, clean
from dealcast.contracts import RawExport
from dealcast.settings import CleaningSettings

Make = Callable[..., RawExport]
Row = dict[str, str | None]

WON: Row = {
    "opportunity_id": "W1",
    "sales_agent": "Ann Lee",
    "product": "GTX Pro",
    "account": "Acme",
    "deal_stage": "Won",
    "engage_date": "2025-01-07",
    "close_date": "2025-03-04",
    "close_value": "900",
}
LOST = WON | {"deal_stage": "Lost", "close_value": "0"}
ENGAGING = WON | {"deal_stage": "Engaging", "close_date": None, "close_value": None}
ACCOUNTS = [{"account": "Acme", "sector": "retail", "employees": "12", "revenue": "1.5"}]
PRODUCTS = [{"product": "GTX Pro", "series": "GTX", "sales_price": "4821"}]
SETTINGS = CleaningSettings(spelling={"Acmee": "Acme", "retial": "retail"})


def cleaned(export: RawExport) -> Cleaned:
    return clean(export, None, SETTINGS)


def repairs(log: CleaningLog) -> dict[tuple[str, str], int]:
    return {(r.code, r.table): r.rows for r in log.rules if r.rows and r.action == "repair"}


@pytest.mark.parametrize(
    ("row", "code", "column", "value"),
    [
        (WON | {"sales_agent": "  Ann   Lee "}, "CL002", "sales_agent", "Ann Lee"),
        (WON | {"account": "   "}, "CL002", "account", None),
        (WON | {"account": "Acmee"}, "CL003", "account", "Acme"),
        (WON | {"product": "GTXPro"}, "CL004", "product", "GTX Pro"),
        (WON | {"product": "gtx-pro"}, "CL004", "product", "GTX Pro"),
        (WON | {"account": "ACME"}, "CL004", "account", "Acme"),
        (LOST | {"close_value": None}, "CL005", "close_value", 0.0),
        (LOST | {"close_value": "900"}, "CL006", "close_value", 0.0),
    ],
)
def test_a_cell_of_an_opportunity_is_mended_and_counted(
    raw_export: Make, row: Row, code: str, column: str, value: object
) -> None:
    result = cleaned(raw_export([row], accounts=ACCOUNTS, products=PRODUCTS))

    assert result.tables.opportunities.collect()[column].item() == value
    assert repairs(result.log) == {(code, "opportunities"): 1}
    assert result.quarantine.is_empty()


def test_an_example_shows_the_cell_before_and_after(raw_export: Make) -> None:
    result = cleaned(raw_export([WON, LOST | {"opportunity_id": "L1", "close_value": None}]))

    rule = next(r for r in result.log.rules if r.code == "CL005")
    assert rule.examples == ("L1 (row 3 of opportunities.csv): close_value (blank) → '0'",)


def test_what_the_stage_leaves_blank_stays_blank(raw_export: Make) -> None:
    prospecting = ENGAGING | {
        "opportunity_id": "P1",
        "deal_stage": "Prospecting",
        "engage_date": None,
    }

    result = cleaned(raw_export([ENGAGING, prospecting]))

    rows = result.tables.opportunities.collect()
    assert rows["close_date"].null_count() == rows["close_value"].null_count() == 2
    assert rows["engage_date"].null_count() == 1
    assert repairs(result.log) == {}


def test_a_blank_value_of_a_won_one_is_kept_and_not_imputed(raw_export: Make) -> None:
    result = cleaned(raw_export([WON | {"close_value": None}]))

    assert result.tables.opportunities.collect()["close_value"].to_list() == [None]
    assert repairs(result.log) == {}


def test_a_column_that_the_export_lacks_is_null_and_not_filled(raw_export: Make) -> None:
    row = {k: v for k, v in LOST.items() if k not in ("close_value", "account")}

    result = cleaned(raw_export([row], accounts=ACCOUNTS))

    rows = result.tables.opportunities.collect()
    assert rows.select("close_value", "account").row(0) == (None, None)
    assert rows.schema["close_value"] == pl.Float64
    assert repairs(result.log) == {}


def test_without_a_dimension_table_keys_are_left_as_they_are(raw_export: Make) -> None:
    rows = [WON | {"product": "GTXPro"}, WON | {"opportunity_id": "W2"}]

    kept = cleaned(raw_export(rows)).tables.opportunities.collect()

    assert kept["product"].to_list() == ["GTXPro", "GTX Pro"]


def test_a_plan_that_cannot_be_read_is_blanked_and_the_row_kept(raw_export: Make) -> None:
    rows = [
        ENGAGING | {"expected_close_date": "soon", "amount": "500"},
        ENGAGING | {"opportunity_id": "E2", "expected_close_date": "2025-09-30", "amount": "-1"},
        ENGAGING | {"opportunity_id": "E3", "expected_close_date": None, "amount": None},
        WON | {"opportunity_id": "W9", "amount": "700"},
    ]

    result = cleaned(raw_export(rows))

    assert repairs(result.log) == {("CL007", "opportunities"): 2}
    assert result.tables.plans is not None
    plans = result.tables.plans.collect()
    assert plans.select("opportunity_id", "amount").rows() == [("W1", 500.0), ("E2", None)]
    assert plans["expected_close_date"].cast(pl.String).to_list() == [None, "2025-09-30"]


def test_an_export_without_plans_has_no_such_table(raw_export: Make) -> None:
    assert cleaned(raw_export([ENGAGING])).tables.plans is None


def test_a_bad_number_of_a_dimension_is_blanked_and_its_row_kept(raw_export: Make) -> None:
    accounts = [*ACCOUNTS, {"account": "Beta", "employees": "many", "revenue": "-3"}]

    result = cleaned(raw_export([WON | {"account": "Beta"}], accounts=accounts))

    assert repairs(result.log) == {("CL008", "accounts"): 1}
    assert result.tables.accounts is not None
    beta = result.tables.accounts.collect().row(1, named=True)
    assert (beta["account"], beta["employees"], beta["revenue"]) == ("Beta", None, None)
    assert result.log.count().rows_clean == 1


@pytest.mark.parametrize("order", [1, -1])
def test_rows_of_one_dimension_key_are_merged_blank_where_they_disagree(
    raw_export: Make, order: int
) -> None:
    acme = [
        {"account": "Acme", "sector": "retail", "employees": "12", "revenue": None},
        {"account": "Acme", "sector": "medical", "employees": "12", "revenue": "1.5"},
    ][::order]

    result = cleaned(raw_export([WON], accounts=acme))

    assert result.tables.accounts is not None
    row = result.tables.accounts.collect().row(0, named=True)
    assert (row["sector"], row["employees"], row["revenue"]) == (None, 12, 1.5)
    assert result.quarantine.select("table", "reason", "source_row").rows() == [
        ("accounts", "CL122", 3)
    ]
    assert result.log.count().rows_clean == 1


def test_a_dimension_without_a_usable_row_is_left_out_and_checks_no_keys(raw_export: Make) -> None:
    result = cleaned(raw_export([WON], accounts=[{"account": None, "sector": "retail"}]))

    assert result.tables.accounts is None
    assert result.log.count("accounts").rows_quarantined == 1
    assert result.log.count().rows_clean == 1
