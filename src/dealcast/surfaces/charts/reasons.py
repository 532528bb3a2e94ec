"""Why a chance is what it is: from the base rate, part by part, to the score."""

import math

import polars as pl
from markupsafe import Markup

from dealcast.surfaces.charts.scales import Scale
from dealcast.surfaces.charts.svg import HALF, Drawing, line, text, wrapped
from dealcast.surfaces.words import share

ROW, LINE, THICK, TOP = 40, 15, 14, 18
# Chances that may be marked on the axis, the first that have room (pixels) before the others.
MARKED = (0.5, 0.2, 0.8, 0.05, 0.95, 0.01, 0.99, 0.001, 0.35, 0.65, 0.1, 0.9)
MARKS_APART = 40
FIGURE_ROOM = 84


def reasons(parts: pl.DataFrame, *, name: str, width: int = HALF) -> Markup:
    """A waterfall of the parts of one score (words, log_odds; the base rate first)."""
    rows = list(parts.select("words", "log_odds").iter_rows())
    reached = [0.0]
    for _, size in rows:
        reached.append(reached[-1] + size)
    ends = reached[1:] or [0.0]
    along = Scale(min(ends) - 0.4, max(ends) + 0.4, 0, width - FIGURE_ROOM)
    told = "; ".join(f"{words} {size:+.2f}" for words, size in rows)
    about = f"From a base rate of {share(_chance(ends[0]))} to {share(_chance(ends[-1]))}: {told}"
    names = [wrapped(words, width) for words, _ in rows]
    tops = [TOP + ROW * at + LINE * sum(len(n) - 1 for n in names[: at + 1])
            for at in range(len(rows))]  # fmt: skip
    score = (tops[-1] if tops else TOP - ROW) + ROW
    foot = score + ROW
    drawing = Drawing("reasons", f"Why {name} is scored so", about, width, foot + 4)
    _axis(drawing, along, foot)
    for at, top in enumerate(tops):
        for above, words in enumerate(reversed(names[at])):
            drawing.add(text(words, 0, top + 14 - LINE * above))
        if at < len(tops) - 1:
            drawing.add(line(along(ends[at]), top + 25, along(ends[at]), tops[at + 1] + 18, "grid"))
        _part(drawing, rows[at], top, ends[max(at - 1, 0) : at + 1], along)
    drawing.add(text("the score", 0, score + 14, class_="strong"))
    drawing.dot(
        along(ends[-1]), score + 25, class_="main",
        data_mark="score", data_value=repr(_chance(ends[-1])),
    )  # fmt: skip
    drawing.add(text(share(_chance(ends[-1])), along(ends[-1]) + 9, score + 29, class_="strong"))
    return drawing.svg()


def _axis(drawing: Drawing, along: Scale, foot: float) -> None:
    """Chances along the top, with a line down from each."""
    marked: list[float] = []
    for chance in MARKED:
        at = along(_log_odds(chance))
        near = any(abs(at - other) < MARKS_APART for other in marked)
        if 12 <= at <= drawing.width - FIGURE_ROOM and not near:  # noqa: PLR2004 - half a label
            marked.append(at)
            drawing.add(line(at, TOP, at, foot, "grid"))
            drawing.add(text(f"{chance:.1%}" if chance < 0.01 else f"{chance:.0%}",  # noqa: PLR2004
                             at, TOP - 6, class_="muted", anchor="middle"))  # fmt: skip


def _part(
    drawing: Drawing, part: tuple[str, float], y: float, ends: list[float], along: Scale
) -> None:
    """One step of the waterfall, from the one end to the other; the first has one end only."""
    words, size = part
    mark = {"data_mark": "part", "data_x": words, "data_value": repr(size)}
    if len(ends) == 1:
        x = along(ends[0])
        drawing.dot(x, y + 25, class_="hollow", told=words, **mark)
        drawing.add(text(share(_chance(ends[0])), x + 9, y + 29, class_="strong"))
        return
    left, right = sorted(map(along, ends))
    class_, hatched = ("main", None) if size >= 0 else ("other", "yes")
    drawing.bar(
        left, y + 18, max(right - left, 1.5), THICK,
        class_=class_, hatched=hatched, told=f"{words}: {size:+.2f}", **mark,
    )  # fmt: skip
    drawing.add(text(_signed(size), right + 7, y + 29, class_="strong"))


def _signed(size: float) -> str:
    return "0.00" if round(size, 2) == 0 else f"{'▲' if size > 0 else '▼'} {size:+.2f}"


def _chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _log_odds(chance: float) -> float:
    return math.log(chance / (1 - chance))
