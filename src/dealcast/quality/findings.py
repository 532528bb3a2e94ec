"""What only the whole export can show: where it is cut off, and what gives the outcome away."""

from collections.abc import Callable
from datetime import date, timedelta
from math import sqrt

import polars as pl

from dealcast.cells import usable
from dealcast.contracts import CLOSED_STAGES, OPEN_STAGES
from dealcast.quality.spec import Finding, NotApplicable, Reading

# Closes that the later pace would have given before the first one seen. Without truncation the
# expected number is exponential with mean 1, so that 10 is passed in 1 of 22,000 exports.
CLOSES_EXPECTED = 10.0
# A gap is named where it is so long and so many events would have been usual in it.
GAP_DAYS, GAP_EVENTS_EXPECTED = 28, 20.0
# Blank by outcome: fill rates this far apart (share), beyond chance (standard errors).
FILL_RATES_APART, STANDARD_ERRORS = 0.2, 5.0
FEWEST_ROWS = 20

_is_open = pl.col("deal_stage").is_in(OPEN_STAGES)
_is_closed = pl.col("deal_stage").is_in(CLOSED_STAGES)


def ends_mid_flight(reading: Reading) -> Finding | NotApplicable:
    """Opportunities that are open where the export ends: their outcome is censored, not missing."""
    if reading.as_of is None:
        return NotApplicable("the export has no readable date")
    frame = reading.opportunities
    still_open = frame.filter(_is_open).height
    return Finding(
        still_open,
        frame.height,
        f"The export ends on {reading.as_of} while {still_open:,} of {frame.height:,} "
        "opportunities are open: how they end is not known yet (right-truncated).",
    )


def starts_mid_flight(reading: Reading) -> Finding | NotApplicable:
    """Opportunities engaged before any close is on record: those that closed earlier are not there.

    Compares the closes before the first one seen (none, by definition) with the number that
    would be there at the pace of the opportunities engaged later.
    """
    dated = reading.opportunities.select(
        _is_closed.alias("closed"), engaged=usable("engage_date"), closes=usable("close_date")
    ).filter(pl.col("engaged").is_not_null())
    first_close: date | None = dated.filter("closed").select(pl.min("closes")).item()
    if first_close is None:
        return NotApplicable("no closed opportunity has both dates")
    early = dated.filter(pl.col("engaged") < first_close)
    later = dated.filter(pl.col("engaged") >= first_close)
    if later.is_empty():
        return NotApplicable("no opportunity was engaged after the first close")
    ages = later.filter("closed").select((pl.col("closes") - pl.col("engaged")).dt.total_days())
    waited = early.select((pl.lit(first_close) - pl.col("engaged")).dt.total_days() - 1)
    sooner = ages.to_series().drop_nulls().sort().search_sorted(waited.to_series(), side="right")
    expected = float(sooner.sum()) / later.height
    first_engaged = early.select(pl.min("engaged")).item()
    return Finding(
        early.height if expected >= CLOSES_EXPECTED else 0,
        reading.opportunities.height,
        f"No close before {first_close}, though {early.height:,} opportunities were engaged from "
        f"{first_engaged} on; at the later pace about {expected:,.0f} would have closed "
        "by then. Those engaged early are survivors (left-truncated).",
    )


def gap_in(column: str) -> Callable[[Reading], Finding | NotApplicable]:
    """The longest run of days without an event, where many would have been usual in it."""

    def longest_gap(reading: Reading) -> Finding | NotApplicable:
        dates = _days(reading.opportunities, column)
        if dates.height <= 1:
            return NotApplicable(f"fewer than two days have a readable {column}")
        last = dates.with_columns(
            first=pl.col("last").shift(1) + pl.duration(days=1),
            days=pl.col("last").diff().dt.total_days() - 1,
        )
        gap = last.sort("days", nulls_last=False, maintain_order=True).row(-1, named=True)
        span = (dates["last"][-1] - dates["last"][0]).days
        usual = gap["days"] * dates["events"].sum() / span
        is_gap = gap["days"] >= GAP_DAYS and usual >= GAP_EVENTS_EXPECTED
        return Finding(
            gap["days"] if is_gap else 0,
            span,
            f"No {column} from {gap['first']} to {gap['last'] - timedelta(days=1)} "
            f"({gap['days']:,} days), where about {usual:,.0f} would be usual.",
        )

    return longest_gap


def _days(opportunities: pl.DataFrame, column: str) -> pl.DataFrame:
    """Each day of the column, as `last`, in order, with its `events`."""
    # A date stands in many rows: count first, then parse.
    counts = opportunities.group_by(column).agg(events=pl.len())
    days = counts.select("events", last=usable(column)).filter(pl.col("last").is_not_null())
    return days.group_by("last").agg(pl.sum("events")).sort("last")


def blank_by_outcome(column: str) -> Callable[[Reading], Finding | NotApplicable]:
    """Whether the mere presence of a value tells closed from open opportunities."""

    def depends(reading: Reading) -> Finding | NotApplicable:
        blank = pl.col(column).is_null()
        groups = reading.opportunities.select(
            open=_is_open.sum(),
            closed=_is_closed.sum(),
            open_blank=(blank & _is_open).sum(),
            closed_blank=(blank & _is_closed).sum(),
        ).row(0, named=True)
        if min(groups["open"], groups["closed"]) < FEWEST_ROWS:
            return NotApplicable(f"fewer than {FEWEST_ROWS} open or closed opportunities")
        both = groups["open"] + groups["closed"]
        when_open = groups["open_blank"] / groups["open"]
        when_closed = groups["closed_blank"] / groups["closed"]
        overall = (groups["open_blank"] + groups["closed_blank"]) / both
        noise = sqrt(overall * (1 - overall) * (1 / groups["open"] + 1 / groups["closed"]))
        apart = abs(when_open - when_closed)
        fires = apart >= FILL_RATES_APART and apart > STANDARD_ERRORS * noise
        return Finding(
            groups["open_blank"] + groups["closed_blank"] if fires else 0,
            both,
            f"{column} is blank on {when_open:.0%} of open and {when_closed:.0%} of closed "
            "opportunities: its presence gives the outcome away, never use it as a model input.",
        )

    return depends


def constant_columns(reading: Reading) -> Finding | NotApplicable:
    """Columns with one and the same value in every row, which tell rows apart by nothing."""
    frame = reading.opportunities
    columns = [
        c
        for c in ("sales_agent", "product", "account", "deal_stage", "engage_date", "close_date")
        if c in frame.columns and frame[c].count() >= FEWEST_ROWS
    ]
    if not columns:
        return NotApplicable(f"no column has {FEWEST_ROWS} values")
    constant = [c for c in columns if frame[c].drop_nulls().n_unique() == 1]
    values = ", ".join(f"{c} is always '{frame[c].drop_nulls()[0]}'" for c in constant)
    return Finding(len(constant), len(columns), f"{values}: a default that nobody changes?")
