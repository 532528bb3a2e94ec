"""Which opportunities were open on which date, what the export knew then, and how days are counted.

The calendar functions take day numbers and are plain integer arithmetic, so that the same lines
serve a Python int, a NumPy array and a Narwhals column of any engine (date arithmetic differs
between engines). They hold for every date that the contracts allow.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import Any, TypeAlias, TypeVar, overload

import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.contracts import CrmTables, Snapshots
from dealcast.settings import FeatureSettings

Frame: TypeAlias = nw.LazyFrame[Any]
DayArray = npt.NDArray[np.int64]
Days = TypeVar("Days", int, DayArray, nw.Expr)

SNAPSHOT = ("opportunity_id", "snapshot_date", "outcome", "days_to_close")
EPOCH = date(1970, 1, 1)
# Years that begin in March end with the leap day, which makes month lengths a formula; between
# March 1900 and February 2100 every fourth year is a leap year.
_MARCH_1900 = (EPOCH - date(1900, 3, 1)).days


@overload
def day_number(when: date) -> int: ...
@overload
def day_number(when: npt.NDArray[np.datetime64]) -> DayArray: ...
@overload
def day_number(when: nw.Expr) -> nw.Expr: ...
def day_number(
    when: date | npt.NDArray[np.datetime64] | nw.Expr,
) -> int | DayArray | nw.Expr:
    """Days since 1970-01-01 of a date, of an array of dates or of a Narwhals date column.

    >>> day_number(date(2017, 3, 6))
    17231
    """
    if isinstance(when, date):
        return (when - EPOCH).days
    if isinstance(when, np.ndarray):
        return when.astype("datetime64[D]").astype(np.int64)
    # 365 days a year, and one more every fourth; few terms, as engines take time for each.
    new_year = _over(1461 * when.dt.year() - 1969, 4) - 365 * EPOCH.year
    return new_year + when.dt.ordinal_day() - 1


def quarter_start(day: Days, *, fiscal_year_start_month: int = 1) -> Days:
    """Day number of the first day of the fiscal quarter that holds `day`.

    >>> quarter_start(day_number(date(2017, 3, 6))) == day_number(date(2017, 1, 1))
    True
    >>> start = quarter_start(day_number(date(2018, 1, 9)), fiscal_year_start_month=2)
    >>> start == day_number(date(2017, 11, 1))
    True
    """
    return _first_day(_first_month(day, fiscal_year_start_month))


def quarter_end(day: Days, *, fiscal_year_start_month: int = 1) -> Days:
    """Day number of the last day of the fiscal quarter that holds `day`."""
    return _first_day(_first_month(day, fiscal_year_start_month) + 3) - 1


def day_of_quarter(day: Days, *, fiscal_year_start_month: int = 1) -> Days:
    """Days since the fiscal quarter began: 0 on its first day, at most 91."""
    return day - quarter_start(day, fiscal_year_start_month=fiscal_year_start_month)


def week_of_quarter(day: Days, *, fiscal_year_start_month: int = 1) -> Days:
    """Full weeks since the fiscal quarter began: 0 in its first seven days, at most 13."""
    return _over(day_of_quarter(day, fiscal_year_start_month=fiscal_year_start_month), 7)


def month_of_quarter(day: Days, *, fiscal_year_start_month: int = 1) -> Days:
    """Month of the fiscal quarter: 1, 2 or 3."""
    return _months_before(_month(day), fiscal_year_start_month) + 1


def with_quarters(rows: Frame, day: str, *, fiscal_year_start_month: int = 1) -> Frame:
    """The rows with the columns quarter_start, quarter_end and month_of_quarter of a day number.

    Those of the functions of these names; what they share is computed once, as a column.
    """
    month, before = nw.col("month"), nw.col("month_of_quarter") - 1
    return (
        rows.with_columns(month=_month(nw.col(day)))
        .with_columns(month_of_quarter=_months_before(month, fiscal_year_start_month) + 1)
        .with_columns(month=month - before)
        .with_columns(quarter_start=_first_day(month), quarter_end=_first_day(month + 3) - 1)
        .drop("month")
    )


def _month(day: Days) -> Days:
    """Months since March 1900."""
    quarter_days = 4 * day + (4 * _MARCH_1900 + 3)
    day_of_year = _over(quarter_days % 1461, 4)
    return 12 * _over(quarter_days, 1461) + _over(5 * day_of_year + 2, 153)


def _first_month(day: Days, fiscal_year_start_month: int) -> Days:
    """The first month of the day's fiscal quarter, in months since March 1900."""
    month = _month(day)
    return month - _months_before(month, fiscal_year_start_month)


def _months_before(month: Days, fiscal_year_start_month: int) -> Days:
    """How many months of the fiscal quarter come before a month counted from March 1900: 0 to 2."""
    return (month + (12 - fiscal_year_start_month)) % 3


def _first_day(month: Days) -> Days:
    """Day number of the first day of a month counted from March 1900."""
    day_of_year = _over(153 * (month % 12) + 2, 5)
    return _over(1461 * _over(month, 12), 4) + day_of_year - _MARCH_1900


def _over(days: Days, by: int) -> Days:
    """Floor division."""
    if isinstance(days, nw.Expr):
        # On SQL engines Narwhals writes the operand of a division up to eight times over, and these
        # are nested. The half keeps rounding from mattering: nothing comes close to a whole number.
        return ((days + 0.5) * (1 / by)).floor().cast(nw.Int64)
    return days // by


def snapshot_dates(
    opportunities: pl.LazyFrame, settings: FeatureSettings, *, as_of: date
) -> list[date]:
    """The dates on which the open opportunities are looked at, in order; none before a close.

    They start on the first `snapshot_weekday` on or after the first known close: before it no
    outcome can be seen, so who was open then is known of survivors only.

    >>> closes = pl.LazyFrame({"close_date": [date(2017, 3, 1), None]})
    >>> [str(d) for d in snapshot_dates(closes, FeatureSettings(), as_of=date(2017, 3, 15))]
    ['2017-03-06', '2017-03-13']
    """
    known = pl.col("close_date") <= as_of
    first = opportunities.filter(known).select(pl.col("close_date").min()).collect().item()
    if first is None:
        return []
    start = first + timedelta(days=(settings.snapshot_weekday - first.weekday()) % 7)
    every = settings.snapshot_every_days
    return [start + timedelta(days=d) for d in range(0, (as_of - start).days + 1, every)]


def build_snapshots(
    opportunities: pl.LazyFrame, dates: Iterable[date], *, as_of: date
) -> pl.LazyFrame:
    """The contract Snapshots: one row per opportunity and date on which it was open.

    Opportunities without an engage date have no snapshots. A close after `as_of` is not known
    yet: the row is censored. Dates after `as_of` are left out.

    >>> one = pl.LazyFrame({
    ...     "opportunity_id": ["A"], "deal_stage": ["Won"],
    ...     "engage_date": [date(2017, 3, 1)], "close_date": [date(2017, 3, 13)],
    ... })
    >>> mondays = [date(2017, 3, 6), date(2017, 3, 13)]
    >>> build_snapshots(one, mondays, as_of=date(2017, 3, 31)).collect().rows()
    [('A', datetime.date(2017, 3, 6), 'won', 7)]
    """
    rows: pl.LazyFrame = snapshots_of(
        nw.from_native(opportunities), nw.from_native(dates_frame(dates)), as_of=as_of
    ).to_native()
    return rows.pipe(Snapshots.cast)


def dates_frame(dates: Iterable[date]) -> pl.LazyFrame:
    """The dates as a table of `snapshot_date`, in order, each once; for `snapshots_of`."""
    return pl.LazyFrame({"snapshot_date": sorted(set(dates))}, {"snapshot_date": pl.Date})


def snapshots_of(opportunities: Frame, dates: Frame, *, as_of: date) -> Frame:
    """The definition behind `build_snapshots`, for lazy frames of any engine Narwhals knows.

    `dates` has each `snapshot_date` once and is of the same engine. Rows come in no particular
    order.
    """
    calendar = dates.filter(nw.col("snapshot_date") <= as_of).select(
        "snapshot_date", snapshot_day=day_number(nw.col("snapshot_date"))
    )
    return open_on(engagements(opportunities, as_of=as_of), calendar).select(SNAPSHOT)


def engagements(opportunities: Frame, *, as_of: date, also: Sequence[str] = ()) -> Frame:
    """One row per opportunity ever engaged: from when until when it was open, what came of it.

    `also` names further columns to keep.
    """
    # A close that is not known yet is as good as none.
    known = nw.col("close_date") <= as_of
    return opportunities.filter(~nw.col("engage_date").is_null()).select(
        "opportunity_id",
        *also,
        opened_on=day_number(nw.col("engage_date")),
        closed_on=nw.when(known).then(day_number(nw.col("close_date"))),
        outcome=nw.when(known).then(nw.col("deal_stage").str.to_lowercase()),
    )


def open_within(engaged: Frame, first: date, last: date) -> Frame:
    """Of the engagements those that were open on some day from `first` to `last`."""
    closed = nw.col("closed_on")
    return engaged.filter(
        nw.col("opened_on") <= day_number(last), closed.is_null() | (closed > day_number(first))
    )


def open_counts(opportunities: pl.LazyFrame, dates: Sequence[date]) -> list[int]:
    """How many were open on each of the dates, of which none is after the day that is known.

    >>> one = pl.LazyFrame({"engage_date": [date(2017, 3, 1)], "close_date": [date(2017, 3, 13)]})
    >>> open_counts(one, [date(2017, 3, 6), date(2017, 3, 13)])
    [1, 0]
    """
    asked = pl.Series(dates, dtype=pl.Date)
    engaged = opportunities.filter(pl.col("engage_date").is_not_null())
    moves = engaged.select("engage_date", "close_date").collect()
    entered, left = (
        day.drop_nulls().sort().search_sorted(asked, side="right").cast(pl.Int64) for day in moves
    )
    return (entered - left).to_list()


def open_on(engaged: Frame, calendar: Frame) -> Frame:
    """Each engagement on each `snapshot_date` on which it was open, with the columns of both.

    The calendar has the `snapshot_day` of each date too.
    """
    on_polars = calendar.implementation.is_polars()
    pairs: Callable[[Frame, Frame], Frame] = _pairs_on_polars if on_polars else _pairs
    to_close = nw.col("closed_on") - nw.col("snapshot_day")
    return (
        pairs(engaged, calendar)
        .with_columns(days_to_close=to_close.cast(nw.Int32))
        .drop("opened_on", "closed_on")
    )


def _pairs(engaged: Frame, calendar: Frame) -> Frame:
    day, closed = nw.col("snapshot_day"), nw.col("closed_on")
    return engaged.join(calendar, how="cross").filter(
        nw.col("opened_on") <= day, closed.is_null() | (closed > day)
    )


def _pairs_on_polars(engaged: Frame, calendar: Frame) -> Frame:
    """The same by positions in the calendar: of a cross join Polars makes every pair first."""
    dates = calendar.to_native().collect().sort("snapshot_day")
    days = pl.lit(dates["snapshot_day"])
    first_open = days.search_sorted(pl.col("opened_on"), side="left")
    first_closed = days.search_sorted(pl.col("closed_on"), side="left")
    end = pl.when(pl.col("closed_on").is_null()).then(dates.height).otherwise(first_closed)
    position = pl.col("snapshot_position")
    rows = (
        engaged.to_native()
        .with_columns(snapshot_position=pl.int_ranges(first_open, end, dtype=pl.UInt32))
        .explode(position, empty_as_null=False, keep_nulls=False)
        .with_columns(pl.lit(column).gather(position) for column in dates)
        .drop(position)
    )
    frame: Frame = nw.from_native(rows)
    return frame


def as_known_on(tables: CrmTables, day: date) -> CrmTables:
    """The export as it would have looked at the end of `day`, as far as its dates can tell.

    Opportunities engaged later are gone; those closed later are Engaging again, without close
    date and value. What carries no date stays as exported: the dimension tables, opportunities
    not engaged yet, and each opportunity's account. Plans are left out: they are hopes of the
    export's day.
    """
    opportunities = nw.to_native(known_on(nw.from_native(tables.opportunities), day))
    kept = {name: frame for name, frame in tables.to_dict().items() if name != "plans"}
    return CrmTables.cast({**kept, "opportunities": opportunities})


def known_on(opportunities: Frame, day: date) -> Frame:
    """The opportunities as an export at the end of `day` would have had them, on any engine."""
    later = ~nw.col("close_date").is_null() & (nw.col("close_date") > nw.lit(day))
    return opportunities.filter(
        nw.col("engage_date").is_null() | (nw.col("engage_date") <= nw.lit(day))
    ).with_columns(
        deal_stage=nw.when(later).then(nw.lit("Engaging")).otherwise(nw.col("deal_stage")),
        close_date=nw.when(~later).then(nw.col("close_date")),
        close_value=nw.when(~later).then(nw.col("close_value")),
    )
