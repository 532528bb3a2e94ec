from datetime import date

import numpy as np
import pytest

from dealcast.errors import SettingsError
from dealcast.forecasting.bookings import Bookings
from dealcast.forecasting.evidence import Evidence
from dealcast.forecasting.methods import METHODS, method_named

FIRST = date(2024, 1, 1)


def evidence(origin: date, *, days: int = 92, first: date = FIRST) -> Evidence:
    """The n-th day of the export brings n; the model expects 10 + 20 a day."""
    known = (origin - first).days + 1
    return Evidence(
        origin=origin,
        bookings=Bookings(first, origin, np.arange(known, dtype=float), closed=40, won=10),
        pipeline=np.full(days, 10.0),
        new_business=np.full(days, 20.0),
        open_amount=1_200.0,
        bias_factor=1.5,
    )


def booked(since: date, until: date) -> float:
    return float(sum(range((since - FIRST).days, (until - FIRST).days + 1)))


def test_last_month_is_expected_again_whatever_the_length_of_the_month() -> None:
    daily = METHODS["last month"].daily(evidence(date(2024, 4, 30)))

    april = booked(date(2024, 4, 1), date(2024, 4, 30))
    assert daily[:31].sum() == pytest.approx(april)
    assert daily[31:61].sum() == pytest.approx(april)


def test_the_mean_of_three_months_needs_three() -> None:
    enough = METHODS["mean of three months"].daily(evidence(date(2024, 3, 31)))
    too_few = METHODS["mean of three months"].daily(evidence(date(2024, 2, 29)))

    assert enough[:30].sum() == pytest.approx(booked(FIRST, date(2024, 3, 31)) / 3)
    assert np.isnan(too_few).all()


def test_the_same_month_last_quarter_is_the_latest_one_that_is_known() -> None:
    daily = METHODS["same month last quarter"].daily(evidence(date(2024, 3, 31), days=183))

    january = booked(FIRST, date(2024, 1, 31))
    april, july = daily[:30].sum(), daily[91:122].sum()
    assert (april, july) == pytest.approx((january, january))
    assert daily[29] > daily[0]


def test_within_a_month_only_the_same_part_of_last_quarters_month_is_to_come() -> None:
    daily = METHODS["same month last quarter"].daily(evidence(date(2024, 4, 15), days=76))

    whole = booked(FIRST, date(2024, 1, 31))
    first_half = 31**2 / 8
    assert daily[:15].sum() == pytest.approx(whole - first_half, rel=0.05)


def test_all_that_is_open_times_the_win_rate_knows_no_time() -> None:
    daily = METHODS["list value x win rate"].daily(evidence(date(2024, 4, 30)))

    assert daily[:31].sum() == pytest.approx(300)
    assert np.isnan(daily[31:]).all()


def test_the_model_its_correction_and_the_blend() -> None:
    known = evidence(date(2024, 4, 30))
    seasonal = METHODS["same month last quarter"].daily(known)

    assert METHODS["model"].daily(known) == pytest.approx(np.full(92, 30.0))
    assert METHODS["model x bias factor"].daily(known) == pytest.approx(np.full(92, 45.0))
    assert METHODS["blend"].daily(known) == pytest.approx((30 + seasonal) / 2)


def test_a_method_that_cannot_be_issued_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match="did you mean 'last month'"):
        method_named("last months")
    with pytest.raises(SettingsError, match="no forecast method 'list value x win rate'"):
        method_named("list value x win rate")
