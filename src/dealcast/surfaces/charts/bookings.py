"""Bookings by month: what came, what is expected, how sure that is, and a plain method beside."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import polars as pl
from markupsafe import Markup

from dealcast.surfaces.charts.scales import Scale, ticks
from dealcast.surfaces.charts.svg import WIDE, Drawing, element, line, text
from dealcast.surfaces.words import count, month, short

HEIGHT, TOP, LEFT, RIGHT, FOOT = 330, 12, 46, 8, 44
# Months of history that are drawn, by the width of the drawing.
HISTORY, HISTORY_NARROW = 12, 6
# Pixels: from a bar to its figure, the height of that, and how near to its middle a mark hides it.
ABOVE, LETTER, MARK = 6, 10, 14
LABELLED_FROM = 44  # pixels of a month, so that every one has its name and figure


def bookings(  # noqa: PLR0913 - what is drawn, and how
    history: pl.DataFrame,
    forecast: pl.DataFrame,
    beside: pl.DataFrame,
    *,
    currency: str,
    beside_words: str = "same month last quarter",
    width: int = WIDE,
) -> Markup:
    """Months that are over (`history`: period_start, booked) and to come (contract Forecast).

    `beside`: period_start and forecast of a plainer method, which `beside_words` names. Rows that
    are no months are left out by whoever calls.
    """
    past = history.sort("period_start").tail(HISTORY if width >= WIDE else HISTORY_NARROW)
    coming = forecast.sort("period_start")
    plain = dict(beside.select("period_start", "forecast").iter_rows())
    drawing = Drawing(
        "bookings", "Bookings by month", _about(coming, currency), width, HEIGHT + FOOT
    )
    foot = drawing.legend(_legend(coming, plain, beside_words), TOP)
    tops = [*past["booked"], *coming["forecast"], *coming["high"].drop_nulls(), *plain.values()]
    marks = ticks(0, max([*tops, 1.0]))
    up = Scale(0, marks[-1], HEIGHT - 4, foot + 14)
    for value in marks:
        drawing.add(line(LEFT, up(value), width, up(value), "grid"))
        drawing.add(text(short(value), LEFT - 6, up(value) + 4, class_="muted", anchor="end"))
    rows = [*past.iter_rows(named=True), *coming.iter_rows(named=True)]
    slot = (width - LEFT - RIGHT) / max(len(rows), 1)
    for at, row in enumerate(rows):
        middle = LEFT + slot * (at + 0.5)
        if at < past.height:
            _past(drawing, row, middle, slot, up)
        else:
            _coming(drawing, row, middle, slot, up)
            _plain(drawing, row, (plain, beside_words), middle, up)
            if slot >= LABELLED_FROM:
                _figure(drawing, row, plain.get(row["period_start"]), middle, up)
        _name(drawing, row, middle, slot, len(rows) - 1 - at)
    if past.height and coming.height:
        today = LEFT + slot * past.height
        drawing.add(line(today, foot + 2, today, HEIGHT - 4, "axis dashed"))
        drawing.add(text("expected →", today + 5, foot + 10, class_="muted"))
    return drawing.svg()


def _past(drawing: Drawing, row: dict[str, Any], middle: float, slot: float, up: Scale) -> None:
    told = f"{month(row['period_start'])}: {count(row['booked'])} booked"
    mark = {"data_mark": "booked", "data_x": str(row["period_start"]), "told": told}
    top = up(row["booked"])
    drawing.bar(
        middle - slot * 0.31, top, slot * 0.62, up(0) - top,
        class_="quiet", data_value=repr(row["booked"]), **mark,
    )  # fmt: skip


def _coming(drawing: Drawing, row: dict[str, Any], middle: float, slot: float, up: Scale) -> None:
    """What is booked or open, then new business on it, and the interval of the whole."""
    x, width, base = middle - slot * 0.31, slot * 0.62, 0.0
    for part, class_, hatched in (
        ("booked", "quiet", None),
        ("pipeline", "main", None),
        ("new_business", "main", "yes"),
    ):
        top, foot = up(base + row[part]), up(base)
        told = f"{month(row['period_start'])}: {count(row[part])} {part.replace('_', ' ')}"
        if row[part] > 0:
            drawing.bar(
                x, top, width, foot - top,
                class_=class_, hatched=hatched, told=told, data_mark=part,
                data_x=str(row["period_start"]), data_value=repr(row[part]),
            )  # fmt: skip
        base += row[part]
    if row["low"] is not None:
        drawing.upright_whisker(middle, up(row["low"]), up(row["high"]))
        drawing.add(
            element("g", data_mark="interval", data_x=str(row["period_start"]),
                    data_low=repr(row["low"]), data_high=repr(row["high"]))
        )  # fmt: skip


def _figure(
    drawing: Drawing, row: dict[str, Any], plain: float | None, middle: float, up: Scale
) -> None:
    """The whole, above its interval, and above the mark of the plain method where that is near."""
    y = up(row["high"] if row["high"] is not None else row["forecast"]) - ABOVE
    if plain is not None and -MARK < up(plain) - (y - LETTER / 2) < MARK:
        y = up(plain) - MARK / 2 - ABOVE / 2
    drawing.add(text(short(row["forecast"]), middle, y, class_="strong", anchor="middle"))


def _plain(
    drawing: Drawing,
    row: dict[str, Any],
    beside: tuple[dict[Any, float], str],
    middle: float,
    up: Scale,
) -> None:
    plain, words = beside
    value = plain.get(row["period_start"])
    if value is None:
        return
    told = f"{month(row['period_start'])}: {count(value)}, {words}"
    drawing.dot(
        middle, up(value), "diamond", class_="hollow-other", told=told,
        data_mark="beside", data_x=str(row["period_start"]), data_value=repr(value),
    )  # fmt: skip


def _name(drawing: Drawing, row: dict[str, Any], middle: float, slot: float, later: int) -> None:
    """The month below its bar; where there is little room, of every second or third."""
    every = ceil(30 / slot)
    if later % every:
        return
    name, year = month(row["period_start"]).split(" ")
    drawing.add(text(name, middle, HEIGHT + 14, anchor="middle"))
    drawing.add(text(year, middle, HEIGHT + 29, class_="muted", anchor="middle"))


def _legend(
    coming: pl.DataFrame, plain: dict[Any, float], beside_words: str
) -> list[tuple[str, str, str]]:
    levels = coming["level"].to_list()
    entries = [
        ("bar", "quiet", "booked"),
        ("bar", "main", "from open opportunities"),
        ("hatched", "main", "from new business"),
    ]
    if coming["low"].drop_nulls().len():
        entries.append(("whisker", "", f"{levels[0]:.0%} interval"))
    if plain:
        entries.append(("diamond", "hollow-other", beside_words))
    return entries


def _about(coming: pl.DataFrame, currency: str) -> str:
    return "Expected: " + "; ".join(_told(coming.rows(named=True), currency)) + "."


def _told(rows: Sequence[dict[str, Any]], currency: str) -> list[str]:
    return [
        f"{month(r['period_start'])} {count(r['forecast'])} {currency}"
        + ("" if r["low"] is None else f" ({count(r['low'])} to {count(r['high'])})")
        for r in rows
    ]
