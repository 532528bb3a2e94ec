from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from dealcast.contracts import ForecastBacktest
from dealcast.forecasting import METHODS, Outlook, backtest, origins
from dealcast.forecasting.bookings import bookings_by
from dealcast.settings.tree import ForecastSettings

OutlookOn = Callable[[date, int], Outlook]
SETTINGS = ForecastSettings()
AS_OF = date(2024, 12, 31)


def test_origins_are_month_ends_with_a_quarter_before_and_a_month_after(
    even: pl.DataFrame,
) -> None:
    ends = [date(2024, 4, 30), date(2024, 5, 31), date(2024, 6, 30), date(2024, 7, 31)]

    assert origins(bookings_by(even, date(2024, 8, 31)), latest=12) == ends
    assert origins(bookings_by(even, date(2024, 9, 15)), latest=12) == ends
    assert origins(bookings_by(even, date(2024, 8, 31)), latest=2) == ends[2:]
    assert origins(bookings_by(even, date(2024, 4, 30)), latest=2) == []


def test_every_method_is_tested_on_all_that_has_ended(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    tested = backtest(even, knowing(1.0), SETTINGS, as_of=AS_OF)

    ForecastBacktest.validate(tested)
    assert set(tested["method"]) == set(METHODS)
    assert tested["period_end"].max() <= AS_OF
    months = tested.filter(pl.col("period_kind") == "month", pl.col("ahead") == 1)
    by_model = months.filter(pl.col("method") == "model")
    assert by_model["issued_on"].dt.month().to_list() == [4, 5, 6, 7, 8, 9, 10, 11]


def test_a_model_that_knows_makes_no_error_and_needs_no_correction(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    tested = backtest(even, knowing(1.0), SETTINGS, as_of=AS_OF)

    for name in ("model", "model x bias factor"):
        rows = tested.filter(pl.col("method") == name)
        assert rows["forecast"].to_list() == pytest.approx(rows["actual"].to_list())


def test_the_bias_factor_is_learnt_from_three_past_months_and_leaves_alone_what_is_booked(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    tested = backtest(even, knowing(0.8), SETTINGS, as_of=AS_OF)

    corrected = tested.filter(pl.col("method") == "model x bias factor")
    quarters = corrected.filter(pl.col("period_kind") == "quarter", pl.col("ahead") == 1)
    by_origin = dict(quarters.select("issued_on", "forecast").iter_rows())
    assert by_origin[date(2024, 6, 30)] == pytest.approx(0.8 * 9_200)
    assert by_origin[date(2024, 8, 31)] == pytest.approx(9_200)
    assert by_origin[date(2024, 10, 31)] == pytest.approx(9_200)


def test_each_outlook_is_asked_for_as_many_days_as_are_forecast(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    asked = {}

    def on(origin: date, days: int) -> Outlook:
        asked[origin] = origin + timedelta(days=days)
        return knowing(1.0)(origin, days)

    backtest(even, on, ForecastSettings(quarters=1), as_of=AS_OF, fiscal_year_start_month=2)

    assert asked[date(2024, 6, 30)] == date(2024, 7, 31)
    assert asked[date(2024, 7, 31)] == date(2024, 10, 31)


def test_with_less_than_a_quarter_nothing_is_tested(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    assert backtest(even, knowing(1.0), SETTINGS, as_of=date(2024, 3, 31)).is_empty()
