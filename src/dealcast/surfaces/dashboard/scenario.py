"""What if? The issued forecast with more or fewer wins, and with more or less new business."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import Block, Charts, Lead, Nothing, figure
from dealcast.surfaces.report.bookings import NAMES
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.shape import Cell, Table, number
from dealcast.surfaces.words import count, counted, share

PARTS = ("booked", "pipeline", "new_business", "forecast")


@dataclass(frozen=True)
class Scenario:
    """Times as many: what open opportunities bring, and what new business brings."""

    win_rate: float = 1.0
    new_business: float = 1.0


AS_ISSUED = Scenario()


def under(periods: pl.DataFrame, scenario: Scenario) -> pl.DataFrame:
    """The contract Forecast in the scenario; intervals grow and shrink with the forecast."""
    moved = periods.with_columns(
        pipeline=pl.col("pipeline") * scenario.win_rate,
        new_business=pl.col("new_business") * scenario.new_business,
        issued="forecast",
    ).with_columns(forecast=pl.sum_horizontal("booked", "pipeline", "new_business"))
    times = pl.when(pl.col("issued") > 0).then(pl.col("forecast") / pl.col("issued")).otherwise(1.0)
    return moved.with_columns(pl.col("low", "high") * times).select(periods.columns)


def worth_by(scores: pl.DataFrame, by: str, scenario: Scenario) -> pl.DataFrame:
    """What open opportunities are worth by group, the most first, in the scenario.

    `name`; counts `opportunities`, `stale` and `unengaged` (nothing is expected of
    those yet); `amount` and `expected` in the currency.
    """
    return (
        scores.group_by(pl.col(by).fill_null("none").alias("name"))
        .agg(
            opportunities=pl.len(),
            stale=pl.col("is_stale").sum(),
            unengaged=pl.col("engage_date").is_null().sum(),
            amount=pl.col("amount").sum(),
            expected=pl.col("expected_value").sum() * scenario.win_rate,
        )
        .sort("expected", "name", descending=[True, False])
    )


def told(kept: Kept, scenario: Scenario) -> Iterator[Block]:
    """The scenario beside the forecast as it was issued."""
    issued = kept.table("forecast", "forecast").filter(pl.col("period_kind") != "week")
    moved = under(issued, scenario)
    quarter = pl.col("period_kind") == "quarter"
    if (near := moved.filter(quarter)).height:
        name = NAMES["quarter"](near.row(0, named=True))
        now, then = near["forecast"][0], issued.filter(quarter)["forecast"][0]
        yield Lead(_lead(name, now, then, kept.currency))
    months = pl.col("period_kind") == "month"
    beside = issued.filter(months).select("period_start", "forecast")
    yield Charts(
        (
            figure(
                charts.bookings,
                pl.DataFrame(schema={"period_start": pl.Date, "booked": float}),
                moved.filter(months),
                beside,
                beside_words="as issued",
                currency=kept.currency,
                title=f"Bookings by month in the scenario, {kept.currency}",
                caption="Intervals grow and shrink with the forecast; what is booked stays.",
            ),
        )
    )
    rows: list[tuple[Any, ...]] = [
        (NAMES[r["period_kind"]](r), *(number(r[p], count) for p in PARTS), number(then, count))
        for r, then in zip(moved.rows(named=True), issued["forecast"], strict=True)
    ]
    columns = (
        "period", ">booked", ">from open", ">from new business", ">in the scenario", ">as issued",
    )  # fmt: skip
    yield Table(f"The scenario, {kept.currency}", columns, rows)


def _lead(name: str, now: float, then: float, currency: str) -> str:
    if now == then:
        return f"As issued, {count(now)} {currency} in the {name}. Move a slider to see what if."
    change = f" ({(now - then) / then:+.1%})" if then else ""
    return f"{count(now)} {currency} in the {name} instead of {count(then)}{change}."


def by_group(kept: Kept, scores: pl.DataFrame, by: str, scenario: Scenario) -> Iterator[Block]:
    """What open opportunities are expected to bring, by `region`, `product` or another column."""
    if scores.is_empty():
        yield Nothing("No opportunity is open.", "an export with open stages is needed")
        return
    horizon = kept.figures("score")["horizon_days"]
    groups = worth_by(scores, by, scenario)
    total = float(groups["expected"].sum())
    told = (
        f"{count(total)} {kept.currency} are expected within {horizon} days from "
        f"{counted(scores.height, 'open opportunity', 'open opportunities')}"
    )
    if scenario.win_rate != 1:
        told += f", if {scenario.win_rate:.0%} of the wins come that were expected (What if)"
    yield Lead(f"{told}.")
    what = by.replace("_", " ")
    yield Charts(
        (
            figure(
                charts.expected_by,
                groups.head(12),
                currency=kept.currency,
                title=f"Expected of open opportunities by {what}, {kept.currency}",
                caption="New business is in none of these: who will win it is not known.",
            ),
        )
    )
    rows = [
        (
            r["name"],
            number(r["opportunities"], count),
            number(r["stale"], count),
            number(r["unengaged"], count),
            number(r["amount"], count),
            number(r["expected"], count),
            Cell(share(part := r["expected"] / total if total else 0.0), by=part, share=part),
        )
        for r in groups.rows(named=True)
    ]
    columns = (
        what, ">open", ">stale", ">not engaged", ">open amount", ">expected", ">share of expected",
    )  # fmt: skip
    yield Table(f"By {what}, {kept.currency}", columns, rows)
