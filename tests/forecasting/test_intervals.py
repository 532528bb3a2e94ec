from datetime import date

import numpy as np
import pytest

from dealcast.forecasting.intervals import interval

ISSUED = date(2024, 5, 31)


def row(forecast: float, actual: float | None = None, **other: object) -> dict[str, object]:
    return {
        "issued_on": ISSUED,
        "period_start": date(2024, 6, 1),
        "period_end": date(2024, 6, 30),
        "booked": 0.0,
        "pipeline": forecast,
        "new_business": 0.0,
        "forecast": forecast,
        "actual": actual,
        **other,
    }


def past(*shares: float) -> list[dict[str, object]]:
    """Forecasts of 100 for a whole month, too low by these shares."""
    month = {
        "issued_on": date(2024, 3, 31),
        "period_start": date(2024, 4, 1),
        "period_end": date(2024, 4, 30),
    }
    return [row(100.0, 100.0 * (1 + share), **month) for share in shares]


def test_the_interval_is_as_wide_as_past_errors_were() -> None:
    found = interval(row(200.0), past(0.1, -0.3, 0.2, 0.05), level=0.8)

    assert found.low == pytest.approx(140)
    assert found.high == pytest.approx(260)
    assert found.note is None


@pytest.mark.parametrize(("level", "errors"), [(0.8, 3), (0.9, 8), (0.5, 0)])
def test_with_too_few_past_errors_there_is_no_interval_yet(level: float, errors: int) -> None:
    found = interval(row(200.0), past(*[0.1] * errors), level=level)

    assert found.low is None
    assert found.high is None
    assert found.note == f"no interval yet: {errors + 1} past errors are needed, {errors} known"


def test_errors_of_periods_that_had_not_ended_do_not_count() -> None:
    unended = [row(100.0, 900.0, issued_on=date(2024, 4, 30), period_end=date(2024, 6, 30))]

    found = interval(row(200.0), past(0.1, -0.3, 0.2, 0.05) + unended, level=0.8)

    assert found.high == pytest.approx(260)


def test_what_is_booked_is_certain() -> None:
    half = row(250.0, booked=150.0, pipeline=100.0, issued_on=date(2024, 6, 15))

    found = interval(half, past(0.1, -0.9, 0.2, 0.05), level=0.8)

    assert found.low == 150
    assert found.high == pytest.approx(250 + 90 * 2**0.5)


def test_where_nothing_was_expected_and_something_came_no_width_is_known() -> None:
    surprise = row(0.0, 50.0, issued_on=date(2024, 3, 31), period_end=date(2024, 4, 30))

    found = interval(row(200.0), [surprise] * 4, level=0.8)

    assert found.note == "no interval: something came where nothing was expected"


def test_intervals_cover_at_least_what_they_promise() -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(2_000):
        *errors, last = rng.normal(0, 0.2, 10)
        found = interval(row(100.0), past(*errors), level=0.8)
        assert found.low is not None
        assert found.high is not None
        held.append(found.low <= 100 * (1 + last) <= found.high)

    assert np.mean(held) == pytest.approx(0.8, abs=0.03)
