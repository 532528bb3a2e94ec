"""What was known at an origin, as expected bookings per day after it."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from dealcast.errors import ModelError
from dealcast.forecasting.arrivals import arrivals_by
from dealcast.forecasting.bookings import Bookings, bookings_by
from dealcast.forecasting.outlook import FloatArray, Outlook
from dealcast.forecasting.periods import ONE_DAY, Period

# A new opportunity is worth the mean of what was won in so many days.
RECENT_WINS_DAYS = 182


@dataclass(frozen=True, eq=False)
class Evidence:
    """Bookings until the origin, and what the model expects per day after it (currency).

    `pipeline`: from opportunities open at the origin; `new_business`: from those engaged later.
    `open_amount`: of all open ones that have been engaged. `bias_factor`: what the model's
    expectation is to be multiplied by, as far as past errors tell.
    """

    origin: date
    bookings: Bookings
    pipeline: FloatArray
    new_business: FloatArray
    open_amount: float
    fiscal_year_start_month: int = 1
    bias_factor: float = 1.0

    @property
    def model(self) -> FloatArray:
        """All that the model expects, per day."""
        return self.pipeline + self.new_business

    @property
    def until(self) -> date:
        """The last day it reaches."""
        return self.origin + timedelta(days=len(self.pipeline))

    def rest_of(self, period: Period) -> slice:
        """The days of the period that come after the origin, as positions."""
        end = (period.end - self.origin).days
        return slice(end - period.days_after(self.origin), end)

    def booked(self, period: Period) -> float:
        """What was won in the period until the origin."""
        return self.bookings.total(period.start, min(period.end, self.origin))

    def split(self, daily: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Expected bookings per day in two parts: pipeline, new business.

        Of the open opportunities as much as the model expects, and as the scores say, whatever
        the method; the rest is new business.
        """
        pipeline = np.minimum(self.pipeline, daily)
        return pipeline, daily - pipeline


def evidence_at(
    outlook: Outlook, opportunities: pl.DataFrame, *, fiscal_year_start_month: int = 1
) -> Evidence:
    """The evidence of an outlook; what opportunities tell of days after its origin is not read.

    An open opportunity without an amount adds nothing. Raises ModelError where nothing was won
    yet and nothing that is open has an amount.
    """
    origin = outlook.origin
    bookings = bookings_by(opportunities, origin)
    amount = outlook.open["amount"].cast(pl.Float64)
    known = amount.fill_null(0.0).to_numpy()
    arrivals = arrivals_by(
        opportunities,
        origin,
        complete_from=bookings.first_close,
        fiscal_year_start_month=fiscal_year_start_month,
    )
    # Not `@`: BLAS splits such a sum by the threads it has, and so rounds otherwise.
    wins = np.einsum("a,ad->d", arrivals.expected(outlook.days), outlook.fresh)
    return Evidence(
        origin=origin,
        bookings=bookings,
        pipeline=outlook.added_up(known),
        new_business=wins * _value_of_a_win(opportunities, origin, amount),
        open_amount=float(known.sum()),
        fiscal_year_start_month=fiscal_year_start_month,
    )


def _value_of_a_win(opportunities: pl.DataFrame, origin: date, amount: pl.Series) -> float:
    """Mean value of recent wins, else of all; without any, the mean amount of what is open."""
    day = pl.col("close_date")
    rows = opportunities.lazy().filter(pl.col("deal_stage") == "Won", day <= origin)
    won = rows.select("close_date", "close_value").collect()
    recent = won.filter(day > origin - RECENT_WINS_DAYS * ONE_DAY)
    for values in (recent["close_value"], won["close_value"], amount):
        known = values.drop_nulls().to_numpy()
        if len(known):
            return float(known.mean())
    raise ModelError(
        f"Nothing was won by {origin}, and no open opportunity has an amount: "
        "nobody knows what a win is worth.",
        remedy="give an export with a price list or with close values",
    )
