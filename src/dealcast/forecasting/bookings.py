"""Bookings (revenue of wins) per day, as known at the end of a day."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from dealcast.errors import HistoryTooShortError
from dealcast.forecasting.outlook import FloatArray
from dealcast.forecasting.periods import Period
from dealcast.snapshots import day_number

# An export does not begin with a close on its first day: so many days without one are normal.
QUIET_DAYS = 6


@dataclass(frozen=True, eq=False)
class Bookings:
    """Revenue of wins by close date, from the first close in the export to the last known day.

    `daily`: one value per day (currency). `closed`, `won`: opportunities (counts).
    """

    first_close: date
    known_until: date
    daily: FloatArray
    closed: int
    won: int

    @property
    def complete_from(self) -> date:
        """No close is missing from this day on; before it, the export holds none."""
        return self.first_close - timedelta(days=QUIET_DAYS)

    def total(self, start: date, end: date) -> float:
        """Booked from a day to a day (both included), as far as it is known."""
        first = max((start - self.first_close).days, 0)
        return float(self.daily[first : max((end - self.first_close).days + 1, 0)].sum())

    def covers(self, period: Period) -> bool:
        """Whether all of the period is in the export, and known."""
        return self.complete_from <= period.start and period.end <= self.known_until


def bookings_by(opportunities: pl.DataFrame, known_until: date) -> Bookings:
    """The bookings known at the end of a day.

    Raises HistoryTooShortError where no opportunity had closed by then.
    """
    closed = (
        opportunities.lazy()
        .filter(pl.col("close_date") <= known_until)
        .select("deal_stage", "close_date", "close_value")
        .collect()
    )
    if closed.is_empty():
        raise HistoryTooShortError(
            f"No opportunity had closed by {known_until}: there is nothing to forecast from.",
            remedy="give an export with closed opportunities",
        )
    won = closed.filter(pl.col("deal_stage") == "Won")
    first: date = closed["close_date"].min()  # type: ignore[assignment]
    day = day_number(won["close_date"].to_numpy()) - day_number(first)
    values = won["close_value"].fill_null(0.0).to_numpy()
    days = (known_until - first).days + 1
    return Bookings(
        first_close=first,
        known_until=known_until,
        daily=np.bincount(day, values, minlength=days).astype(np.float64),
        closed=closed.height,
        won=won.height,
    )
