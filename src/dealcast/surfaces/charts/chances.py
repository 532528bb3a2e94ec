"""When opportunities close: by age, and by week of the quarter."""

import polars as pl
from markupsafe import Markup

from dealcast.surfaces.charts.svg import WIDE, Drawing, element, text

ROW, TOP, LEFT = 24, 34, 62
# How opaque the cells of no chance and of the largest are: figures stand out from either (4.5:1).
PALEST, DARKEST = 0.05, 0.55


def closing_chances(cells: pl.DataFrame, *, width: int = WIDE) -> Markup:
    """Chance (0-1) to close within a week (ages, week, chance), in each age band and week.

    Every cell holds its figure in per cent; the darker it is, the larger.
    """
    ages = cells["ages"].unique(maintain_order=True).to_list()
    weeks = sorted(cells["week"].unique().to_list())
    largest = max([*cells["chance"], 1e-9])
    slot = (width - LEFT) / max(len(weeks), 1)
    drawing = Drawing(
        "chances",
        "Chance to close within a week, in per cent",
        f"By age in days and week of the quarter; at most {largest:.0%}.",
        width,
        TOP + ROW * len(ages) + 4,
    )
    drawing.add(text("days open", 0, TOP - 8, class_="muted"))
    drawing.add(text("week of the quarter", LEFT, 10, class_="muted"))
    for week in weeks:
        middle = LEFT + slot * (weeks.index(week) + 0.5)
        drawing.add(text(str(week), middle, TOP - 8, class_="muted", anchor="middle"))
    for at, age in enumerate(ages):
        drawing.add(text(age, LEFT - 10, TOP + ROW * at + 16, anchor="end"))
    for r in cells.iter_rows(named=True):
        x, y = LEFT + slot * weeks.index(r["week"]), TOP + ROW * ages.index(r["ages"])
        drawing.add(_cell(r, x, y, slot, r["chance"] / largest))
    return drawing.svg()


def _cell(row: dict[str, object], x: float, y: float, slot: float, shade: float) -> Markup:
    chance = float(str(row["chance"]))
    told = f"{row['ages']} days open, week {row['week']}: {chance:.1%} close within the week"
    rect = element(
        "rect", element("title", told), x=x + 1, y=y + 1, width=slot - 2, height=ROW - 2,
        class_="main", fill_opacity=round(PALEST + (DARKEST - PALEST) * shade, 3),
        data_mark="cell", data_x=f"{row['ages']}|{row['week']}", data_value=repr(chance),
    )  # fmt: skip
    figure = element("text", f"{chance * 100:.0f}", x=x + slot / 2, y=y + 16, text_anchor="middle")
    return rect + figure
