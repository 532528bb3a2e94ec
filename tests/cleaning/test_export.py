"""A whole export, cleaned: corrections, the account of rows, the limit, text again."""

import json
from collections.abc import Callable

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.cleaning import RowCount, as_raw, clean
from dealcast.contracts import RawExport
from dealcast.errors import ContractError, DealcastError, QualityError
from dealcast.settings import CleaningSettings

Make = Callable[..., RawExport]
Row = dict[str, str | None]
SETTINGS = CleaningSettings()

WON: Row = {
    "opportunity_id": "W1",
    "product": "GTX Pro",
    "deal_stage": "Won",
    "engage_date": "2025-01-07",
    "close_date": "2025-03-04",
    "close_value": "900.5",
}
ENGAGING = WON | {
    "opportunity_id": "E1",
    "deal_stage": "Engaging",
    "close_date": None,
    "close_value": None,
}
WONN = WON | {"opportunity_id": "X1", "deal_stage": "Wonn", "product": "GTX"}
PRODUCTS = [{"product": "GTX Pro", "sales_price": "4821"}]


def corrections(*cells: tuple[str, str, str | None]) -> pl.DataFrame:
    schema = ["row_hash", "column", "value"]
    return pl.DataFrame(cells, schema=dict.fromkeys(schema, pl.String), orient="row")


def test_a_row_stays_in_quarantine_under_its_name_until_all_is_corrected(raw_export: Make) -> None:
    export = raw_export([WON, WONN], products=PRODUCTS)
    name = clean(export, None, SETTINGS).quarantine["row_hash"].item()
    stage, product = (name, "deal_stage", "Won"), (name, "product", "GTX Pro")

    half = clean(export, corrections(stage), SETTINGS)
    whole = clean(export, corrections(stage, product), SETTINGS)

    assert half.quarantine.select("row_hash", "reason").rows() == [(name, "CL114")]
    assert json.loads(half.quarantine["row"].item())["deal_stage"] == "Wonn"
    assert whole.quarantine.is_empty()
    assert whole.tables.opportunities.collect().row(1, named=True)["product"] == "GTX Pro"


def test_a_correction_may_fill_a_column_that_the_export_lacks(raw_export: Make) -> None:
    export = raw_export([WON, WON | {"opportunity_id": None}])
    name = clean(export, None, SETTINGS).quarantine["row_hash"].item()

    done = clean(
        export, corrections((name, "opportunity_id", "W2"), (name, "account", "Acme")), SETTINGS
    )

    assert done.tables.opportunities.collect()["account"].to_list() == [None, "Acme"]


def test_a_correction_may_mend_a_dimension_row(raw_export: Make) -> None:
    export = raw_export([WON], products=[*PRODUCTS, {"product": None, "sales_price": "55"}])
    name = clean(export, None, SETTINGS).quarantine["row_hash"].item()

    done = clean(export, corrections((name, "product", "MG Special")), SETTINGS)

    assert done.tables.products is not None
    assert done.tables.products.collect()["product"].to_list() == ["GTX Pro", "MG Special"]


def test_corrections_of_rows_that_are_gone_are_counted(raw_export: Make) -> None:
    gone = corrections(("0" * 32, "deal_stage", "Won"), ("0" * 32, "product", "GTX Pro"))

    assert clean(raw_export([WON]), gone, SETTINGS).log.corrections_unmatched == 1


def test_no_corrections_change_nothing(raw_export: Make) -> None:
    assert clean(raw_export([WON]), corrections(), SETTINGS).log.rows("CL001") == 0


def test_a_correction_of_an_unknown_column_is_refused(raw_export: Make) -> None:
    export = raw_export([WON, WONN])
    name = clean(export, None, SETTINGS).quarantine["row_hash"].item()

    with pytest.raises(ContractError) as refused:
        clean(export, corrections((name, "deal_stag", "Won")), SETTINGS)

    assert "'deal_stag'" in refused.value.problem
    assert "'deal_stage'" in refused.value.remedy


def test_rows_in_are_rows_clean_and_rows_quarantined(raw_export: Make) -> None:
    export = raw_export([WON, WON, WONN, ENGAGING], products=[*PRODUCTS, *PRODUCTS])

    log = clean(export, None, SETTINGS).log

    assert log.counts == (RowCount("opportunities", 4, 2, 2), RowCount("products", 2, 1, 1))
    content = json.loads(json.dumps(log.to_dict()))
    assert (content["rows_in"], content["rows_clean"], content["rows_quarantined"]) == (4, 2, 2)
    reasons = {r["code"]: r["rows"] for r in content["rules"] if r["rows"]}
    assert reasons == {"CL102": 1, "CL104": 1, "CL122": 1}


def test_an_account_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(DealcastError, match="lost count"):
        RowCount("opportunities", rows_in=3, rows_clean=1, rows_quarantined=1)


def test_too_many_rows_set_aside_stop_the_run_with_the_reasons_named(raw_export: Make) -> None:
    bad = [WON | {"opportunity_id": f"B{n}", "deal_stage": f"Phase {n}"} for n in range(3)]

    with pytest.raises(QualityError) as refused:
        clean(raw_export([WON, ENGAGING, *bad]), None, SETTINGS)

    assert "3 of 5 opportunities" in refused.value.problem
    assert (
        "CL104 Unknown stage (3 rows, such as B0 (row 4 of opportunities.csv)"
        in refused.value.problem
    )
    assert "cleaning.max_quarantined" in refused.value.remedy


def test_as_many_as_are_allowed_do_not_stop_it(raw_export: Make) -> None:
    settings = CleaningSettings(max_quarantined=0.5)

    assert clean(raw_export([WON, WONN]), None, settings).quarantine.height == 1


def test_an_export_without_rows_cleans_to_one_without_rows(raw_export: Make) -> None:
    no_rows = RawExport({"opportunities": raw_export([WON]).opportunities.clear()})

    result = clean(no_rows, None, SETTINGS)

    assert result.tables.opportunities.collect().is_empty()
    assert result.log.count() == RowCount("opportunities", 0, 0, 0)


def test_clean_tables_as_text_have_the_tables_and_columns_of_the_export(raw_export: Make) -> None:
    export = raw_export(
        [WON, ENGAGING | {"amount": "500", "expected_close_date": None}],
        products=PRODUCTS,
        accounts=[{"account": None}],
    )

    again = as_raw(clean(export, None, SETTINGS).tables, like=export)

    assert set(again.tables) == {"opportunities", "products"}
    assert set(again.opportunities.columns) == set(export.opportunities.columns)
    assert_frame_equal(
        again.opportunities.select(*WON, "amount"),
        pl.DataFrame(
            [WON | {"amount": None}, ENGAGING | {"amount": "500.0"}],
            schema=dict.fromkeys([*WON, "amount"], pl.String),
        ),
    )
    assert again.opportunities["source_row"].to_list() == [2, 3]
