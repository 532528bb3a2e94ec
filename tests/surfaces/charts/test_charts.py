"""What every chart must be; what each draws is that of the table it is given."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from dealcast.surfaces import charts
from dealcast.surfaces.charts.chances import DARKEST
from dealcast.surfaces.charts.svg import HALF, NARROW, WIDE

Marks = Callable[[str, str], list[dict[str, Any]]]
EVIL = "<script>alert(1)</script>\"'&"

HISTORY = pl.DataFrame(
    {"period_start": [date(2024, m, 1) for m in range(1, 5)], "booked": [100.0, 50.0, 200.0, 80.0]}
)
COMING = pl.DataFrame(
    {
        "period_start": [date(2024, 5, 1), date(2024, 6, 1)],
        "booked": [10.0, 0.0],
        "pipeline": [20.0, 5.0],
        "new_business": [30.0, 55.0],
        "forecast": [60.0, 60.0],
        "low": [40.0, None],
        "high": [90.0, None],
        "level": [0.8, 0.8],
    }
)
BESIDE = pl.DataFrame({"period_start": [date(2024, 5, 1)], "forecast": [50.0]})
GRADES = pl.DataFrame(
    {"grade": ["A", EVIL], "opportunities": [1, 7], "live": [30.0, 10.0], "stale": [0.0, 60.0]}
)
OWNERS = pl.DataFrame(
    {
        "sales_agent": ["Ann", EVIL, None],
        "open_amount": [100.0, 50.0, 0.0],
        "dead_amount": [25.0, 50.0, 0.0],
        "dead_share": [0.25, 1.0, None],
    }
)
CHECKS = pl.DataFrame({"code": ["DQ1", "DQ2"], "title": ["Blank", EVIL], "deduction": [0.2, 0.05]})
SIZES = pl.DataFrame(
    {"what": ["rate: arrivals", EVIL], "level": ["alert", "ok"], "times": [3.0, 0.5]}
)
BINS = pl.DataFrame(
    {
        "n": [100, 100],
        "predicted": [0.1, 0.4],
        "observed": [0.2, 0.3],
        "low": [0.15, None],
        "high": [0.25, None],
    }
)
MONTHS = pl.DataFrame(
    {
        "period": [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)],
        "basis": ["matured", "estimate", "matured"],
        "expected_wins": [10.0, 20.0, 0.0],
        "observed_wins": [12, 10, 0],
        "ratio": [1.2, 0.5, None],
        "ratio_low": [0.8, None, None],
        "ratio_high": [1.6, None, None],
    }
)
SKILL = pl.DataFrame(
    {
        "estimator": ["age", "age", EVIL, EVIL],
        "horizon_days": [30, 60, 30, 60],
        "skill": [0.1, -0.05, 0.2, None],
        "low": [None, None, 0.15, None],
        "high": [None, None, 0.25, None],
    }
)
PARTS = pl.DataFrame({"words": ["base rate", EVIL, "late"], "log_odds": [-1.0, 0.8, -0.3]})
CELLS = pl.DataFrame(
    {"ages": ["1-14", "1-14", "15-28"], "week": [1, 2, 1], "chance": [0.4, 0.0, 0.1]}
)
RATES = pl.DataFrame(
    {
        "name": ["Ann", EVIL],
        "rate": [0.7, 0.5],
        "low": [0.6, 0.2],
        "high": [0.8, 0.8],
        "shrunk": [0.65, 0.62],
    }
)

DRAWN: dict[str, Callable[[int], str]] = {
    "bookings": lambda w: charts.bookings(HISTORY, COMING, BESIDE, currency=EVIL, width=w),
    "pipeline": lambda w: charts.pipeline_by_grade(GRADES, currency=EVIL, width=w),
    "owners": lambda w: charts.dead_by_owner(OWNERS, currency="EUR", width=w),
    "checks": lambda w: charts.quality_deductions(CHECKS, width=w),
    "drift": lambda w: charts.drift_sizes(SIZES, width=w),
    "reliability": lambda w: charts.reliability(BINS, horizon_days=30, width=w),
    "wins": lambda w: charts.wins_over_time(MONTHS, width=w),
    "skill": lambda w: charts.skill(SKILL, chosen=EVIL, width=w),
    "reasons": lambda w: charts.reasons(PARTS, name=EVIL, width=w),
    "rates": lambda w: charts.rates(RATES, what="win rate", overall=0.63, width=w),
    "chances": lambda w: charts.closing_chances(CELLS, width=w),
}


@pytest.mark.parametrize("width", [NARROW, HALF, WIDE])
@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_whole_says_what_it_shows_and_stays_within_its_width(
    name: str, width: int
) -> None:
    drawing = ET.fromstring(DRAWN[name](width))

    assert drawing.get("role") == "img"
    assert [child.tag for child in drawing[:2]] == ["title", "desc"]
    assert all(child.text for child in drawing[:2])
    assert drawing.find(".//script") is None
    for mark in drawing.iter("rect"):
        if mark.get("transform") is None:
            left, broad = float(mark.get("x", 0)), float(mark.get("width", 0))
            assert -0.5 <= left <= left + broad <= width + 0.5
    places = [float(t.get("y", 0)) for t in drawing.iter("text")]
    assert max(places) <= float(drawing.get("height", 0))


@pytest.mark.parametrize("name", DRAWN)
def test_a_name_from_the_data_stays_text(name: str) -> None:
    svg = DRAWN[name](WIDE)

    assert "<script" not in svg
    assert ET.fromstring(svg).find(".//script") is None


@pytest.mark.parametrize(
    "svg",
    [
        charts.bookings(HISTORY.clear(), COMING.clear(), BESIDE.clear(), currency="USD"),
        charts.pipeline_by_grade(GRADES.clear(), currency="USD"),
        charts.dead_by_owner(OWNERS.clear(), currency="USD"),
        charts.reliability(BINS.clear(), horizon_days=30),
        charts.wins_over_time(MONTHS.clear()),
        charts.skill(SKILL.clear(), chosen="age"),
        charts.closing_chances(CELLS.clear()),
        charts.rates(RATES.clear(), what="win rate", overall=0.5),
    ],
)
def test_a_chart_of_nothing_is_empty_not_broken(svg: str) -> None:
    assert not [e for e in ET.fromstring(svg).iter() if e.get("data-mark")]


def test_bookings_are_drawn_as_they_are(marks: Marks) -> None:
    svg = DRAWN["bookings"](WIDE)

    booked = marks(svg, "booked")
    assert [m["data-value"] for m in booked] == [*HISTORY["booked"], 10.0]
    assert [m["data-x"] for m in booked] == [*map(str, HISTORY["period_start"]), "2024-05-01"]
    heights = [m["height"] / m["data-value"] for m in booked]
    assert heights == pytest.approx([heights[0]] * 5, rel=1e-2)
    assert [m["data-value"] for m in marks(svg, "pipeline")] == [20.0, 5.0]
    assert [m["data-value"] for m in marks(svg, "new_business")] == [30.0, 55.0]
    assert [(m["data-low"], m["data-high"]) for m in marks(svg, "interval")] == [(40.0, 90.0)]
    assert [m["data-value"] for m in marks(svg, "beside")] == [50.0]


def test_the_parts_of_a_month_stand_on_each_other(marks: Marks) -> None:
    svg = DRAWN["bookings"](WIDE)

    booked, opened, new = (
        next(m for m in marks(svg, part) if m["data-x"] == "2024-05-01")
        for part in ("booked", "pipeline", "new_business")
    )
    assert booked["y"] == pytest.approx(opened["y"] + opened["height"], abs=0.05)
    assert opened["y"] == pytest.approx(new["y"] + new["height"], abs=0.05)


def test_on_a_telephone_the_latest_months_of_history_are_drawn(marks: Marks) -> None:
    months = pl.date_range(date(2023, 1, 1), date(2024, 4, 1), "1mo", eager=True)
    history = pl.DataFrame({"period_start": months, "booked": [1.0] * len(months)})

    svg = charts.bookings(history, COMING, BESIDE, currency="USD", width=NARROW)

    drawn = [m["data-x"] for m in marks(svg, "booked")][:-1]
    assert drawn == [str(m) for m in months[-6:]]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("pipeline", {"live": [30.0, 10.0], "stale": [0.0, 60.0]}),
        ("owners", {"live": [75.0, 0.0, 0.0], "dead": [25.0, 50.0, 0.0]}),
        ("checks", {"deduction": [0.2, 0.05]}),
        ("drift", {"alert": [3.0], "ok": [0.5]}),
    ],
)
def test_bars_are_as_long_as_their_figures(
    name: str, parts: dict[str, list[float]], marks: Marks
) -> None:
    svg = DRAWN[name](WIDE)

    drawn = {part: marks(svg, part) for part in parts}
    assert {p: [m["data-value"] for m in found] for p, found in drawn.items()} == parts
    long = [m["width"] / m["data-value"] for found in drawn.values() for m in found
            if m["data-value"]]  # fmt: skip
    assert long == pytest.approx([long[0]] * len(long), rel=1e-2)


def test_what_is_dead_is_hatched_and_named_not_only_coloured() -> None:
    drawing = ET.fromstring(DRAWN["owners"](WIDE))

    words = [t.text for t in drawing.iter("text")]
    assert {"live", "dead", "25% of 100"} <= set(words)
    assert len(drawing.findall("path[@class='hatch']")) == 1 + 2  # the legend, and two owners


def test_reliability_lies_on_the_diagonal_where_said_is_what_came(marks: Marks) -> None:
    true = BINS.with_columns(observed="predicted")

    said = marks(charts.reliability(BINS, horizon_days=30), "bin")
    right = marks(charts.reliability(true, horizon_days=30), "bin")

    assert [(m["data-x"], m["data-value"]) for m in said] == [(0.1, 0.2), (0.4, 0.3)]
    (x1, y1), (x2, y2) = ((m["cx"], m["cy"]) for m in right)
    (_, above), (_, below) = ((m["cx"], m["cy"]) for m in said)
    assert x2 > x1
    assert y2 < y1
    assert above < y1
    assert below > y2


def test_a_month_not_matured_yet_is_hollow_and_one_without_ratio_left_out(marks: Marks) -> None:
    svg = DRAWN["wins"](HALF)

    matured, estimates = marks(svg, "matured"), marks(svg, "estimate")
    assert [m["data-value"] for m in matured] == [1.2]
    assert [(m["data-value"], m["class"]) for m in estimates] == [(0.5, "hollow")]


def test_skill_has_a_form_for_each_horizon(marks: Marks) -> None:
    svg = DRAWN["skill"](HALF)

    short, long = marks(svg, "30 days"), marks(svg, "60 days")
    assert [m["data-value"] for m in short] == [0.1, 0.2]
    assert [m["data-value"] for m in long] == [-0.05]
    assert all("cx" in m for m in short)
    assert all("cx" not in m for m in long)


def test_the_waterfall_ends_at_the_score(marks: Marks) -> None:
    svg = DRAWN["reasons"](HALF)

    parts = [m["data-value"] for m in marks(svg, "part")]
    assert parts == PARTS["log_odds"].to_list()
    (score,) = marks(svg, "score")
    assert score["data-value"] == pytest.approx(1 / (1 + 2.718281828459045**0.5))
    up, down = marks(svg, "part")[1:]
    assert up["width"] / 0.8 == pytest.approx(down["width"] / 0.3, rel=1e-2)
    assert up["x"] + up["width"] == pytest.approx(down["x"] + down["width"], abs=0.05)


def test_rates_are_drawn_as_counted_and_as_drawn_to_the_mean(marks: Marks) -> None:
    svg = DRAWN["rates"](HALF)

    counted, shrunk = marks(svg, "rate"), marks(svg, "shrunk")
    assert [m["data-value"] for m in counted] == [0.7, 0.5]
    assert [m["data-value"] for m in shrunk] == [0.65, 0.62]
    assert counted[0]["cx"] > shrunk[0]["x"] + shrunk[0]["width"] / 2
    assert counted[1]["cx"] < shrunk[1]["x"] + shrunk[1]["width"] / 2


def test_a_cell_says_its_figure_and_is_darker_the_larger_it_is(marks: Marks) -> None:
    svg = DRAWN["chances"](WIDE)

    cells = marks(svg, "cell")
    assert [m["data-value"] for m in cells] == CELLS["chance"].to_list()
    high, none, low = (m["fill-opacity"] for m in cells)
    assert high > low > none
    words = [t.text for t in ET.fromstring(svg).iter("text")]
    assert {"40", "10"} <= set(words)


def light(colour: list[float]) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_stands_out_from_the_darkest_cell(theme: str) -> None:
    found = re.findall(r"--(ink|paper|main): #(\w{6})", charts.style(theme))
    colour = {name: [int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for name, code in found}
    mixed = zip(colour["main"], colour["paper"], strict=True)

    cell = light([DARKEST * m + (1 - DARKEST) * p for m, p in mixed])
    ink = light(colour["ink"])

    assert (max(cell, ink) + 0.05) / (min(cell, ink) + 0.05) >= 4.5


def test_words_that_are_too_long_go_on_below_and_are_not_cut() -> None:
    words = "few opportunities engaged in the same fortnight stay open"
    parts = pl.DataFrame({"words": ["base rate", words], "log_odds": [-1.0, 0.8]})

    narrow = ET.fromstring(str(charts.reasons(parts, name="x", width=NARROW)))
    texts = [e.text or "" for e in narrow.iter() if e.tag.endswith("text")]

    assert words not in texts
    assert not any("…" in t for t in texts)
    assert set(words.split()) <= {w for t in texts for w in t.split()}


def test_a_figure_and_the_mark_of_the_plain_method_do_not_meet() -> None:
    beside = COMING.select("period_start", "forecast")
    drawn = ET.fromstring(
        str(charts.bookings(HISTORY[:0], COMING, beside, currency="USD", width=WIDE))
    )
    figures = [e for e in drawn.iter() if e.tag.endswith("text") and e.text == "60"]
    marks = [e for e in drawn.iter() if e.get("data-mark") == "beside"]

    middles = [float(e.attrib["y"]) + float(e.attrib["height"]) / 2 for e in marks]
    apart = [m - float(f.attrib["y"]) for f, m in zip(figures, middles, strict=True)]

    assert apart
    assert all(a >= 8 or a <= -16 for a in apart)
