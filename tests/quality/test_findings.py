"""What only the whole export can show."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

import pytest

from dealcast.contracts import RawExport
from dealcast.quality.report import assess
from dealcast.quality.results import CheckResult

Make = Callable[..., RawExport]
Row = dict[str, str | None]
START = date(2025, 1, 1)


def closed(day: int, cycle: int, n: int, **cells: str | None) -> Row:
    return {
        "opportunity_id": f"C{n}",
        "product": f"P{n % 3}",
        "deal_stage": "Won" if n % 2 else "Lost",
        "engage_date": str(START + timedelta(days=day)),
        "close_date": str(START + timedelta(days=day + cycle)),
        "close_value": "100" if n % 2 else "0",
    } | cells


def still_open(day: int, n: int, **cells: str | None) -> Row:
    return closed(day, 0, n, opportunity_id=f"O{n}", deal_stage="Engaging") | {
        "close_date": None,
        "close_value": None,
        **cells,
    }


def steady(days: Iterable[int], *, each: int = 1) -> list[Row]:
    """So many engaged each day, closed after 1 to 30 days."""
    return [
        closed(day, 1 + (day * each + n) * 7 % 30, day * each + n)
        for day in days
        for n in range(each)
    ]


def result(export: RawExport, code: str) -> CheckResult:
    return assess(export)[code]


def test_an_export_that_ends_with_open_ones_is_named_right_truncated(raw_export: Make) -> None:
    found = result(raw_export([*steady(range(40)), still_open(30, 1)]), "DQ602")

    assert (found.outcome, found.rows, found.of, found.deduction) == ("failed", 1, 41, 0)
    assert "ends on 2025-03-07 while 1 of 41" in str(found.note)


def test_an_export_whose_early_closes_are_gone_is_named_left_truncated(raw_export: Make) -> None:
    rows = [r for r in steady(range(200), each=5) if str(r["close_date"]) >= "2025-03-01"]

    found = result(raw_export(rows), "DQ603")

    assert found.outcome == "failed"
    assert "2025-03-01" in str(found.note)
    assert found.rows == sum(str(r["engage_date"]) < "2025-03-01" for r in rows)


def test_an_export_from_its_first_day_on_is_not_left_truncated(raw_export: Make) -> None:
    assert result(raw_export(steady(range(200), each=5)), "DQ603").outcome == "passed"


def test_a_first_close_that_is_late_by_chance_is_no_truncation(raw_export: Make) -> None:
    rows = [r for r in steady(range(200), each=5) if str(r["close_date"]) >= "2025-01-05"]

    assert result(raw_export(rows), "DQ603").outcome == "passed"


@pytest.mark.parametrize("code", ["DQ604", "DQ605"])
def test_a_month_without_events_where_many_would_be_is_a_gap(raw_export: Make, code: str) -> None:
    rows = steady([*range(60), *range(130, 200)])

    found = result(raw_export(rows), code)

    assert found.outcome == "failed"
    assert (found.unit, found.rows >= 28) == ("days", True)
    assert result(raw_export(steady(range(200))), code).outcome == "passed"


def test_a_short_pause_is_no_gap_however_many_were_usual(raw_export: Make) -> None:
    rows = steady([*range(60), *range(80, 200)], each=5)

    assert result(raw_export(rows), "DQ604").outcome == "passed"


def test_a_long_pause_is_no_gap_where_events_are_rare(raw_export: Make) -> None:
    assert result(raw_export(steady(range(0, 365, 40))), "DQ604").outcome == "passed"


def test_the_gap_in_engage_date_is_named_by_its_first_and_last_day(raw_export: Make) -> None:
    found = result(raw_export(steady([*range(60), *range(130, 200)])), "DQ604")

    assert "from 2025-03-02 to 2025-05-10 (70 days)" in str(found.note)


def test_a_column_blank_by_outcome_gives_the_outcome_away(raw_export: Make) -> None:
    rows = [closed(n, 5, n, account="Acme") for n in range(40)] + [
        still_open(n, n, account="Acme" if n % 3 == 0 else None) for n in range(30)
    ]

    found = result(raw_export(rows), "DQ701")

    assert (found.outcome, found.rows, found.deduction) == ("failed", 20, 0)
    assert "67% of open and 0% of closed" in str(found.note)
    assert "never use it as a model input" in str(found.note)


@pytest.mark.parametrize(
    ("rows", "blank_when_open", "blank_when_closed"),
    [(40, 0.5, 0.5), (20, 0.3, 0.05), (1_000, 0.5, 0.35)],
    ids=["alike", "far apart by chance", "beyond chance but near"],
)
def test_fill_rates_that_are_near_or_apart_by_chance_give_nothing_away(
    raw_export: Make, rows: int, blank_when_open: float, blank_when_closed: float
) -> None:
    export = raw_export(
        [
            of(n % 30, *cycle, n, account=None if n < blank * rows else "Acme")
            for of, cycle, blank in (
                (closed, [5], blank_when_closed),
                (still_open, [], blank_when_open),
            )
            for n in range(rows)
        ]
    )

    assert result(export, "DQ701").outcome == "passed"


def test_a_column_of_one_value_is_named(raw_export: Make) -> None:
    rows = [closed(n, 5, n, sales_agent="Import User") for n in range(30)]

    found = result(raw_export(rows), "DQ711")

    assert (found.outcome, found.rows, found.unit) == ("failed", 1, "columns")
    assert "sales_agent is always 'Import User'" in str(found.note)


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("DQ602", [still_open(0, 1, engage_date=None)]),
        ("DQ603", [still_open(0, 1)]),
        ("DQ603", [closed(0, 5, 1)]),
        ("DQ604", [closed(0, 5, 1)]),
        ("DQ701", [closed(0, 5, 1, account=None)]),
        ("DQ711", [closed(0, 5, 1)]),
    ],
    ids=["no date", "none closed", "none later", "one day", "few rows", "few values"],
)
def test_too_little_to_judge_by_is_not_applicable(
    raw_export: Make, code: str, rows: list[Row]
) -> None:
    found = result(raw_export(rows), code)

    assert found.outcome == "not applicable"
    assert found.note
