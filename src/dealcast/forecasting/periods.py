"""Weeks, months and fiscal quarters after a day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from dealcast.snapshots import EPOCH, day_number, quarter_end, quarter_start

Kind = Literal["week", "month", "quarter"]
KINDS: tuple[Kind, ...] = ("week", "month", "quarter")
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """One week (from Monday), month or fiscal quarter; both days belong to it."""

    kind: Kind
    start: date
    end: date

    @property
    def days(self) -> int:
        """Its length (days)."""
        return (self.end - self.start).days + 1

    def days_after(self, origin: date) -> int:
        """How many of its days come after a day."""
        return max(0, min(self.days, (self.end - origin).days))


def period_of(kind: Kind, day: date, fiscal_year_start_month: int = 1) -> Period:
    """The period that holds a day.

    >>> period_of("quarter", date(2024, 1, 9), fiscal_year_start_month=2)
    Period(kind='quarter', start=datetime.date(2023, 11, 1), end=datetime.date(2024, 1, 31))
    """
    if kind == "week":
        monday = day - timedelta(days=day.weekday())
        return Period(kind, monday, monday + timedelta(days=6))
    if kind == "month":
        first = day.replace(day=1)
        return Period(kind, first, (first + timedelta(days=31)).replace(day=1) - ONE_DAY)
    number = day_number(day)
    start = quarter_start(number, fiscal_year_start_month=fiscal_year_start_month)
    end = quarter_end(number, fiscal_year_start_month=fiscal_year_start_month)
    return Period(kind, EPOCH + timedelta(days=start), EPOCH + timedelta(days=end))


def period_before(period: Period, fiscal_year_start_month: int = 1) -> Period:
    """The period of the same kind before."""
    return period_of(period.kind, period.start - ONE_DAY, fiscal_year_start_month)


def last_day(origin: date, quarters: int, fiscal_year_start_month: int = 1) -> date:
    """The end of so many fiscal quarters, the one of the day after the origin first.

    >>> last_day(date(2017, 12, 31), quarters=2)
    datetime.date(2018, 6, 30)
    """
    end = origin
    for _ in range(quarters):
        end = period_of("quarter", end + ONE_DAY, fiscal_year_start_month).end
    return end


def days_ahead(origin: date, quarters: int, fiscal_year_start_month: int = 1) -> int:
    """How many days after the origin an outlook must reach for so many fiscal quarters."""
    return (last_day(origin, quarters, fiscal_year_start_month) - origin).days


def periods_after(
    kind: Kind, origin: date, until: date, fiscal_year_start_month: int = 1
) -> Iterator[Period]:
    """Those with a day after the origin that end by a day, in order; the first may have begun.

    >>> [str(p.start) for p in periods_after("month", date(2017, 11, 20), date(2018, 1, 31))]
    ['2017-11-01', '2017-12-01', '2018-01-01']
    """
    period = period_of(kind, origin + ONE_DAY, fiscal_year_start_month)
    while period.end <= until:
        yield period
        period = period_of(kind, period.end + ONE_DAY, fiscal_year_start_month)
