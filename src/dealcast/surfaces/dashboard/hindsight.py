"""Past forecasts against what happened."""

from collections.abc import Iterator

import polars as pl

from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import Block, Charts, Lead, Nothing, figure
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.shape import Table, number
from dealcast.surfaces.words import count, counted, month, share


def looking_back(kept: Kept) -> Iterator[Block]:
    """The next month as the issued method would have forecast it, beside what came."""
    if not kept.has_table("forecast", "forecast_backtest"):
        yield Nothing(
            kept.figures("forecast").get("no_forecast", "No forecast could be tested."),
            "with a longer history `dealcast run` tests forecasts at earlier dates",
        )
        return
    method = kept.figures("forecast")["forecast_method"]
    months = next_months(kept.table("forecast", "forecast_backtest"), method)
    if months.is_empty():
        yield Nothing(
            f"The method '{method}' was not tested on whole months.",
            "with a longer history `dealcast run` tests it",
        )
        return
    actual = float(months["actual"].sum())
    off = float((months["forecast"] - months["actual"]).abs().sum())
    held = months["is_inside"].drop_nulls()
    said = f"; {held.sum()} of {held.len()} lay within their interval" if held.len() else ""
    yield Lead(
        f"On {counted(months.height, 'month', 'months')} that are over, '{method}' was off by "
        f"{share(off / actual) if actual else '-'} of what came, a month ahead{said}."
    )
    yield Charts(
        (
            figure(
                charts.hindsight,
                months,
                currency=kept.currency,
                title=f"The next month as it would have been forecast, {kept.currency}",
                caption="Each from what was known the day before; early ones had no interval yet.",
            ),
        )
    )
    rows = [
        (
            month(r["period_start"]),
            number(r["forecast"], count),
            "none yet" if r["low"] is None else f"{count(r['low'])} to {count(r['high'])}",
            number(r["actual"], count),
            "-" if not r["actual"] else f"{r['forecast'] / r['actual'] - 1:+.1%}",
            {None: "-", True: "yes", False: "no"}[r["is_inside"]],
        )
        for r in months.reverse().rows(named=True)
    ]
    columns = ("month", ">forecast", ">interval", ">came", ">error", "within interval")
    yield Table(f"Months that are over, {kept.currency}", columns, rows)


def next_months(backtest: pl.DataFrame, method: str) -> pl.DataFrame:
    """The rows of ForecastBacktest of the next month, by one method; `is_inside` beside them."""
    is_next = (pl.col("period_kind") == "month") & (pl.col("ahead") == 1)
    inside = (pl.col("low") <= pl.col("actual")) & (pl.col("actual") <= pl.col("high"))
    return (
        backtest.filter(is_next & (pl.col("method") == method))
        .with_columns(is_inside=inside)
        .sort("period_start")
    )
