from datetime import date

import pytest

from dealcast.forecasting.periods import (
    Kind,
    days_ahead,
    period_before,
    period_of,
    periods_after,
)


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("week", date(2024, 1, 29), date(2024, 2, 4)),
        ("month", date(2024, 2, 1), date(2024, 2, 29)),
        ("quarter", date(2024, 2, 1), date(2024, 4, 30)),
    ],
)
def test_a_day_is_in_one_period_of_each_kind(kind: Kind, start: date, end: date) -> None:
    period = period_of(kind, date(2024, 2, 3), fiscal_year_start_month=2)

    assert (period.start, period.end) == (start, end)
    assert period.days == (end - start).days + 1


def test_of_a_period_that_has_begun_only_the_days_after_the_origin_are_left() -> None:
    february = period_of("month", date(2024, 2, 1))

    assert february.days_after(date(2024, 2, 20)) == 9
    assert february.days_after(date(2024, 1, 15)) == 29
    assert february.days_after(date(2024, 3, 1)) == 0


def test_the_quarter_before_the_first_of_a_fiscal_year_is_the_last_of_the_one_before() -> None:
    first = period_of("quarter", date(2024, 3, 1), fiscal_year_start_month=2)

    before = period_before(first, fiscal_year_start_month=2)

    assert (before.start, before.end) == (date(2023, 11, 1), date(2024, 1, 31))


def test_periods_follow_each_other_up_to_the_end_of_the_fiscal_quarters() -> None:
    origin = date(2024, 5, 15)
    days = days_ahead(origin, quarters=2, fiscal_year_start_month=2)
    until = date.fromordinal(origin.toordinal() + days)

    assert until == date(2024, 10, 31)
    months = [p.start.month for p in periods_after("month", origin, until, 2)]
    quarters = [p.start.month for p in periods_after("quarter", origin, until, 2)]
    assert months == [5, 6, 7, 8, 9, 10]
    assert quarters == [5, 8]


def test_on_the_last_day_of_a_quarter_the_next_one_is_the_present_one() -> None:
    assert days_ahead(date(2024, 3, 31), quarters=1) == 91
