"""Bars from left to right, each with its name and figure: what is how much of a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from dealcast.surfaces.charts.scales import Scale
from dealcast.surfaces.charts.svg import HALF, WIDE, Drawing, cut, line, text
from dealcast.surfaces.words import count, counted, short

ROW, THICK, TOP = 40, 14, 12
# Beyond the bar there must be room for its figure (pixels).
FIGURE_ROOM = 96


@dataclass(frozen=True)
class Bar:
    """One bar: its name above it, parts that add up (figure, class, hatched), words behind it."""

    name: str
    parts: tuple[tuple[str, float, str, bool], ...]
    figure: str

    @property
    def total(self) -> float:
        """The length of it."""
        return sum(value for _, value, _, _ in self.parts)


def pipeline_by_grade(rows: pl.DataFrame, *, currency: str, width: int = HALF) -> Markup:
    """Open amount by grade, `live` and `stale` apart (grade, opportunities, live, stale)."""
    bars = [
        Bar(
            f"{r['grade']} · {counted(r['opportunities'], 'opportunity', 'opportunities')}",
            (("live", r["live"], "main", False), ("stale", r["stale"], "quiet", True)),
            short(r["live"] + r["stale"]),
        )
        for r in rows.iter_rows(named=True)
    ]
    told = "; ".join(
        f"{r['grade']}: {count(r['live'])} {currency} live, {count(r['stale'])} stale"
        for r in rows.iter_rows(named=True)
    )
    legend = [("bar", "main", "live"), ("hatched", "quiet", "older than any that ever closed")]
    return _bars(Drawing("pipeline", "Open amount by grade", told, width, 0), bars, legend)


def dead_by_owner(owners: pl.DataFrame, *, currency: str, width: int = WIDE) -> Markup:
    """Open amount of each owner, the dead part apart (contract DeadPipelineByOwner)."""
    bars = [
        Bar(
            r["sales_agent"] or "nobody's",
            (
                ("live", r["open_amount"] - r["dead_amount"], "main", False),
                ("dead", r["dead_amount"], "quiet", True),
            ),
            f"{r['dead_share'] or 0:.0%} of {short(r['open_amount'])}",
        )
        for r in owners.iter_rows(named=True)
    ]
    told = "; ".join(
        f"{r['sales_agent'] or 'nobody'}: {count(r['dead_amount'])} of {count(r['open_amount'])} "
        f"{currency} dead"
        for r in owners.iter_rows(named=True)
    )
    legend = [("bar", "main", "live"), ("hatched", "quiet", "dead")]
    return _bars(Drawing("dead", "Dead pipeline by owner", told, width, 0), bars, legend)


def expected_by(groups: pl.DataFrame, *, currency: str, width: int = WIDE) -> Markup:
    """What open opportunities are expected to bring, by group (name, opportunities, expected)."""
    bars = [
        Bar(
            f"{name} · {counted(n, 'opportunity', 'opportunities')}",
            (("expected", expected, "main", False),),
            short(expected),
        )
        for name, n, expected in groups.select("name", "opportunities", "expected").iter_rows()
    ]
    told = "; ".join(f"{bar.name}: {count(bar.total)} {currency}" for bar in bars)
    return _bars(Drawing("expected", "Expected of open opportunities", told, width, 0), bars)


def quality_deductions(checks: pl.DataFrame, *, width: int = WIDE) -> Markup:
    """What each check takes off the quality score (code, title, deduction), the largest first."""
    bars = [
        Bar(f"{code} {title}", (("deduction", lost, "main", False),), f"-{lost:.3f}")
        for code, title, lost in checks.select("code", "title", "deduction").iter_rows()
    ]
    told = "; ".join(f"{bar.name} {bar.figure}" for bar in bars)
    return _bars(Drawing("quality", "What the score loses, and to what", told, width, 0), bars)


def drift_sizes(results: pl.DataFrame, *, width: int = WIDE) -> Markup:
    """Each change as a multiple of the size that counts (what, level, times): past 1 it may count.

    Whether it does also depends on how sure it is, so `level` is written out.
    """
    rows = results.rows(named=True)
    bars = [
        Bar(
            r["what"],
            ((r["level"], r["times"], "other" if r["level"] != "ok" else "quiet", False),),
            f"{r['times']:.2f} x · {r['level']}",
        )
        for r in rows
    ]
    told = "; ".join(f"{b.name} {b.figure}" for b in bars)
    about = f"As a multiple of the change that counts. {told}"
    drawing = Drawing("drift", "Size of each change", about, width, 0)
    return _bars(drawing, bars, limit=1.0, limit_words="1 x: large enough to count")


def _bars(
    drawing: Drawing,
    bars: Sequence[Bar],
    legend: Sequence[tuple[str, str, str]] = (),
    limit: float | None = None,
    limit_words: str = "",
) -> Markup:
    top = drawing.legend(legend, TOP) + 6 if legend else 2.0
    longest = max([*(bar.total for bar in bars), limit or 0.0]) or 1.0
    along = Scale(0, longest, 0, drawing.width - FIGURE_ROOM - 24 * (limit is not None))
    if limit is not None:
        at, top = along(limit), top + 18
        anchor = "end" if at > drawing.width / 2 else "start"
        drawing.add(text(limit_words, at, top - 8, class_="muted", anchor=anchor))
    for at, bar in enumerate(bars):
        _bar(drawing, bar, top + ROW * at, along, along(limit or 0.0))
        if limit is not None:
            y = top + ROW * at + 18
            drawing.add(line(along(limit), y - 3, along(limit), y + THICK + 3, "whisker"))
    drawing.height = top + ROW * len(bars)
    return drawing.svg()


def _bar(drawing: Drawing, bar: Bar, y: float, along: Scale, clear: float = 0.0) -> None:
    """`clear`: where its figure stands at the earliest."""
    drawing.add(text(cut(bar.name, drawing.width), 0, y + 12))
    x = 0.0
    for what, value, class_, hatched in bar.parts:
        length = along(value)
        drawing.bar(
            x, y + 18, max(length, 1.0 if value else 0.0), THICK,
            class_=class_, hatched="yes" if hatched and length > 1 else None,
            told=f"{bar.name}: {what} {short(value) if value > 1 else f'{value:.3f}'}",
            data_mark=what, data_x=bar.name, data_value=repr(value),
        )  # fmt: skip
        x += length
    drawing.add(text(bar.figure, max(x, clear) + 7, y + 29, class_="strong"))
