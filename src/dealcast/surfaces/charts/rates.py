"""Rates by entity with their intervals: do they differ, or could it be chance?"""

import polars as pl
from markupsafe import Markup

from dealcast.surfaces.charts.scales import Scale, ticks
from dealcast.surfaces.charts.svg import HALF, Drawing, cut, line, text
from dealcast.surfaces.words import share

ROW, TOP, LEFT, RIGHT = 22, 12, 128, 50


def rates(table: pl.DataFrame, *, what: str, overall: float, width: int = HALF) -> Markup:
    """A row per entity (name, rate, low, high, shrunk: shares 0-1), beside the share of all."""
    rows = table.rows(named=True)
    told = "; ".join(f"{r['name']} {share(r['shrunk'])}" for r in rows)
    about = f"Of all {share(overall)}. Drawn to the mean as far as chance goes: {told}"
    drawing = Drawing("rates", what, about, width, 0)
    entries = [
        ("circle", "hollow", "as counted"),
        ("whisker", "", "95 % interval"),
        ("diamond", "main", "drawn to the mean"),
        ("line", "axis dashed", "all"),
    ]
    top = drawing.legend(entries, TOP) + 4
    ends = [r[end] for r in rows for end in ("low", "high") if r[end] is not None]
    marks = ticks(min([*ends, overall]), max([*ends, overall]))
    along = Scale(marks[0], marks[-1], LEFT, width - RIGHT)
    foot = top + ROW * len(rows)
    for value in marks:
        drawing.add(line(along(value), top, along(value), foot, "grid"))
        drawing.add(text(f"{value:.0%}", along(value), foot + 16, class_="muted", anchor="middle"))
    drawing.add(line(along(overall), top, along(overall), foot, "axis dashed"))
    for at, r in enumerate(rows):
        y = top + ROW * (at + 0.5)
        drawing.add(text(cut(r["name"], LEFT - 12), LEFT - 10, y + 4, anchor="end"))
        drawing.level_whisker(y, along(r["low"]), along(r["high"]))
        counted = f"{r['name']}: {share(r['rate'])} as counted"
        drawing.dot(along(r["rate"]), y, class_="hollow", told=counted, data_mark="rate",
                    data_x=r["name"], data_value=repr(r["rate"]))  # fmt: skip
        shrunk = f"{r['name']}: {share(r['shrunk'])} drawn to the mean"
        drawing.dot(along(r["shrunk"]), y, "diamond", class_="main", told=shrunk,
                    data_mark="shrunk", data_x=r["name"], data_value=repr(r["shrunk"]))  # fmt: skip
        drawing.add(text(share(r["shrunk"]), width, y + 4, class_="muted", anchor="end"))
    drawing.height = foot + 24
    return drawing.svg()
