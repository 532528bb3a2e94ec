"""The report: score and deductions, examples, what is not applicable, JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dealcast.cleaning import as_raw, clean
from dealcast.contracts import RawExport
from dealcast.quality.report import QualityReport, assess
from dealcast.quality.spec import WEIGHTS
from dealcast.settings import CleaningSettings
from dealcast.sources.reading import ReadingOptions, read_export

Make = Callable[..., RawExport]


def won(n: int, **cells: str | None) -> dict[str, str | None]:
    return {
        "opportunity_id": f"W{n}",
        "sales_agent": "Ann",
        "product": "GTX Pro",
        "deal_stage": "Won",
        "engage_date": "2025-01-07",
        "close_date": "2025-03-04",
        "close_value": "900",
    } | cells


@pytest.fixture
def report(raw_export: Make) -> QualityReport:
    """Ten rows: one critical, one major, one minor defect."""
    rows = [won(n) for n in range(7)] + [
        won(7, deal_stage="Wonn"),
        won(8, product=None),
        won(9, sales_agent="Ann "),
    ]
    return assess(raw_export(rows))


def test_each_deduction_is_weight_times_share_and_they_add_up(report: QualityReport) -> None:
    assert report.deductions == {
        "DQ301": pytest.approx(WEIGHTS["critical"] / 10),
        "DQ108": pytest.approx(WEIGHTS["major"] / 10),
        "DQ321": pytest.approx(WEIGHTS["minor"] / 10),
    }
    assert report.score == pytest.approx(1 - sum(report.deductions.values()))


def test_a_dimension_s_defects_are_shared_over_its_own_rows(raw_export: Make) -> None:
    products = [{"product": p, "sales_price": "free" if p == "B" else "5"} for p in "ABCD"]

    report = assess(raw_export([won(n, product="A") for n in range(9)], products=products))

    assert report.deductions == {"DQ314": pytest.approx(0.5 / 4)}


def test_the_score_does_not_fall_under_zero(raw_export: Make) -> None:
    rows = [won(n, engage_date="x", close_date="y", close_value="z") for n in range(3)]

    assert assess(raw_export(rows)).score == 0


def test_the_worst_are_those_that_cost_most(report: QualityReport) -> None:
    assert [r.code for r in report.worst(2)] == ["DQ301", "DQ108"]
    assert len(report.worst(99)) == 3


def test_an_example_names_key_row_and_cells(raw_export: Make) -> None:
    report = assess(raw_export([won(n, close_date="2025-01-01") for n in range(8)]))

    examples = report["DQ401"].examples
    assert len(examples) == 5
    assert (examples[0].key, examples[0].source_row) == ("W0", 2)
    assert examples[0].value == "engage_date=2025-01-07, close_date=2025-01-01"


def test_a_blank_cell_in_an_example_is_called_so(raw_export: Make) -> None:
    report = assess(raw_export([won(1, close_value=None)]))

    assert report["DQ105"].examples[0].value == "deal_stage=Won, close_value=(blank)"


def test_white_space_is_shown_as_it_came(report: QualityReport) -> None:
    assert report["DQ321"].examples[0].value == "Ann "


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("DQ111", "the export has no table accounts"),
        ("DQ502", "the export has no table accounts"),
        ("DQ308", "opportunities has no column 'expected_close_date'"),
        ("DQ511", "products has no rows"),
        ("DQ503", "sales_agents has no column 'sales_agent'"),
    ],
)
def test_what_cannot_be_asked_is_neither_passed_nor_failed(
    raw_export: Make, code: str, why: str
) -> None:
    export = raw_export([won(1, account="Acme")], products=[], sales_agents=[{"manager": "Bo"}])

    result = assess(export)[code]

    assert (result.outcome, result.note) == ("not applicable", why)
    assert (result.rows, result.share, result.deduction) == (0, 0, 0)


def test_what_the_stage_leaves_blank_is_counted_but_not_missing(raw_export: Make) -> None:
    blank = {"close_date": None, "close_value": None}
    rows = [
        won(1),
        won(2, deal_stage="Engaging", **blank),
        won(3, deal_stage="Prospecting", engage_date=None, **blank),
    ]

    report = assess(raw_export(rows))

    assert report.blank_by_design == {
        "open without close_date": 2,
        "open without close_value": 2,
        "Prospecting without engage_date": 1,
    }
    assert report.stage_counts == {"Prospecting": 1, "Engaging": 1, "Won": 1}
    assert report.score == 1


def test_blank_and_unknown_stages_are_counted_together(raw_export: Make) -> None:
    report = assess(raw_export([won(1), won(2, deal_stage="Wonn"), won(3, deal_stage=None)]))

    assert report.stage_counts == {"Won": 1, "unknown": 2}


def test_an_export_without_most_columns_is_assessed_by_the_rest(raw_export: Make) -> None:
    rows = [{"opportunity_id": "A"}, {"opportunity_id": None}]

    report = assess(raw_export(rows, accounts=[{"account": "Acme"}]))

    assert report.deductions == {"DQ101": 0.5}
    assert (report.as_of, report.stage_counts, report.blank_by_design) == (None, {}, {})


def test_an_empty_export_passes_and_fails_nothing(raw_export: Make) -> None:
    report = assess(raw_export([]))

    assert {r.outcome for r in report.results} == {"not applicable"}


def test_a_report_survives_json(report: QualityReport) -> None:
    content = json.loads(json.dumps(report.to_dict()))

    assert QualityReport.from_dict(content) == report
    assert content["as_of"] == "2025-03-04"
    assert content["deductions"]["DQ301"] == pytest.approx(0.1)
    assert next(r for r in content["results"] if r["code"] == "DQ301")["share"] == 0.1


def test_row_order_does_not_matter(raw_export: Make) -> None:
    export = raw_export([won(n % 5, close_value=str(n % 3)) for n in range(12)])
    reversed_rows = RawExport({"opportunities": export.opportunities.reverse()})

    assert assess(export).deductions == assess(reversed_rows).deductions


def test_the_public_data_set(real_data: Path) -> None:
    export = read_export(sorted(real_data.glob("*.csv")), ReadingOptions())
    settings = CleaningSettings()

    before = assess(export, spelling=settings.spelling)
    cleaned = clean(export, None, settings)
    after = assess(as_raw(cleaned.tables, like=export), spelling=settings.spelling)

    notices = {"DQ602", "DQ603", "DQ701"}
    assert before.score == pytest.approx(1 - 0.5 * 1_480 / 8_800 - 0.25 * 13 / 85)
    assert set(before.deductions) == {"DQ501", "DQ332"}
    assert {r.code for r in before.failed()} == {"DQ501", "DQ332", *notices}
    assert after.score == 1.0
    assert {r.code for r in after.failed()} == notices
    for report in (before, after):
        assert sorted(report.blank_by_design.values()) == [500, 2_089, 2_089]
        assert report["DQ602"].rows == 2_089
        assert "2017-12-31" in str(report["DQ602"].note)
        assert "2017-03-01" in str(report["DQ603"].note)
        assert "68% of open and 0% of closed" in str(report["DQ701"].note)
    log = cleaned.log.to_dict()
    assert (log["rows_in"], log["rows_clean"], log["rows_quarantined"]) == (8_800, 8_800, 0)
    assert cleaned.log.keys_repaired == 1_480
    assert cleaned.log.rows("CL003") == 13
    closed = cleaned.tables.opportunities.collect().filter(pl.col("close_value").is_null())
    assert closed.height == 2_089
