"""How much better than knowing nothing but the share won: each estimator, at each horizon."""

import polars as pl
from markupsafe import Markup

from dealcast.surfaces.charts.scales import Scale, ticks
from dealcast.surfaces.charts.svg import HALF, Drawing, line, text
from dealcast.surfaces.words import figure

ROW, TOP, LEFT, APART = 42, 12, 108, 11
FORMS = ("circle", "square", "diamond")


def skill(figures: pl.DataFrame, *, chosen: str, width: int = HALF) -> Markup:
    """Log-loss skill of each estimator (rows) and horizon (marks).

    `figures`: estimator, horizon_days, skill, and low and high where an interval is known.
    """
    estimators = figures["estimator"].unique(maintain_order=True).to_list()
    horizons = sorted(figures["horizon_days"].unique().to_list())
    forms = dict(zip(horizons, FORMS * len(horizons), strict=False))
    rows = figures.filter(pl.col("skill").is_not_null()).rows(named=True)
    told = "; ".join(
        f"{r['estimator']} at {r['horizon_days']} days {figure(r['skill'])}" for r in rows
    )
    drawing = Drawing("skill", "Skill on later dates", told, width, 0)
    keys = [(forms[h], "main", f"within {h} days") for h in horizons]
    top = drawing.legend(keys, TOP) + 10
    ends = [r[end] for r in rows for end in ("skill", "low", "high") if r[end] is not None]
    marks = ticks(min([*ends, 0.0]), max([*ends, 0.1]))
    along = Scale(marks[0], marks[-1], LEFT, width - 16)
    foot = top + ROW * len(estimators)
    for value in marks:
        drawing.add(line(along(value), top, along(value), foot, "grid"))
        drawing.add(text(f"{value:g}", along(value), foot + 16, class_="muted", anchor="middle"))
    drawing.add(line(along(0), top, along(0), foot, "axis dashed"))
    for at, estimator in enumerate(estimators):
        is_chosen, y = estimator == chosen, top + ROW * (at + 0.5)
        drawing.add(
            text(estimator, LEFT - 10, y + 4, class_="strong" if is_chosen else "", anchor="end")
        )
        if is_chosen:
            drawing.add(text("chosen", LEFT - 10, y + 16, class_="muted", anchor="end"))
        for r in (r for r in rows if r["estimator"] == estimator):
            place = y + APART * (horizons.index(r["horizon_days"]) - (len(horizons) - 1) / 2)
            if r["low"] is not None:
                drawing.level_whisker(place, along(r["low"]), along(r["high"]))
            drawing.dot(
                along(r["skill"]), place, forms[r["horizon_days"]],
                class_="main" if is_chosen else "hollow",
                told=f"{estimator}, within {r['horizon_days']} days: {figure(r['skill'])}",
                data_mark=f"{r['horizon_days']} days", data_x=estimator,
                data_value=repr(r["skill"]),
            )  # fmt: skip
    drawing.height = foot + 24
    return drawing.svg()
