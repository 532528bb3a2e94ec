"""Each check fires on its planted defect, and no other check does."""

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from dealcast.contracts import RawExport
from dealcast.quality.checks import CHECKS, checks_table
from dealcast.quality.report import assess

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
LOST = WON | {"opportunity_id": "L1", "deal_stage": "Lost", "close_value": "0"}
ENGAGING = WON | {
    "opportunity_id": "E1",
    "deal_stage": "Engaging",
    "close_date": None,
    "close_value": None,
}
PROSPECTING = ENGAGING | {
    "opportunity_id": "P1",
    "deal_stage": "Prospecting",
    "engage_date": None,
}
GOOD = [WON, LOST, ENGAGING, PROSPECTING]
ACCOUNT: Row = {
    "account": "Acme",
    "sector": "retail",
    "year_established": "1996",
    "revenue": "1100.04",
    "employees": "2822",
    "subsidiary_of": None,
}
PRODUCT: Row = {"product": "GTX Pro", "series": "GTX", "sales_price": "4821"}
AGENT: Row = {"sales_agent": "Ann Lee", "manager": "Bo", "regional_office": "West"}
DIMENSIONS = {"accounts": [ACCOUNT], "products": [PRODUCT], "sales_agents": [AGENT]}
SPELLING = {"Acmee": "Acme", "technolgy": "technology", "Gtx": "GTX", "Wset": "West"}
BY_DESIGN = {"DQ602"}  # two good rows are open, so the export ends mid-flight

PLANTED_OPPORTUNITIES = [
    ("DQ101", WON, {"opportunity_id": None}),
    ("DQ102", WON, {"deal_stage": None}),
    ("DQ103", WON, {"engage_date": None}),
    ("DQ103", ENGAGING, {"engage_date": None}),
    ("DQ104", LOST, {"close_date": None}),
    ("DQ105", WON, {"close_value": None}),
    ("DQ106", LOST, {"close_value": None}),
    ("DQ107", WON, {"sales_agent": None}),
    ("DQ108", WON, {"product": " "}),
    ("DQ301", WON, {"deal_stage": "Wonn"}),
    ("DQ302", WON, {"engage_date": "soon"}),
    ("DQ303", WON, {"close_date": "2025-02-30"}),
    ("DQ304", WON, {"close_value": "tba"}),
    ("DQ305", WON, {"engage_date": "1066-10-14"}),
    ("DQ306", WON, {"close_date": "2100-01-01"}),
    ("DQ307", WON, {"close_value": "-5"}),
    ("DQ307", WON, {"close_value": "1e13"}),
    ("DQ308", ENGAGING, {"expected_close_date": "soon"}),
    ("DQ309", ENGAGING, {"amount": "lots"}),
    ("DQ321", WON, {"sales_agent": " Ann  Lee"}),
    ("DQ331", WON, {"account": "Acmee"}),
    ("DQ401", WON, {"close_date": "2025-01-06"}),
    ("DQ402", ENGAGING, {"close_date": "2025-03-04"}),
    ("DQ402", ENGAGING, {"close_date": "2025-03-04", "close_value": "900"}),
    ("DQ403", PROSPECTING, {"close_value": "900"}),
    ("DQ404", LOST, {"close_value": "900"}),
    ("DQ405", WON, {"close_value": "0"}),
    ("DQ501", WON, {"product": "gtx-pro"}),
    ("DQ502", WON, {"account": "ACME"}),
    ("DQ503", WON, {"sales_agent": "AnnLee"}),
    ("DQ511", WON, {"product": "GTX Plus"}),
    ("DQ512", WON, {"account": "Nobody"}),
    ("DQ513", WON, {"sales_agent": "Nobody"}),
]
PLANTED_DIMENSIONS = [
    ("DQ111", "accounts", ACCOUNT | {"account": None}),
    ("DQ112", "products", PRODUCT | {"product": None}),
    ("DQ113", "sales_agents", AGENT | {"sales_agent": None}),
    ("DQ211", "accounts", ACCOUNT),
    ("DQ212", "products", PRODUCT | {"sales_price": "1"}),
    ("DQ213", "sales_agents", AGENT),
    ("DQ311", "accounts", ACCOUNT | {"account": "B", "year_established": "96"}),
    ("DQ312", "accounts", ACCOUNT | {"account": "B", "revenue": "much"}),
    ("DQ313", "accounts", ACCOUNT | {"account": "B", "employees": "-1"}),
    ("DQ314", "products", PRODUCT | {"product": "B", "sales_price": "free"}),
    ("DQ322", "accounts", ACCOUNT | {"account": "B", "sector": "re  tail"}),
    ("DQ323", "products", PRODUCT | {"product": "B "}),
    ("DQ324", "sales_agents", AGENT | {"sales_agent": "B", "manager": "\tBo"}),
    ("DQ332", "accounts", ACCOUNT | {"account": "B", "sector": "technolgy"}),
    ("DQ333", "products", PRODUCT | {"product": "B", "series": "Gtx"}),
    ("DQ334", "sales_agents", AGENT | {"sales_agent": "B", "regional_office": "Wset"}),
    ("DQ521", "accounts", ACCOUNT | {"account": "B", "subsidiary_of": "Nobody"}),
]
PLANTED_ELSEWHERE = {"DQ201", "DQ202", "DQ601"}

Make = Callable[..., RawExport]


def fired(export: RawExport, as_of: date | None = None) -> dict[str, int]:
    report = assess(export, spelling=SPELLING, as_of=as_of)
    return {r.code: r.rows for r in report.failed() if r.code not in BY_DESIGN}


def test_nothing_fires_on_good_rows(raw_export: Make) -> None:
    report = assess(raw_export(GOOD, **DIMENSIONS), spelling=SPELLING)

    assert {r.code for r in report.failed()} == BY_DESIGN
    assert report.score == 1


@pytest.mark.parametrize(("code", "good", "defect"), PLANTED_OPPORTUNITIES)
def test_a_defect_of_an_opportunity_fires_its_check_alone(
    raw_export: Make, code: str, good: Row, defect: Row
) -> None:
    planted = good | {"opportunity_id": "X1"} | defect

    assert fired(raw_export([*GOOD, planted], **DIMENSIONS)) == {code: 1}


@pytest.mark.parametrize(("code", "table", "row"), PLANTED_DIMENSIONS)
def test_a_defect_of_a_dimension_row_fires_its_check_alone(
    raw_export: Make, code: str, table: str, row: Row
) -> None:
    dimensions = {**DIMENSIONS, table: [*DIMENSIONS[table], row]}

    assert set(fired(raw_export(GOOD, **dimensions))) == {code}


def test_copies_and_conflicts_are_told_apart(raw_export: Make) -> None:
    other = WON | {"close_value": "901"}

    assert fired(raw_export([*GOOD, WON, WON], **DIMENSIONS)) == {"DQ202": 2}
    assert fired(raw_export([*GOOD, other], **DIMENSIONS)) == {"DQ201": 2}
    assert fired(raw_export([*GOOD, other, WON], **DIMENSIONS)) == {"DQ201": 2, "DQ202": 1}


def test_a_date_after_the_export_s_day_fires(raw_export: Make) -> None:
    export = raw_export(GOOD, **DIMENSIONS)

    assert fired(export, as_of=date(2025, 3, 4)) == {}
    assert fired(export, as_of=date(2025, 3, 3)) == {"DQ601": 2}


def test_every_row_check_is_planted_above() -> None:
    planted = {code for code, *_ in (*PLANTED_OPPORTUNITIES, *PLANTED_DIMENSIONS)}

    by_row = {c.code for c in CHECKS if isinstance(c.fails, pl.Expr)}
    assert planted | PLANTED_ELSEWHERE == by_row


def test_every_check_has_a_code_of_its_own_in_order_and_says_what_to_do() -> None:
    codes = [record["code"] for record in checks_table()]

    assert codes == sorted(set(codes))
    assert all(record["remedy"] and record["title"] for record in checks_table())
