from collections.abc import Callable, Iterable
from datetime import date

import polars as pl
import pytest

from dealcast.errors import HistoryTooShortError
from dealcast.forecasting.bookings import bookings_by
from dealcast.forecasting.periods import period_of

Make = Callable[[Iterable[tuple[object, ...]]], pl.DataFrame]

ROWS = [
    ("Won", date(2024, 1, 1), date(2024, 1, 3), 50.0),
    ("Won", date(2024, 1, 1), date(2024, 2, 3), 70.0),
    ("Lost", date(2024, 1, 1), date(2024, 2, 4), 0.0),
    ("Won", date(2024, 1, 1), date(2024, 3, 5), 900.0),
    ("Engaging", date(2024, 1, 1), None, None),
]


def test_what_was_won_until_a_day_is_booked_and_nothing_later(opportunities_of: Make) -> None:
    bookings = bookings_by(opportunities_of(ROWS), date(2024, 2, 29))

    assert (bookings.won, bookings.closed) == (2, 3)
    assert bookings.total(date(2024, 1, 1), date(2024, 1, 31)) == 50
    assert bookings.total(date(2023, 1, 1), date(2024, 12, 31)) == 120
    assert bookings.total(date(2023, 1, 1), date(2024, 1, 2)) == 0


def test_a_month_is_covered_where_the_first_close_is_in_its_first_week(
    opportunities_of: Make,
) -> None:
    bookings = bookings_by(opportunities_of(ROWS), date(2024, 2, 28))

    assert bookings.covers(period_of("month", date(2024, 1, 1)))
    assert not bookings.covers(period_of("month", date(2023, 12, 1)))
    assert not bookings.covers(period_of("month", date(2024, 2, 1)))


def test_without_a_close_there_is_nothing_to_forecast_from(opportunities_of: Make) -> None:
    with pytest.raises(HistoryTooShortError, match="No opportunity had closed by 2024-01-02"):
        bookings_by(opportunities_of(ROWS), date(2024, 1, 2))
