"""Shares over time: how a chance, or a score, went on from one run to the next."""

from datetime import date

import polars as pl
from markupsafe import Markup

from dealcast.surfaces.charts.scales import Scale, ticks
from dealcast.surfaces.charts.svg import HALF, Drawing, element, line, text
from dealcast.surfaces.words import day, share

TOP, LEFT, RIGHT, FOOT, TALL = 12, 46, 22, 40, 250
FORMS = (("circle", "main"), ("square", "hollow"), ("diamond", "hollow-other"))
# Pixels that a day below the axis takes.
DAY_ROOM = 84


def course(points: pl.DataFrame, *, what: str, width: int = HALF) -> Markup:
    """A line per series (when: a date, series, value: a share 0-1; rows without one are left out).

    Series differ by the form of their marks too.
    """
    rows = points.drop_nulls("value").sort("when")
    names = rows["series"].unique(maintain_order=True).sort().to_list()
    told = "; ".join(f"{s} on {day(w)} {share(v)}" for w, s, v in _points(rows))
    drawing = Drawing("course", what, told, width, TALL)
    forms = dict(zip(names, FORMS * len(names), strict=False))
    top = drawing.legend([(*forms[n], n) for n in names], TOP) + 10
    low, high = (rows["value"].min() or 0.0, rows["value"].max() or 0.0)
    marks = ticks(max(float(low) - 0.01, 0.0), float(high) + 0.01)  # type: ignore[arg-type]
    up = Scale(marks[0], marks[-1], TALL - FOOT, top)
    decimals = 0 if marks[1] - marks[0] >= 0.01 else 1  # noqa: PLR2004 - one per cent
    for value in marks:
        drawing.add(line(LEFT, up(value), width, up(value), "grid"))
        label = f"{value:.{decimals}%}"
        drawing.add(text(label, LEFT - 6, up(value) + 4, class_="muted", anchor="end"))
    days: list[date] = rows["when"].unique().sort().to_list()
    span = (days[-1] - days[0]).days if days else 0
    along = Scale(0, span, LEFT + RIGHT, width - RIGHT)
    places = {d: along((d - days[0]).days) if span else (LEFT + width) / 2 for d in days}
    for name in names:
        path = [(places[w], up(v)) for w, s, v in _points(rows) if s == name]
        steps = " ".join(
            f"{'M' if not at else 'L'}{x:.1f} {y:.1f}" for at, (x, y) in enumerate(path)
        )
        drawing.add(element("path", d=steps, class_="line", aria_hidden="true"))
    for when, name, value in _points(rows):
        form, class_ = forms[name]
        drawing.dot(
            places[when], up(value), form, class_=class_,
            told=f"{name}, {day(when)}: {share(value)}",
            data_mark=name, data_x=str(when), data_value=repr(value),
        )  # fmt: skip
    _days(drawing, places)
    return drawing.svg()


def _days(drawing: Drawing, places: dict[date, float]) -> None:
    """The days below the axis, from the last one back as far as there is room."""
    reached = float(drawing.width + DAY_ROOM)
    for when, x in sorted(places.items(), key=lambda place: -place[1]):
        if reached - x < DAY_ROOM:
            continue
        at_edge = x > drawing.width - DAY_ROOM / 2
        end = drawing.width if at_edge else x
        anchor = "end" if at_edge else "middle"
        drawing.add(text(day(when), end, TALL - FOOT + 18, class_="muted", anchor=anchor))
        reached = x


def _points(rows: pl.DataFrame) -> list[tuple[date, str, float]]:
    return list(rows.select("when", "series", "value").iter_rows())
