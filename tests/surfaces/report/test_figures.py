"""The figures of the report are those that the run kept."""

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest

from dealcast.surfaces.words import count, day, share, short

Record = dict[str, Any]


def charts(html: str, name: str) -> list[ET.Element]:
    """The charts of that name; each is there for a page, then for a telephone."""
    found = re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL)
    return [c for c in map(ET.fromstring, found) if c.get("data-chart") == name]


def drawn(chart: ET.Element, mark: str) -> list[float]:
    return [float(e.get("data-value", "")) for e in chart.iter() if e.get("data-mark") == mark]


@pytest.fixture(scope="module")
def page(sample: Any, page_of: Callable[[str], Any]) -> Any:
    return page_of(sample.html)


def table(ran: Any, step: str, name: str) -> pl.DataFrame:
    record = next(s for s in ran.manifest.steps if s.name == step)
    return ran.store.load(name, version=record.tables[name])


def kept(ran: Any, step: str, name: str) -> Any:
    record = next(s for s in ran.manifest.steps if s.name == step)
    return ran.store.get_json(record.objects[name])


def test_the_headline_is_that_of_the_tables(sample: Any, page: Any) -> None:
    quarter = table(sample, "forecast", "forecast").filter(pl.col("period_kind") == "quarter").row(
        0, named=True
    )  # fmt: skip
    owners = table(sample, "forecast", "dead_pipeline")
    top = page.sections["top"]

    assert f"quarter to {day(quarter['period_end'])}" in top
    assert short(quarter["forecast"]) in top
    assert f"interval {short(quarter['low'])} to {short(quarter['high'])}" in top
    assert short(owners["open_amount"].sum()) in top
    assert f"{owners['dead_amount'].sum() / owners['open_amount'].sum():.0%}" in top
    assert f"{kept(sample, 'validate', 'quality_raw')['score']:.3f}" in top
    assert kept(sample, "evaluate", "evaluation")["verdict"]["strength"] in top


def test_the_forecast_is_drawn_and_told_as_it_was_issued(sample: Any, page: Any) -> None:
    issued = table(sample, "forecast", "forecast")
    months = issued.filter(pl.col("period_kind") == "month")
    content = kept(sample, "forecast", "forecast")

    wide, narrow = charts(sample.html, "bookings")
    history = [h["booked"] for h in content["history"]]
    booked_now = [b for b in months["booked"] if b]
    assert drawn(wide, "booked") == [*history[-12:], *booked_now]
    assert drawn(narrow, "booked") == [*history[-6:], *booked_now]
    for chart in (wide, narrow):
        assert drawn(chart, "new_business") == [n for n in months["new_business"] if n]
        beside = [b["forecast"] for b in content["beside"] if b["period_kind"] == "month"]
        assert drawn(chart, "beside") == beside
    rows = page.rows("Quarters and months to come")
    quarters = issued.filter(pl.col("period_kind") == "quarter")
    assert [r["expected"] for r in rows] == [
        count(f) for f in (*quarters["forecast"], *months["forecast"])
    ]
    covered = content["coverage"]["month"]
    assert f"{covered['covered']:.0%} of {covered['n']} months" in page.sections["bookings"]


def test_the_history_adds_up_to_what_was_booked(sample: Any) -> None:
    clean = table(sample, "clean", "crm_data_processed")
    by_month = dict(
        clean.filter(pl.col("deal_stage") == "Won")
        .group_by(pl.col("close_date").dt.truncate("1mo").cast(pl.String))
        .agg(pl.col("close_value").sum())
        .iter_rows()
    )

    history = kept(sample, "forecast", "forecast")["history"]

    assert len(history) >= 6
    for month in history:
        assert month["booked"] == pytest.approx(by_month[month["period_start"]])


def test_the_open_opportunities_are_ranked_and_the_rest_is_counted(sample: Any, page: Any) -> None:
    scores = table(sample, "score", "scores")
    live = scores.filter(~pl.col("is_stale"), pl.col("p_won_90").is_not_null())
    rows = page.rows("Worth most")

    assert [r["opportunity"] for r in rows] == live["opportunity_id"].head(25).to_list()
    assert [r["expected"] for r in rows] == [count(v) for v in live["expected_value"].head(25)]
    assert [r["won in 90 days"] for r in rows] == [share(p) for p in live["p_won_90"].head(25)]
    rest = re.search(r"Not shown: (.*?)\. All", page.sections["open"])
    assert rest is not None
    left = sum(int(n.replace(",", "")) for n in re.findall(r"(?<![\w])[\d,]*\d", rest[1]))
    assert left + len(rows) == scores.height


def test_a_waterfall_ends_at_the_score(sample: Any) -> None:
    scores = table(sample, "score", "scores")
    live = scores.filter(~pl.col("is_stale"), pl.col("p_won_90").is_not_null())
    reasons = table(sample, "score", "score_reasons")

    waterfalls = charts(sample.html, "reasons")[::2]

    assert len(waterfalls) == 5
    for chart, row in zip(waterfalls, live.head(5).rows(named=True), strict=True):
        parts = reasons.filter(pl.col("opportunity_id") == row["opportunity_id"])["log_odds"]
        assert sum(drawn(chart, "part")) == pytest.approx(parts.sum())
        assert drawn(chart, "score") == pytest.approx([row["p_won_90"]])


def test_grades_and_owners_are_drawn_as_they_stand(sample: Any, page: Any) -> None:
    graded = table(sample, "score", "scores").filter(pl.col("grade").is_not_null()).sort("grade")
    chart = charts(sample.html, "pipeline")[0]
    owners = table(sample, "forecast", "dead_pipeline")

    for part, stale in (("live", False), ("stale", True)):
        of_part = pl.col("amount").filter(pl.col("is_stale") == stale).sum()
        amounts = graded.group_by("grade", maintain_order=True).agg(of_part)
        assert drawn(chart, part) == pytest.approx(amounts["amount"].to_list())
    assert drawn(charts(sample.html, "dead")[0], "dead") == owners["dead_amount"].head(12).to_list()
    rows = page.rows("Dead pipeline by owner")
    assert [r["owner"] for r in rows] == owners["sales_agent"].to_list()
    assert [r["dead amount"] for r in rows] == [count(a) for a in owners["dead_amount"]]


def test_quality_is_told_with_every_remedy(sample: Any, page: Any) -> None:
    found = [
        r for r in kept(sample, "validate", "quality_raw")["results"] if r["outcome"] == "failed"
    ]
    rows = page.rows("Checks that found something")

    assert {r["check"]: r["remedy"] for r in rows} == {r["code"]: r["remedy"] for r in found}
    lost = sorted((r["deduction"] for r in found if r["deduction"]), reverse=True)
    assert drawn(charts(sample.html, "quality")[0], "deduction") == lost


def test_calibration_and_skill_are_those_of_the_evaluation(sample: Any, page: Any) -> None:
    content = kept(sample, "evaluate", "evaluation")
    first = content["horizons"][0]

    bins = [b["observed"] for b in first["reliability"]]
    assert drawn(charts(sample.html, "reliability")[0], "bin") == bins
    skill = drawn(charts(sample.html, "skill")[0], f"{first['horizon_days']} days")
    others = [f["log_loss_skill"] for f in first["baselines"].values()]
    assert skill == [*others, first["log_loss_skill"]]
    told = page.sections["trust"]
    assert content["verdict"]["sentences"][0] in told
    assert content["choice"]["reason"] in told


def test_every_comparison_says_what_is_noise(sample: Any, page: Any) -> None:
    comparisons = kept(sample, "evaluate", "people")

    assert comparisons
    assert all(c["note"] in page.sections["people"] for c in comparisons)
    of_agents = next(c["table"] for c in comparisons if c["by"] == "sales_agent")
    most = sorted(of_agents, key=lambda r: -r["closed"])[:15]
    chart = charts(sample.html, "rates")[0]
    assert drawn(chart, "shrunk") == sorted((r["shrunk"] for r in most), reverse=True)


def test_the_closing_chances_are_those_of_the_model(sample: Any) -> None:
    fitted = kept(sample, "score", "scored_with")["fitted"]["table"]
    daily = np.asarray(fitted["closing"])[
        np.searchsorted(fitted["ages"], range(1, 15), "right") - 1
    ]

    cells = drawn(charts(sample.html, "chances")[0], "cell")

    assert cells[:14] == pytest.approx((1 - (1 - daily) ** 7).mean(axis=0).tolist())


def test_leaks_drift_and_origins_are_told(sample: Any, page: Any) -> None:
    leaks = kept(sample, "audit", "leak_audit")["leaks"]
    drift = kept(sample, "monitor", "drift")

    assert {r["field"] for r in page.rows("Fields that know the outcome")} >= set(leaks)
    assert drift["summary"] in page.sections["drift"]
    told = page.sections["origins"]
    assert sample.manifest.run_id in told
    assert sample.manifest.code["source_hash"] in told
    assert next(s for s in sample.manifest.steps if s.name == "ingest").objects["raw"] in told
