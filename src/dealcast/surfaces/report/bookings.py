"""The bookings forecast: what is expected, how sure that is, and what plainer methods say."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import (
    Block,
    Charts,
    Figure,
    Lead,
    More,
    Nothing,
    Points,
    Prose,
    figure,
    folded,
)
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.outlook import methods, outcomes
from dealcast.surfaces.tables.shape import Row, Table, number
from dealcast.surfaces.words import count, day, month

NAMES: Mapping[str, Callable[[Row], str]] = {
    "week": lambda row: f"week from {day(row['period_start'])}",
    "month": lambda row: month(row["period_start"]),
    "quarter": lambda row: f"quarter to {day(row['period_end'])}",
}
PERIOD_COLUMNS = (
    "period", ">expected", ">interval", ">booked", ">from open", ">from new business",
)  # fmt: skip


def bookings(kept: Kept) -> Iterator[Block]:
    """The part, of what the step `forecast` kept."""
    if why := kept.figures("forecast").get("no_forecast"):
        yield Nothing(why, "with a longer history `dealcast run` forecasts; see docs/numbers.md")
        return
    content, periods = kept.object("forecast", "forecast"), kept.table("forecast", "forecast")
    plain = seasonal_naive(kept)
    yield Lead(_lead(kept, plain))
    yield Charts((by_month(kept),))
    yield Prose(content["summary"])
    by_kind = {k: periods.filter(pl.col("period_kind") == k) for k in ("quarter", "month", "week")}
    near = [*by_kind["quarter"].rows(named=True), *by_kind["month"].rows(named=True)]
    columns = (*PERIOD_COLUMNS, ">same months last quarter")
    told = f"Quarters and months to come, {kept.currency}"
    rows = [(*_period(p), _plain(p, plain)) for p in near]
    yield Table(told, columns, rows, is_stacked=True)
    held = methods(content["figures"], content["champion"]["method"])
    if held.rows:
        yield held
        yield Prose(
            "Error (WAPE): all misses, whichever way, by all that came. Bias: how much more (+) or "
            "less (-) was forecast than came. An origin is a date on which it was forecast."
        )
    if content["notes"]:
        yield Points(tuple(f"{note[:1].upper()}{note[1:]}." for note in content["notes"]))
    came = outcomes(kept.table("forecast", "forecast_outcomes").rows(named=True))
    if came.rows:
        yield folded(came)
    weeks = [_period(p) for p in by_kind["week"].rows(named=True)]
    yield More("Week by week", (Table(f"Weeks to come, {kept.currency}", PERIOD_COLUMNS, weeks),))


def next_quarter(kept: Kept) -> Row | None:
    """The forecast of the quarter that the day after the last known one is in; None without one."""
    periods = kept.figures("forecast").get("next_periods", ())
    return next((p for p in periods if p["period_kind"] == "quarter"), None)


def seasonal_naive(kept: Kept) -> Mapping[tuple[str, str], float]:
    """What the same months of last quarter say, by kind and first day of the period.

    Empty of a run of a version that did not keep it.
    """
    beside = kept.object("forecast", "forecast").get("beside", ())
    return {(b["period_kind"], b["period_start"]): b["forecast"] for b in beside}


def _lead(kept: Kept, plain: Mapping[tuple[str, str], float]) -> str:
    quarter = next_quarter(kept)
    if quarter is None:
        return "No whole quarter lies within the time that is forecast."
    start, end = str(quarter["period_start"]), str(quarter["period_end"])
    text = (
        f"{count(quarter['forecast'])} {kept.currency} are expected from {day(start)} to {day(end)}"
    )
    if quarter["low"] is not None:
        low, high = count(quarter["low"]), count(quarter["high"])
        text += f", with a chance of {quarter['level']:.0%} between {low} and {high}"
    new = quarter["new_business"] / quarter["forecast"] if quarter["forecast"] else 0.0
    text += f". {new:.0%} of it is to come from opportunities that are not engaged yet."
    beside = plain.get(("quarter", start))
    if beside is not None:
        text += f" The same months of last quarter brought {count(beside)}."
    return text


def by_month(kept: Kept) -> Figure:
    """Months that are over and to come, drawn; of a run that has a forecast."""
    content, periods = kept.object("forecast", "forecast"), kept.table("forecast", "forecast")
    dated = pl.col("period_start").str.to_date()
    history = pl.DataFrame(
        content.get("history", []), schema={"period_start": pl.String, "booked": float}
    )
    beside = pl.DataFrame(
        [b for b in content.get("beside", ()) if b["period_kind"] == "month"],
        schema={"period_kind": pl.String, "period_start": pl.String, "forecast": float},
    )
    return figure(
        charts.bookings,
        history.with_columns(dated),
        periods.filter(pl.col("period_kind") == "month"),
        beside.with_columns(dated),
        currency=kept.currency,
        title=f"Bookings by month, {kept.currency}",
        caption=_held(content),
    )


def _held(content: Row) -> str:
    held = [
        f"{covered['covered']:.0%} of {covered['n']} {kind}s"
        for kind, covered in content["coverage"].items()
    ]
    if not held:
        return "Too few forecasts have come due to say how often the intervals hold."
    return f"What came lay within the interval in {', '.join(held)} forecast before."


def _period(row: Row) -> tuple[Any, ...]:
    name = NAMES[row["period_kind"]](row)
    interval = "none yet" if row["low"] is None else f"{count(row['low'])} to {count(row['high'])}"
    expected, *parts = (
        number(row[part], count) for part in ("forecast", "booked", "pipeline", "new_business")
    )
    return name, expected, interval, *parts


def _plain(row: Row, plain: Mapping[tuple[str, str], float]) -> Any:
    return number(plain.get((row["period_kind"], str(row["period_start"]))), count)
