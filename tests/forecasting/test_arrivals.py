from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.forecasting.arrivals import Arrivals, arrivals_by
from dealcast.snapshots import day_number, day_of_quarter

FIRST = date(2024, 1, 1)


def arrivals(per_day: Callable[[int], float], days: int) -> Arrivals:
    first = day_number(FIRST)
    return Arrivals(first, np.array([per_day(first + n) for n in range(days)]))


def busy_first_month(day: int) -> float:
    return 31.0 if day_of_quarter(day) < 30 else 1.0


def test_steady_arrivals_go_on_as_they_were() -> None:
    expected = arrivals(lambda _: 3.0, days=200).expected(100)

    assert expected == pytest.approx(np.full(100, 3.0))


def test_what_comes_each_quarter_is_expected_again() -> None:
    year = arrivals(busy_first_month, days=366)

    expected = year.expected(90)

    assert expected[:30].mean() > 0.8 * 31
    assert expected[40:90].mean() < 0.2 * 31


def test_with_little_history_the_recent_mean_is_expected() -> None:
    short = arrivals(busy_first_month, days=40)

    assert short.expected(30) == pytest.approx(np.full(30, (30 * 31 + 10) / 40))


def test_where_last_quarter_misleads_the_recent_mean_weighs_more() -> None:
    growing = arrivals(lambda day: float(day - day_number(FIRST)), days=366)

    expected = growing.expected(28)

    recent, seasonal = growing.recent_mean(28).mean(), growing.last_quarter(28).mean()
    assert abs(expected.mean() - recent) < abs(expected.mean() - seasonal)


def test_days_beyond_the_next_quarter_are_taken_from_the_last_known_one() -> None:
    year = arrivals(busy_first_month, days=366)

    seasonal = year.last_quarter(180)

    assert not np.isnan(seasonal).any()
    assert seasonal[91:110].mean() == pytest.approx(seasonal[:19].mean(), rel=0.2)


def test_those_engaged_before_the_export_is_complete_do_not_count() -> None:
    engaged = [FIRST, FIRST + timedelta(days=5), FIRST + timedelta(days=5), None]
    opportunities = pl.DataFrame({"engage_date": engaged})

    found = arrivals_by(
        opportunities,
        FIRST + timedelta(days=6),
        complete_from=FIRST + timedelta(days=3),
    )

    assert found.counts.tolist() == [0, 0, 2, 0]
