"""The logged tables of a run, drawn: reliability, skill by origin, learning curve, forecast.

Figures are made without pyplot, so nothing global is touched and no window is wanted.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
ACCENT, SECOND = "#0b7285", "#e8590c"
# One colour per horizon, the shortest first, and one of each estimator that is not chosen.
HORIZONS = (ACCENT, SECOND, "#5f3dc4", "#2b8a3e")
# A column without any value comes out of a CSV file as text.
_NUMBERS = cs.by_name(
    *("predicted", "observed", "low", "high", "log_loss_skill"),
    *("booked", "pipeline", "new_business", "forecast", "level"),
    require_all=False,
)
# Months that are drawn of a forecast.
SHOWN_PERIODS = 12


def figures(tables: Mapping[str, pl.DataFrame]) -> Iterator[tuple[str, "Figure"]]:
    """(name, figure) for each table that is there and holds rows."""
    for name, (table, draw) in FIGURES.items():
        if table in tables and not tables[table].is_empty():
            yield name, draw(tables[table].with_columns(_NUMBERS.cast(pl.Float64, strict=False)))


def reliability(rows: pl.DataFrame) -> "Figure":
    """What was said against what came, with intervals; on the diagonal it is right."""
    figure, axes = _axes("Are the chances right?", "chance that was said", "share that was won")
    top = 1.08 * float(rows.select("predicted", "observed").to_numpy().max())
    axes.plot([0, top], [0, top], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="right")
    for colour, ((days,), part) in zip(
        HORIZONS, rows.partition_by("horizon_days", as_dict=True).items(), strict=False
    ):
        said, came = part["predicted"].to_numpy(), part["observed"].to_numpy()
        low, high = part["low"].to_numpy(), part["high"].to_numpy()
        spread = [(came - low).clip(min=0), (high - came).clip(min=0)]
        axes.errorbar(
            said,
            came,
            yerr=spread,
            color=colour,
            marker="o",
            markersize=5,
            linewidth=1.4,
            elinewidth=0.9,
            capsize=2,
            label=f"won within {days} days",
        )
    _as_shares(axes)
    axes.legend(frameon=False, loc="upper left")
    return figure


def skill_by_origin(rows: pl.DataFrame) -> "Figure":
    """Log-loss skill on the dates after each origin, the chosen estimator before the others."""
    shortest = int(rows["horizon_days"].to_numpy().min())
    title = f"Skill on later dates, by origin (won within {shortest} days)"
    figure, axes = _axes(title, "", "log-loss skill (0: no better than the share won)")
    shown = rows.filter(pl.col("horizon_days") == shortest).sort("fold")
    axes.axhline(0, color=MUTED, linewidth=1)
    for (name, is_chosen), part in shown.partition_by(
        "estimator", "is_chosen", as_dict=True
    ).items():
        axes.plot(
            part["origin"].cast(pl.String).to_list(),
            part["log_loss_skill"].to_numpy(),
            color=ACCENT if is_chosen else MUTED,
            linewidth=2.2 if is_chosen else 1,
            alpha=1 if is_chosen else 0.55,
            marker="o" if is_chosen else None,
            zorder=3 if is_chosen else 2,
            label=f"{name} (chosen)" if is_chosen else str(name),
        )
    axes.tick_params(axis="x", rotation=30)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def learning_curve(rows: pl.DataFrame) -> "Figure":
    """What more opportunities to learn from would bring."""
    figure, axes = _axes("Would more history help?", "opportunities learnt from", "log-loss skill")
    counts, skill = rows["opportunities"].to_numpy(), rows["log_loss_skill"].to_numpy()
    axes.plot(counts, skill, color=ACCENT, linewidth=2, marker="o")
    for count, value in rows.select("opportunities", "log_loss_skill").drop_nulls().iter_rows():
        axes.annotate(
            f"{value:.3f}", (count, value), xytext=(0, 8), textcoords="offset points", ha="center"
        )
    axes.set_xlim(left=0)
    axes.margins(y=0.25)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    return figure


def forecast(rows: pl.DataFrame) -> "Figure":
    """Bookings to come by month, what they are made of, and their intervals."""
    months = rows.filter(pl.col("period_kind") == "month").sort("period_start").head(SHOWN_PERIODS)
    levels = months["level"].drop_nulls().to_list()
    figure, axes = _axes("Bookings to come", "", "revenue")
    places = list(range(months.height))
    names = [str(day)[:7] for day in months["period_start"]]
    bottom = [0.0] * months.height
    parts = {"booked": INK, "pipeline": ACCENT, "new_business": "#99d8e0"}
    for part, colour in parts.items():
        values = months[part].fill_null(0.0).to_list()
        words = part.replace("_", " ")
        axes.bar(places, values, bottom=bottom, color=colour, width=0.55, label=words)
        bottom = [b + v for b, v in zip(bottom, values, strict=True)]
    known = months.with_row_index("at").filter(pl.col("low").is_not_null())
    middle, low, high = (known[name].to_numpy() for name in ("forecast", "low", "high"))
    axes.errorbar(
        known["at"].to_list(),
        middle,
        yerr=[(middle - low).clip(min=0), (high - middle).clip(min=0)],
        fmt="o",
        color=SECOND,
        markersize=6,
        capsize=5,
        linewidth=1.6,
        label=f"forecast with {levels[0]:.0%} interval" if levels else "forecast",
    )
    axes.set_xticks(places, names)
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:,.0f}")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.15)
    axes.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.1))
    return figure


# name of the figure -> the table that it is drawn from, and how
FIGURES: dict[str, tuple[str, Callable[[pl.DataFrame], "Figure"]]] = {
    "reliability": ("reliability", reliability),
    "skill_by_origin": ("by_origin", skill_by_origin),
    "learning_curve": ("learning_curve", learning_curve),
    "forecast": ("forecast", forecast),
}


def _axes(title: str, across: str, up: str) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 4.8), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.set_title(title, loc="left", color=INK, fontsize=13, fontweight="bold", pad=12)
    axes.set_xlabel(across, color=MUTED)
    axes.set_ylabel(up, color=MUTED)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(colors=MUTED, length=0)
    return figure, axes


def _as_shares(axes: "Axes") -> None:
    from matplotlib.ticker import PercentFormatter

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
