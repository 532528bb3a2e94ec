"""Runs side by side, past forecasts and rows set aside are told as they were kept."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from dealcast.surfaces.dashboard import over_time, quarantine
from dealcast.surfaces.dashboard.hindsight import looking_back, next_months
from dealcast.surfaces.report.blocks import Charts, Lead, Nothing
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.shape import Table
from dealcast.surfaces.words import count, figure
from dealcast.tracking.base import ModelVersion, Promotion


def texts(table: Any) -> list[list[str]]:
    return [[getattr(cell, "text", cell) for cell in row] for row in table.rows]


def test_runs_say_how_long_they_took_and_how_they_ended(sample: Any) -> None:
    failed = replace(
        sample.manifest, status="failed", error="no disk", started="2026-01-01T10:00:00+00:00",
        finished="2026-01-01T10:01:30+00:00",
    )  # fmt: skip
    going_on = replace(sample.manifest, status="running", finished=None)

    lead, table = over_time.runs([failed, going_on], "data")

    assert isinstance(lead, Lead)
    assert "2 runs in the store data, 0 done." in lead.text
    first, second = texts(table)
    assert first[1:3] == ["✗ failed", "90.0"]
    assert first[-1] == "no disk"
    assert second[1:3] == ["… running", "-"]


def test_quality_is_drawn_once_there_are_two_days(sample: Any) -> None:
    earlier = replace(sample.manifest, started="2026-01-01T10:00:00+00:00")

    assert list(over_time.qualities([sample.manifest])) == []
    (charts,) = over_time.qualities([sample.manifest, earlier])

    assert isinstance(charts, Charts)
    raw = sample.manifest.figures["quality_raw"]
    assert charts.figures[0].wide.count(f'data-value="{raw!r}"') == 2


def test_checks_stand_beside_each_other_run_by_run() -> None:
    def result(code: str, outcome: str, rows: int) -> dict[str, Any]:
        return {"code": code, "title": "what", "outcome": outcome, "rows": rows}

    reports = [
        ("b", {"score": 0.9, "results": [result("DQ1", "failed", 3)]}),
        ("a", {"score": 0.8, "results": [result("DQ1", "passed", 0),
                                         result("DQ2", "not applicable", 0)]}),
    ]  # fmt: skip

    (table,) = over_time.checks(reports)

    assert texts(table) == [["score", figure(0.9), figure(0.8)], ["DQ1 what", "3", "0"]]
    assert isinstance(next(over_time.checks([])), Nothing)


def test_champions_are_told_newest_first_and_challengers_apart() -> None:
    versions = [
        ModelVersion(name, f"models/{name}.json", run, "calendar", "2025-10-31", "sample")
        for name, run in (("m1", "r1"), ("m2", "r2"), ("m3", "r3"))
    ]
    promotions = [Promotion("m1", "r1", "the first model"), Promotion("m3", "r3", "it is better")]

    lead, champions, others = over_time.champions(promotions, versions, "data")

    assert isinstance(lead, Lead)
    assert lead.text.startswith("Champion: m3, calendar, trained until 31 Oct 2025")
    assert [row[1] for row in texts(champions)] == ["m3", "m1"]
    assert [row[0] for row in texts(others)] == ["m2"]
    assert isinstance(next(over_time.champions([], [], "data")), Nothing)


def test_drift_is_told_of_the_runs_that_looked_for_it(sample: Any) -> None:
    without = replace(sample.manifest, steps=[])

    (table,) = over_time.drifts([sample.manifest, without])

    assert len(table.rows) == 1
    assert texts(table)[0][1] == sample.manifest.figures["drift"]


@pytest.mark.parametrize("run_id", ["latest", "20261130T071218Z"])
def test_a_name_that_is_no_run_id_stays(run_id: str) -> None:
    assert over_time.run_name(run_id).startswith(run_id if run_id == "latest" else "30 Nov 2026")


def test_the_error_of_past_forecasts_is_that_of_the_tables(sample: Any) -> None:
    kept = Kept(sample.manifest, sample.store)
    method = kept.figures("forecast")["forecast_method"]
    months = next_months(kept.table("forecast", "forecast_backtest"), method)
    wape = kept.object("forecast", "forecast")["champion"]["wape"][method]

    lead, charts, table = looking_back(kept)

    assert isinstance(lead, Lead)
    assert f"off by {wape:.1%}" in lead.text
    assert isinstance(charts, Charts)
    assert charts.figures[0].wide.count('data-mark="actual"') == months.height
    assert isinstance(table, Table)
    assert texts(table)[0][3] == count(months["actual"][-1])


def test_where_nothing_could_be_forecast_it_says_why(tiny: Any) -> None:
    (nothing,) = looking_back(Kept(tiny.manifest, tiny.store))

    assert isinstance(nothing, Nothing)


def test_rows_set_aside_are_counted_by_reason_with_their_fixes(sample: Any) -> None:
    rows = Kept(sample.manifest, sample.store).table("clean", "quarantine")

    lead, table, how = quarantine.set_aside(rows, "data")

    assert rows.height
    assert isinstance(lead, Lead)
    assert lead.text.startswith(f"{rows.height} rows are set aside")
    assert sum(int(row[2]) for row in texts(table)) == rows.height
    assert "--root data" in how.text  # type: ignore[union-attr]
    listed = quarantine.listed(rows)
    assert listed["suggested fix"].to_list() == [f or "-" for f in rows["suggested_fix"]]
    assert listed.filter(pl.col("sure fix") == "-").height == rows["fix_column"].null_count()
    (none,) = quarantine.set_aside(rows.clear(), "data")
    assert isinstance(none, Lead)
    assert none.text.startswith("No row was set aside")
    assert listed.select(pl.len()).item() == rows.height
