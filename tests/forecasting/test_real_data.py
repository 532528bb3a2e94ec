"""The figures that the forecast must reach on the public data set, at origins it had not seen."""

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from dealcast.contracts import CrmTables, Forecast, ForecastBacktest
from dealcast.forecasting import (
    BookingsForecast,
    Figures,
    Outlook,
    dead_pipeline,
    forecast_bookings,
)
from dealcast.settings.tree import ForecastSettings

OutlookOn = Callable[[date, int], Outlook]
AS_OF = date(2017, 12, 31)
SEASONAL = "same month last quarter"


@pytest.fixture(scope="module")
def last_day() -> dict[date, Outlook]:
    return {}


@pytest.fixture(scope="module")
def issued(
    real_tables: CrmTables,
    by_modeling: Callable[[CrmTables, str], OutlookOn],
    last_day: dict[date, Outlook],
) -> BookingsForecast:
    on = by_modeling(real_tables, "shifting")

    def remembered(origin: date, days: int) -> Outlook:
        last_day[origin] = on(origin, days)
        return last_day[origin]

    opportunities = real_tables.opportunities.collect()
    found = forecast_bookings(opportunities, remembered, ForecastSettings(), as_of=AS_OF)
    print(shown(found))  # noqa: T201 - the figures, with pytest -s
    return found


def shown(issued: BookingsForecast) -> str:
    lines = [
        f"{f.period_kind:8s}{f.method:26s}n {f.n}  WAPE {f.wape:.3f}  bias {f.bias:+.3f}"
        for f in issued.figures
        if f.ahead == 1
    ]
    return "\n".join(["", *lines, issued.summary, *issued.notes])


def of_months(issued: BookingsForecast) -> dict[str, Figures]:
    return {f.method: f for f in issued.figures if (f.period_kind, f.ahead) == ("month", 1)}


def test_the_months_from_june_to_december_are_forecast_well_beforehand(
    issued: BookingsForecast,
) -> None:
    months = of_months(issued)
    champion = months[issued.champion.method]
    assert champion.n == 7
    assert champion.wape <= 0.08
    assert champion.wape <= months[SEASONAL].wape
    assert months[SEASONAL].wape == pytest.approx(0.085, abs=0.0005)
    assert months["last month"].wape == pytest.approx(0.336, abs=0.0005)
    assert months["mean of three months"].wape == pytest.approx(0.202, abs=0.0005)
    assert months["list value x win rate"].wape > 2


def test_a_tie_with_last_quarter_is_called_a_tie(issued: BookingsForecast) -> None:
    assert issued.champion.is_tie
    assert SEASONAL in issued.champion.tied
    assert issued.summary.startswith("A tie: ")


def test_the_measured_coverage_is_near_what_the_intervals_promise(
    issued: BookingsForecast,
) -> None:
    n = sum(count for count, _ in issued.coverage.values())
    held = sum(count * share for count, share in issued.coverage.values()) / n
    assert n >= 20
    assert 0.65 <= held <= 0.95


def test_parts_add_up_and_months_to_quarters(issued: BookingsForecast) -> None:
    Forecast.validate(issued.forecast)
    ForecastBacktest.validate(issued.backtest)
    by_kind = issued.forecast.group_by("period_kind").agg(pl.col("forecast").sum())
    totals = dict(by_kind.iter_rows())
    assert totals["month"] == pytest.approx(totals["quarter"])


def test_most_of_the_open_amount_is_dead(
    issued: BookingsForecast, last_day: dict[date, Outlook]
) -> None:
    assert issued.forecast["issued_on"].unique().to_list() == [AS_OF]
    outlook = last_day[AS_OF]
    within_90_days = outlook.won[outlook.kind, :90].sum(axis=1)

    report = dead_pipeline(
        outlook.open.with_columns(expected_value=pl.col("amount") * within_90_days)
    )

    assert (report.open_opportunities, report.dead_opportunities) == (1_589, 1_291)
    assert report.dead_amount == pytest.approx(3.2e6, rel=0.01)
    assert report.haircut is not None
    assert report.haircut < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("as_of", [date(2017, 8, 15), date(2017, 11, 20)])
def test_in_the_middle_of_a_month_what_is_booked_stays_booked(
    real_tables: CrmTables, by_modeling: Callable[[CrmTables, str], OutlookOn], as_of: date
) -> None:
    opportunities = real_tables.opportunities.collect()

    issued = forecast_bookings(
        opportunities, by_modeling(real_tables, "shifting"), ForecastSettings(), as_of=as_of
    )

    first = issued.forecast.filter(pl.col("period_kind") == "month", pl.col("ahead") == 1)
    begun = pl.col("close_date").is_between(as_of.replace(day=1), as_of)
    won = opportunities.filter(pl.col("deal_stage") == "Won", begun)["close_value"].sum()
    month = (as_of.year, as_of.month)
    whole = opportunities.filter(
        pl.col("deal_stage") == "Won",
        pl.col("close_date").dt.year() == month[0],
        pl.col("close_date").dt.month() == month[1],
    )["close_value"].sum()
    assert first["booked"].item() == won
    assert first["forecast"].item() == pytest.approx(whole, rel=0.15)
