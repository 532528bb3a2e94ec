import json
from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from dealcast.contracts import Forecast
from dealcast.errors import SettingsError
from dealcast.forecasting import BookingsForecast, Outlook, forecast_bookings
from dealcast.settings.tree import ForecastSettings

OutlookOn = Callable[[date, int], Outlook]
AS_OF = date(2025, 1, 15)


@pytest.fixture(scope="module")
def issued(even: pl.DataFrame, knowing: Callable[[float], OutlookOn]) -> BookingsForecast:
    return forecast_bookings(even, knowing(0.8), ForecastSettings(), as_of=AS_OF)


def by_kind(forecast: BookingsForecast, kind: str) -> pl.DataFrame:
    return forecast.forecast.filter(pl.col("period_kind") == kind)


def test_parts_add_up_and_periods_are_forecast_up_to_the_end_of_the_next_quarter(
    issued: BookingsForecast,
) -> None:
    Forecast.validate(issued.forecast)
    assert by_kind(issued, "month")["period_start"].dt.month().to_list() == [1, 2, 3, 4, 5, 6]
    assert by_kind(issued, "quarter")["period_end"].max() == date(2025, 6, 30)
    assert by_kind(issued, "week").height == 24


@pytest.mark.parametrize("method", ["model", "model x bias factor", "blend", "last month"])
def test_months_add_up_to_their_quarter_whatever_the_method(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn], method: str
) -> None:
    settings = ForecastSettings(method=method)
    issued = forecast_bookings(even, knowing(0.8), settings, as_of=AS_OF, fiscal_year_start_month=2)

    parts = ["booked", "pipeline", "new_business", "forecast"]
    months = by_kind(issued, "month").filter(pl.col("period_start") >= date(2025, 2, 1))
    later = by_kind(issued, "quarter").filter(pl.col("ahead") == 2)
    assert months.height == 3
    assert months.select(parts).sum().row(0) == pytest.approx(later.select(parts).row(0))
    assert set(issued.forecast["method"]) == {method}
    assert issued.champion.reason.startswith(f"'{method}' is issued because forecast.method says")


def test_a_month_that_has_begun_starts_from_what_is_booked(issued: BookingsForecast) -> None:
    january, february = by_kind(issued, "month").head(2).to_dicts()

    assert (january["booked"], february["booked"]) == (1_500, 0)
    assert january["low"] >= 1_500
    assert january["pipeline"] > 0


def test_the_bias_factor_is_the_shortfall_of_the_last_quarter(issued: BookingsForecast) -> None:
    assert issued.bias_factor == pytest.approx(1.25)


def test_it_says_which_method_and_how_its_intervals_did(issued: BookingsForecast) -> None:
    said = json.loads(json.dumps(issued.to_dict()))

    assert "months" in said["summary"]
    assert "Intervals for 80%: " in said["summary"]
    assert said["coverage"]["month"]["n"] > 0
    assert said["champion"]["n"] == 8


def test_a_short_history_is_forecast_by_the_model_without_intervals(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    issued = forecast_bookings(even, knowing(1.0), ForecastSettings(), as_of=date(2024, 2, 20))

    assert set(issued.forecast["method"]) == {"model"}
    assert issued.forecast["low"].null_count() == issued.forecast.height
    assert issued.forecast["note"][0].startswith("no interval yet: 4 past errors are needed")
    assert any("have no interval yet" in note for note in issued.notes)
    assert "no interval could be tested yet" in issued.summary


def test_a_method_that_needs_more_history_gives_way_to_the_model(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    settings = ForecastSettings(method="same month last quarter")

    issued = forecast_bookings(even, knowing(1.0), settings, as_of=date(2024, 2, 20))

    assert issued.champion.method == "model"
    assert "needs a fiscal quarter of history" in issued.champion.reason


def test_what_has_no_amount_or_no_clock_is_counted_and_said(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    def half_priced(origin: date, days: int) -> Outlook:
        known = knowing(1.0)(origin, days)
        cheap = pl.col("opportunity_id") < "P5"
        opened = known.open.with_columns(amount=pl.when(cheap).then("amount"))
        return Outlook(origin, opened, known.won, known.fresh)

    prospects = even.head(3).with_columns(
        pl.lit("Prospecting").alias("deal_stage"),
        pl.lit(None, dtype=pl.Date).alias("engage_date"),
        pl.lit(None, dtype=pl.Date).alias("close_date"),
        pl.lit(None, dtype=pl.Float64).alias("close_value"),
        opportunity_id="N" + pl.col("opportunity_id"),
    )
    issued = forecast_bookings(
        pl.concat([even, prospects]), half_priced, ForecastSettings(), as_of=AS_OF
    )

    assert any(n.startswith("3 opportunities have not been engaged") for n in issued.notes)
    assert any(
        n.startswith("5 open opportunities have no known amount: the 5.0 wins")
        for n in issued.notes
    )


def test_an_unknown_method_is_refused_before_any_work(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    with pytest.raises(SettingsError, match="did you mean 'blend'"):
        forecast_bookings(even, knowing(1.0), ForecastSettings(method="blnd"), as_of=AS_OF)


def test_whole_months_booked_stand_beside_the_forecast(
    even: pl.DataFrame, issued: BookingsForecast
) -> None:
    won = even.filter(pl.col("close_date") <= AS_OF)
    by_month = dict(
        won.group_by(pl.col("close_date").dt.truncate("1mo"))
        .agg(pl.col("close_value").sum())
        .rows()
    )

    history = {row["period_start"]: row["booked"] for row in issued.history}

    # The first close is on 11 January 2024, and January 2025 is not over.
    assert list(history) == [date(2024, m, 1) for m in range(2, 13)]
    assert all(booked == by_month[month] for month, booked in history.items())
    assert issued.to_dict()["history"][0] == {"period_start": "2024-02-01", "booked": 2_900.0}


def test_the_seasonal_naive_forecast_is_told_of_months_and_quarters(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn], issued: BookingsForecast
) -> None:
    naive = forecast_bookings(
        even, knowing(0.8), ForecastSettings(method="same month last quarter"), as_of=AS_OF
    )
    wanted = naive.forecast.filter(pl.col("period_kind") != "week")

    beside = pl.DataFrame(issued.beside)

    columns = ["period_kind", "period_start", "forecast"]
    assert beside.select(columns).rows() == wanted.select(columns).rows()
