"""Forecasts of periods that are over, beside what came."""

import polars as pl
from markupsafe import Markup

from dealcast.surfaces.charts.scales import Scale, ticks
from dealcast.surfaces.charts.svg import WIDE, Drawing, line, text
from dealcast.surfaces.words import count, month, short

TOP, LEFT, FOOT, TALL = 12, 46, 40, 280
NAME_ROOM = 40  # pixels of a month's name


def hindsight(periods: pl.DataFrame, *, currency: str, width: int = WIDE) -> Markup:
    """Months (period_start, forecast, low, high, actual); low and high null: no interval."""
    rows = periods.sort("period_start").rows(named=True)
    told = "; ".join(
        f"{month(r['period_start'])}: {count(r['forecast'])} said, {count(r['actual'])} came"
        for r in rows
    )
    title = f"Months forecast and what came, {currency}"
    drawing = Drawing("hindsight", title, told, width, TALL)
    entries = [
        ("bar", "quiet", "what came"),
        ("circle", "main", "forecast a month ahead"),
        ("whisker", "", "its interval"),
    ]
    top = drawing.legend(entries, TOP) + 10
    tops = [r[k] for r in rows for k in ("forecast", "high", "actual") if r[k] is not None]
    marks = ticks(0, max([*tops, 1.0]))
    up = Scale(0, marks[-1], TALL - FOOT, top)
    for value in marks:
        drawing.add(line(LEFT, up(value), width, up(value), "grid"))
        drawing.add(text(short(value), LEFT - 6, up(value) + 4, class_="muted", anchor="end"))
    slot = (width - LEFT) / max(len(rows), 1)
    every = max(1, round(NAME_ROOM / slot + 0.49))
    for at, r in enumerate(rows):
        x, when = LEFT + slot * (at + 0.5), r["period_start"]
        drawing.bar(
            x - slot * 0.3, up(r["actual"]), slot * 0.6, up(0) - up(r["actual"]),
            class_="quiet", told=f"{month(when)}: {count(r['actual'])} came",
            data_mark="actual", data_x=str(when), data_value=repr(r["actual"]),
        )  # fmt: skip
        if r["low"] is not None:
            drawing.upright_whisker(x, up(r["low"]), up(r["high"]))
        drawing.dot(
            x, up(r["forecast"]), class_="main", told=f"{month(when)}: {count(r['forecast'])} said",
            data_mark="forecast", data_x=str(when), data_value=repr(r["forecast"]),
        )  # fmt: skip
        if not (len(rows) - 1 - at) % every:
            name, year = month(when).split(" ")
            drawing.add(text(name, x, TALL - FOOT + 16, anchor="middle"))
            drawing.add(text(year, x, TALL - FOOT + 30, class_="muted", anchor="middle"))
    return drawing.svg()
