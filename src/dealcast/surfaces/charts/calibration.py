"""Do chances come true? By size of the chance, and over time."""

from math import ceil

import polars as pl
from markupsafe import Markup

from dealcast.surfaces.charts.scales import Scale, ticks
from dealcast.surfaces.charts.svg import HALF, Drawing, element, line, text
from dealcast.surfaces.words import count, month, share

TOP, LEFT, FOOT, RIGHT = 12, 44, 40, 14
TALL = 270


def reliability(bins: pl.DataFrame, *, horizon_days: int, width: int = HALF) -> Markup:
    """What was said against what came (predicted, observed, low, high, n per bin)."""
    rows = bins.rows(named=True)
    told = "; ".join(f"{share(r['predicted'])} said, {share(r['observed'])} came" for r in rows)
    title = f"Won within {horizon_days} days: said and came"
    drawing = Drawing("reliability", title, told, width, min(width, 430))
    entries = [
        ("circle", "main", "a tenth of the chances"),
        ("whisker", "", "95 % interval"),
        ("line", "axis dashed", "as said"),
    ]
    top = drawing.legend(entries, TOP) + 20
    marks = ticks(0, max([*(r["high"] or 0 for r in rows), *(r["predicted"] for r in rows), 0.05]))
    along = Scale(0, marks[-1], LEFT, width - RIGHT)
    up = Scale(0, marks[-1], drawing.height - FOOT, top)
    for value in marks:
        drawing.add(line(LEFT, up(value), width - RIGHT, up(value), "grid"))
        drawing.add(text(f"{value:.0%}", LEFT - 6, up(value) + 4, class_="muted", anchor="end"))
        drawing.add(text(f"{value:.0%}", along(value), up(0) + 16, class_="muted", anchor="middle"))
    drawing.add(line(along(0), up(0), along(marks[-1]), up(marks[-1]), "axis dashed"))
    drawing.add(
        text("chance that was said", (LEFT + width) / 2, drawing.height - 6, anchor="middle"),
        text("share that was won ↑", LEFT, top - 8, class_="muted"),
    )
    for r in rows:
        if r["low"] is not None:
            drawing.upright_whisker(along(r["predicted"]), up(r["low"]), up(r["high"]))
        words = f"{share(r['predicted'])} said, {share(r['observed'])} of {count(r['n'])} came"
        drawing.dot(
            along(r["predicted"]), up(r["observed"]), class_="main", told=words,
            data_mark="bin", data_x=repr(r["predicted"]), data_value=repr(r["observed"]),
        )  # fmt: skip
    return drawing.svg()


def wins_over_time(months: pl.DataFrame, *, width: int = HALF) -> Markup:
    """Wins by wins expected, per month of scoring (contract CalibrationOverTime, one horizon)."""
    rows = [r for r in months.sort("period").rows(named=True) if r["ratio"] is not None]
    told = "; ".join(
        f"{month(r['period'])}: {r['observed_wins']} of {r['expected_wins']:.0f} expected"
        for r in rows
    )
    title = "Wins by wins expected, by month of scoring"
    drawing = Drawing("over time", title, told, width, TALL)
    entries = [("circle", "main", "horizon has passed"), ("whisker", "", "95 % interval")]
    if any(r["basis"] != "matured" for r in rows):
        entries.append(("circle", "hollow", "as far as known"))
    top = drawing.legend(entries, TOP) + 12
    highest = max([*(r["ratio_high"] or r["ratio"] for r in rows), 1.2])
    marks = ticks(0, min(highest, 3.0))
    up = Scale(0, marks[-1], TALL - FOOT, top)
    for value in marks:
        drawing.add(line(LEFT, up(value), width, up(value), "grid"))
        drawing.add(text(f"{value:g} x", LEFT - 6, up(value) + 4, class_="muted", anchor="end"))
    drawing.add(line(LEFT, up(1), width, up(1), "axis dashed"))
    slot = (width - LEFT) / max(len(rows), 1)
    every = ceil(44 / slot)
    for at, r in enumerate(rows):
        x = LEFT + slot * (at + 0.5)
        if r["ratio_low"] is not None:
            ends = (up(min(r["ratio_low"], marks[-1])), up(min(r["ratio_high"], marks[-1])))
            drawing.upright_whisker(x, *ends)
        class_ = "main" if r["basis"] == "matured" else "hollow"
        words = f"{month(r['period'])}, {r['basis']}: {r['ratio']:.2f} times as many as expected"
        drawing.dot(
            x, up(min(r["ratio"], marks[-1])), class_=class_, told=words,
            data_mark=r["basis"], data_x=str(r["period"]), data_value=repr(r["ratio"]),
        )  # fmt: skip
        if not (len(rows) - 1 - at) % every:
            drawing.add(_month(r["period"], x))
    return drawing.svg()


def _month(period: object, x: float) -> Markup:
    name, year = month(str(period)).split(" ")
    words = (
        element("tspan", name, x=x, dy=0),
        element("tspan", year, x=x, dy=14, class_="muted"),
    )
    return element("text", *words, y=TALL - FOOT + 16, x=x, text_anchor="middle")
