"""Every origin in turn: what each method would have issued then, beside what came."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from dealcast.contracts import ForecastBacktest
from dealcast.forecasting.bookings import Bookings, bookings_by
from dealcast.forecasting.evidence import Evidence, evidence_at
from dealcast.forecasting.intervals import interval
from dealcast.forecasting.methods import METHODS, MODEL
from dealcast.forecasting.outlook import Outlook
from dealcast.forecasting.periods import (
    KINDS,
    ONE_DAY,
    days_ahead,
    period_before,
    period_of,
    periods_after,
)
from dealcast.settings.tree import ForecastSettings

# Months that must have gone by before the first origin, and that a bias factor is learnt from.
MONTHS_IN_A_QUARTER = 3

OutlookOn = Callable[[date, int], Outlook]
Progress = Callable[[str, float], None]
Row = dict[str, Any]


def origins(bookings: Bookings, *, latest: int) -> list[date]:
    """Last days of months with three whole months of bookings before and a whole one after.

    At most the latest ones, in order.
    """
    month = period_of("month", bookings.known_until + ONE_DAY)
    found: list[date] = []
    while len(found) < latest:
        month = period_before(month)
        before = month
        for _ in range(MONTHS_IN_A_QUARTER):
            before = period_before(before)
        if not bookings.covers(before):
            break
        found.append(month.start - ONE_DAY)
    return found[::-1]


def backtest(  # noqa: PLR0913 - keywords from different parts of the run
    opportunities: pl.DataFrame,
    outlook_on: OutlookOn,
    settings: ForecastSettings,
    *,
    as_of: date,
    fiscal_year_start_month: int = 1,
    progress: Progress = lambda _note, _share: None,
) -> pl.DataFrame:
    """The contract ForecastBacktest: every method at the origins, for periods ended by `as_of`.

    `outlook_on` is given an origin and how many days its outlook must reach; it must know nothing
    later than the origin. Without an origin, as the history is too short, there are no rows.
    """
    bookings = bookings_by(opportunities, as_of)
    at = origins(bookings, latest=settings.origins)
    rows: list[Row] = []
    for done, origin in enumerate(at):
        progress(f"origin {origin}", done / len(at))
        days = days_ahead(origin, settings.quarters, fiscal_year_start_month)
        evidence = evidence_at(
            outlook_on(origin, days),
            opportunities,
            fiscal_year_start_month=fiscal_year_start_month,
        )
        evidence = replace(evidence, bias_factor=bias_factor(rows, origin))
        issued = [
            row | {"actual": bookings.total(row["period_start"], row["period_end"])}
            for name in METHODS
            for row in rows_of(name, evidence, until=min(as_of, evidence.until))
        ]
        rows += with_intervals(issued, rows, settings.interval)
    return _frame(rows)


def bias_factor(rows: Sequence[Row], known_until: date) -> float:
    """What came in the last three months by what the model had expected a month ahead.

    1 before there are three: as a model errs differently in each month of the quarter, fewer
    would take the shape of the quarter for a bias. Booked amounts do not count.
    """
    known = [
        row
        for row in rows
        if (row["method"], row["period_kind"], row["ahead"]) == (MODEL, "month", 1)
        and row["period_end"] <= known_until
    ][-MONTHS_IN_A_QUARTER:]
    expected = sum(row["forecast"] - row["booked"] for row in known)
    if len(known) < MONTHS_IN_A_QUARTER or expected <= 0:
        return 1.0
    return float(sum(row["actual"] - row["booked"] for row in known) / expected)


def rows_of(method: str, evidence: Evidence, *, until: date) -> Iterator[Row]:
    """One row per week, month and quarter that ends by a day; none where the method cannot tell."""
    pipeline, new_business = evidence.split(METHODS[method].daily(evidence))
    for kind in KINDS:
        month = evidence.fiscal_year_start_month
        for ahead, period in enumerate(periods_after(kind, evidence.origin, until, month), start=1):
            rest = evidence.rest_of(period)
            parts = {
                "booked": evidence.booked(period),
                "pipeline": float(pipeline[rest].sum()),
                "new_business": float(new_business[rest].sum()),
            }
            if not np.isfinite(sum(parts.values())):
                continue
            yield {
                "issued_on": evidence.origin,
                "period_kind": kind,
                "period_start": period.start,
                "period_end": period.end,
                "ahead": ahead,
                "method": method,
                **parts,
                "forecast": sum(parts.values()),
            }


def with_intervals(rows: Sequence[Row], past: Sequence[Row], level: float) -> list[Row]:
    """The rows with low, high, level and note, from the past errors known when they were issued.

    Those of the same method, kind of period and periods ahead speak for a row.
    """
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in past:
        alike.setdefault(_case(row), []).append(row)
    return [
        row | interval(row, alike.get(_case(row), []), level)._asdict() | {"level": level}
        for row in rows
    ]


def _case(row: Row) -> tuple[Any, ...]:
    return row["method"], row["period_kind"], row["ahead"]


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    schema = {name: c.dtype for name, c in ForecastBacktest.columns().items()}
    return pl.DataFrame(rows, schema=schema)
