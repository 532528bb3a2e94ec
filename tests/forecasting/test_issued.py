from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from dealcast.contracts import ForecastOutcomes
from dealcast.forecasting import BookingsForecast, Outlook, forecast_bookings, score_issued
from dealcast.settings.tree import ForecastSettings

OutlookOn = Callable[[date, int], Outlook]
ISSUED_ON = date(2024, 12, 31)


@pytest.fixture(scope="module")
def issued(even: pl.DataFrame, knowing: Callable[[float], OutlookOn]) -> BookingsForecast:
    settings = ForecastSettings(method="model")
    return forecast_bookings(even, knowing(0.9), settings, as_of=ISSUED_ON)


def test_forecasts_whose_period_has_ended_are_scored(
    issued: BookingsForecast, even: pl.DataFrame
) -> None:
    outcomes = score_issued(issued.forecast, even, as_of=date(2025, 3, 30))

    ForecastOutcomes.validate(outcomes)
    months = outcomes.filter(pl.col("period_kind") == "month")
    assert months["actual"].to_list() == [3_100, 2_800]
    assert months["error"].to_list() == pytest.approx([-310, -280])
    assert months["relative_error"].to_list() == pytest.approx([-0.1, -0.1])
    assert months["is_inside"].to_list() == [True, True]
    assert outcomes.filter(pl.col("period_kind") == "quarter").is_empty()


def test_without_an_interval_nothing_can_be_inside(
    issued: BookingsForecast, even: pl.DataFrame
) -> None:
    none = pl.lit(None, dtype=pl.Float64)
    without = issued.forecast.with_columns(low=none, high=none)

    outcomes = score_issued(without, even, as_of=date(2025, 3, 30))

    assert outcomes["is_inside"].null_count() == outcomes.height > 0


def test_of_two_forecasts_issued_on_one_day_the_later_counts(
    issued: BookingsForecast, even: pl.DataFrame
) -> None:
    again = issued.forecast.with_columns(pl.col("forecast") + 1)

    outcomes = score_issued(pl.concat([issued.forecast, again]), even, as_of=date(2025, 1, 31))

    january = outcomes.filter(pl.col("period_kind") == "month")
    assert january["forecast"].to_list() == pytest.approx([0.9 * 3_100 + 1])


def test_where_nothing_came_the_relative_error_is_not_known(
    issued: BookingsForecast, even: pl.DataFrame
) -> None:
    nothing = even.with_columns(close_value=0.0)

    outcomes = score_issued(issued.forecast, nothing, as_of=date(2025, 1, 31))

    assert outcomes["relative_error"].null_count() == outcomes.height > 0


def test_nothing_has_ended_yet(issued: BookingsForecast, even: pl.DataFrame) -> None:
    assert score_issued(issued.forecast, even, as_of=ISSUED_ON).is_empty()
