"""How many opportunities will be engaged on each of the next days."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from dealcast.forecasting.outlook import FloatArray
from dealcast.snapshots import DayArray, day_number, day_of_quarter, quarter_end, quarter_start

RECENT_DAYS = 91
# The same day of last quarter and so many days on either side of it.
SMOOTHED_DAYS = 5
# Past guesses of the arrivals in so many days, made every week, show which way is better.
JUDGED_DAYS, EVERY_DAYS = 28, 7


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Opportunities engaged per day (counts); `first` is the day number of the first day.

    It must not begin before the first close of the export: those engaged earlier are in it only
    if they had not closed yet.
    """

    first: int
    counts: FloatArray
    fiscal_year_start_month: int = 1

    @property
    def last(self) -> int:
        """Day number of the last known day."""
        return self.first + len(self.counts) - 1

    def expected(self, days: int) -> FloatArray:
        """Arrivals to expect on each of the next days.

        The recent mean and the same days of last quarter, weighed by the inverse of the mean
        squared errors that each of them would have made (Bates and Granger 1969); alike as long
        as nothing is known of these, and the recent mean alone on days that last quarter lacks.
        """
        weight = self._weight_of_last_quarter()
        return _mixed(self.recent_mean(days), self.last_quarter(days), weight)

    def recent_mean(self, days: int) -> FloatArray:
        """The mean of the last 91 days, or of as many as there are."""
        return np.full(days, self.counts[-RECENT_DAYS:].mean())

    def last_quarter(self, days: int) -> FloatArray:
        """The smoothed counts of the same day of the latest quarter that has it; NaN: none has."""
        source = self._source(np.arange(self.last + 1, self.last + 1 + days)) - self.first
        cumulated = np.concatenate([[0.0], self.counts.cumsum()])
        low = np.clip(source - SMOOTHED_DAYS, 0, len(self.counts))
        high = np.clip(source + SMOOTHED_DAYS + 1, 0, len(self.counts))
        known = (source >= 0) & (source < len(self.counts))
        smoothed = (cumulated[high] - cumulated[low]) / np.maximum(high - low, 1)
        return np.where(known, smoothed, np.nan)

    def until(self, day: int) -> "Arrivals":
        """What was known of them at the end of a day."""
        counts = self.counts[: day - self.first + 1]
        return Arrivals(self.first, counts, self.fiscal_year_start_month)

    def _source(self, day: DayArray) -> DayArray:
        """The same day of the quarter before, and before that, until it is a known one."""
        month = self.fiscal_year_start_month
        place = day_of_quarter(day, fiscal_year_start_month=month)
        source = day
        while (later := source > self.last).any():
            before = quarter_start(source, fiscal_year_start_month=month) - 1
            start = quarter_start(before, fiscal_year_start_month=month)
            end = quarter_end(before, fiscal_year_start_month=month)
            source = np.where(later, np.minimum(start + place, end), source)
        return source

    def _weight_of_last_quarter(self) -> float:
        """Between 0 (recent mean) and 1, by the errors of past guesses."""
        errors = []
        for day in range(self.last - JUDGED_DAYS, self.first + EVERY_DAYS, -EVERY_DAYS):
            then = self.until(day)
            guesses = then.recent_mean(JUDGED_DAYS), then.last_quarter(JUDGED_DAYS)
            came = self.counts[day - self.first + 1 :][:JUDGED_DAYS].sum()
            errors.append([float(guess.sum() - came) ** 2 for guess in guesses])
        squared = np.array(errors).reshape(-1, 2)
        known = ~np.isnan(squared).any(axis=1)
        recent, seasonal = squared[known].sum(axis=0)
        return 0.5 if recent + seasonal == 0 else float(recent / (recent + seasonal))


def arrivals_by(
    opportunities: pl.DataFrame,
    known_until: date,
    *,
    complete_from: date,
    fiscal_year_start_month: int = 1,
) -> Arrivals:
    """The arrivals known at the end of a day, from the day from which the export has them all."""
    day, first = opportunities["engage_date"], day_number(complete_from)
    engaged = day.filter(day.is_between(complete_from, known_until))
    at = day_number(engaged.to_numpy()) - first
    days = (known_until - complete_from).days + 1
    counts = np.bincount(at, minlength=days).astype(np.float64)
    return Arrivals(first, counts, fiscal_year_start_month)


def _mixed(recent: FloatArray, seasonal: FloatArray, weight: float) -> FloatArray:
    return np.where(np.isnan(seasonal), recent, weight * seasonal + (1 - weight) * recent)
