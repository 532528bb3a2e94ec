"""Each reason sets its row aside, says why, and its fix readmits the row."""

import json
from collections.abc import Callable
from typing import NamedTuple

import polars as pl
import pytest

from dealcast.cleaning import CLEANING_RULES, Cleaned, clean, rules_table
from dealcast.contracts import Corrections, Quarantine, RawExport
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
PROSPECTING = ENGAGING | {"deal_stage": "Prospecting", "engage_date": None}
DIMENSIONS = {
    "accounts": [{"account": "Acme"}],
    "products": [{"product": "GTX Pro"}, {"product": "GTX Plus"}],
    "sales_agents": [{"sales_agent": "Ann Lee"}],
}
GOOD = [WON | {"opportunity_id": f"G{n}"} for n in range(3)]


class Case(NamedTuple):
    """A good row spoilt; `fix` is the one cell whose change would mend it."""

    good: Row
    defect: Row
    reason: str
    says: str
    fix: tuple[str, str | None] | None = None


SET_ASIDE = [
    Case(WON, {"opportunity_id": None}, "CL101", "opportunity_id is blank"),
    Case(WON, {"deal_stage": "Wonn"}, "CL104", "'Wonn' is none of", ("deal_stage", "Won")),
    Case(WON, {"deal_stage": "Nurturing"}, "CL104", "'Nurturing'"),
    Case(WON, {"deal_stage": None}, "CL104", "'(blank)'"),
    Case(WON, {"engage_date": "soon"}, "CL105", "'soon' is no date"),
    Case(WON, {"engage_date": "1066-10-14"}, "CL105", "from 1980 to 2099"),
    Case(WON, {"close_date": "2025-02-30"}, "CL106", "'2025-02-30'"),
    Case(WON, {"close_value": "tba"}, "CL107", "'tba' is no amount"),
    Case(WON, {"close_value": "-900"}, "CL107", "'-900'"),
    Case(LOST, {"close_value": "tba"}, "CL107", "'tba'", ("close_value", "0")),
    Case(ENGAGING, {"engage_date": None}, "CL108", "'Engaging'"),
    Case(WON, {"close_date": None}, "CL109", "close_date is blank"),
    Case(WON, {"close_date": "2025-01-06"}, "CL110", "2025-01-06 is before engage_date"),
    Case(ENGAGING, {"close_date": "2025-03-04"}, "CL111", "2025-03-04", ("close_date", None)),
    Case(
        ENGAGING,
        {"close_date": "2025-03-04", "close_value": "9"},
        "CL111",
        "'Engaging'",
        ("deal_stage", "Won"),
    ),
    Case(
        ENGAGING,
        {"close_date": "2025-03-04", "close_value": "0"},
        "CL111",
        "'Engaging'",
        ("deal_stage", "Lost"),
    ),
    Case(PROSPECTING, {"close_date": "2025-03-04", "close_value": "9"}, "CL111", "Prospect"),
    Case(ENGAGING, {"close_value": "9"}, "CL112", "close_value is 9", ("close_value", None)),
    Case(WON, {"close_value": "0"}, "CL113", "close_value is 0"),
    Case(WON, {"product": "GTX Plu"}, "CL114", "not in products", ("product", "GTX Plus")),
    Case(WON, {"account": "Nobody"}, "CL115", "not in accounts"),
    Case(
        WON,
        {"sales_agent": "Ann Leigh"},
        "CL116",
        "not in sales_agents",
        ("sales_agent", "Ann Lee"),
    ),
]
IN_SEVERAL_ROWS = {"CL102", "CL103", "CL121", "CL122"}


def cleaned(export: RawExport, corrections: pl.DataFrame | None = None) -> Cleaned:
    return clean(export, corrections, CleaningSettings())


def corrections(*cells: tuple[str, str, str | None]) -> pl.DataFrame:
    schema = ["row_hash", "column", "value"]
    return pl.DataFrame(cells, schema=dict.fromkeys(schema, pl.String), orient="row")


@pytest.mark.parametrize("case", SET_ASIDE)
def test_a_row_that_cannot_be_repaired_is_set_aside_with_reason_and_fix(
    raw_export: Make, case: Case
) -> None:
    export = raw_export([*GOOD, case.good | case.defect], **DIMENSIONS)

    result = cleaned(export)

    row = Quarantine.validate(result.quarantine).row(0, named=True)
    assert result.quarantine.height == 1
    assert (row["table"], row["source_file"]) == ("opportunities", "opportunities.csv")
    assert (row["source_row"], row["reason"]) == (5, case.reason)
    assert case.says in row["explanation"]
    assert row["suggested_fix"]
    assert (row["fix_column"], row["fix_value"]) == (case.fix or (None, None))
    assert json.loads(row["row"]) == case.good | case.defect


@pytest.mark.parametrize("case", [case for case in SET_ASIDE if case.fix])
def test_a_machine_readable_fix_readmits_the_row(raw_export: Make, case: Case) -> None:
    export = raw_export([*GOOD, case.good | case.defect], **DIMENSIONS)
    row_hash = cleaned(export).quarantine["row_hash"].item()

    again = cleaned(export, Corrections.validate(corrections((row_hash, *case.fix))))

    assert again.quarantine.is_empty()
    assert again.log.rows("CL001") == 1


def test_every_reason_is_tested() -> None:
    tested = {case.reason for case in SET_ASIDE} | IN_SEVERAL_ROWS

    assert tested == {r.code for r in CLEANING_RULES if r.action == "set aside"}


def test_of_equal_rows_the_first_is_kept(raw_export: Make) -> None:
    result = cleaned(raw_export([WON, LOST | {"opportunity_id": "L"}, WON, WON]))

    assert result.tables.opportunities.collect()["opportunity_id"].to_list() == ["W1", "L"]
    assert result.quarantine["reason"].to_list() == ["CL102", "CL102"]
    assert result.quarantine["source_row"].to_list() == [4, 5]
    assert result.quarantine["row_hash"].n_unique() == 1


def test_rows_that_are_equal_once_repaired_are_copies(raw_export: Make) -> None:
    rows = [WON, WON | {"sales_agent": "Ann  Lee "}]

    assert cleaned(raw_export(rows)).quarantine["reason"].to_list() == ["CL102"]


def test_different_rows_under_one_id_are_all_set_aside(raw_export: Make) -> None:
    result = cleaned(raw_export([*GOOD, WON, WON | {"close_value": "901"}, WON]))

    assert sorted(result.quarantine["reason"]) == ["CL102", "CL103", "CL103"]


def test_the_first_reason_is_the_most_important(raw_export: Make) -> None:
    bad = WON | {"deal_stage": "Wonn", "close_date": "soon", "product": "Nothing"}

    result = cleaned(raw_export([*GOOD, bad], **DIMENSIONS))

    assert result.quarantine["reason"].to_list() == ["CL104"]


def test_a_dimension_row_without_key_is_set_aside(raw_export: Make) -> None:
    products = [*DIMENSIONS["products"], {"product": None, "series": "GTX"}]

    result = cleaned(raw_export([WON], products=products))

    row = result.quarantine.row(0, named=True)
    assert (row["table"], row["reason"], row["key"]) == ("products", "CL121", None)


def test_rules_have_codes_of_their_own_and_say_what_they_do() -> None:
    codes = [record["code"] for record in rules_table()]

    assert codes == sorted(set(codes))
    assert all(record["does"] and record["tables"] for record in rules_table())
