"""The bookings forecast: tested at earlier origins, issued by the method that held."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from dealcast.contracts import Forecast
from dealcast.forecasting.backtest import (
    OutlookOn,
    Progress,
    Row,
    backtest,
    bias_factor,
    rows_of,
    with_intervals,
)
from dealcast.forecasting.champion import Champion, Figures, choose, coverage, figures
from dealcast.forecasting.evidence import Evidence, evidence_at
from dealcast.forecasting.methods import BLEND, METHODS, MODEL, SEASONAL_NAIVE, method_named
from dealcast.forecasting.outlook import Outlook
from dealcast.forecasting.periods import ONE_DAY, days_ahead, period_before, period_of
from dealcast.settings.tree import ForecastSettings

AUTO = "auto"


@dataclass(frozen=True, eq=False)
class BookingsForecast:
    """What is issued, and all that speaks for and against it.

    `forecast`: the contract Forecast; `backtest`: the contract ForecastBacktest. `coverage`: by
    kind of period, how many past intervals of this method there were and the share (0-1) that
    held. `bias_factor`: of the model, as of now. `notes`: what the figures leave out, in words.
    `history`: period_start and `booked` of the whole months known; `beside`: what the seasonal
    naive forecast says of months and quarters (period_kind, period_start, forecast).
    """

    forecast: pl.DataFrame
    backtest: pl.DataFrame
    champion: Champion
    figures: tuple[Figures, ...]
    coverage: Mapping[str, tuple[int, float]]
    bias_factor: float
    notes: tuple[str, ...]
    history: tuple[Row, ...] = ()
    beside: tuple[Row, ...] = ()

    @property
    def summary(self) -> str:
        """A sentence on the method and one on its intervals."""
        level = self.forecast["level"][0]
        held = "; ".join(f"{share:.0%} of {n} {k}s" for k, (n, share) in self.coverage.items())
        nothing = "no interval could be tested yet"
        reason = self.champion.reason.rstrip(".")
        return f"{reason[:1].upper()}{reason[1:]}. Intervals for {level:.0%}: {held or nothing}."

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the two tables."""
        return {
            "summary": self.summary,
            "champion": self.champion.to_dict(),
            "figures": [asdict(f) for f in self.figures],
            "coverage": {k: {"n": n, "covered": c} for k, (n, c) in self.coverage.items()},
            "bias_factor": self.bias_factor,
            "notes": list(self.notes),
            **{
                name: [r | {"period_start": r["period_start"].isoformat()} for r in rows]
                for name, rows in (("history", self.history), ("beside", self.beside))
            },
        }


def forecast_bookings(  # noqa: PLR0913 - keywords from different parts of the run
    opportunities: pl.DataFrame,
    outlook_on: OutlookOn,
    settings: ForecastSettings,
    *,
    as_of: date,
    fiscal_year_start_month: int = 1,
    current: str = BLEND,
    progress: Progress = lambda _note, _share: None,
) -> BookingsForecast:
    """Bookings per week, month and fiscal quarter after `as_of`, the contract Forecast.

    `opportunities`: the contract Opportunities. `outlook_on(origin, days)` gives the outlook by
    what was known at the end of the origin, for so many days; it is asked for `as_of` and for
    every origin of the backtest. `current`: the method issued last. Raises HistoryTooShortError
    where nothing has closed, ModelError where nobody knows what a win is worth, SettingsError
    where the method in the settings is not known.
    """
    if settings.method != AUTO:
        method_named(settings.method)
    tested = backtest(
        opportunities,
        outlook_on,
        settings,
        as_of=as_of,
        fiscal_year_start_month=fiscal_year_start_month,
        progress=progress,
    )
    outlook = outlook_on(as_of, days_ahead(as_of, settings.quarters, fiscal_year_start_month))
    evidence = evidence_at(outlook, opportunities, fiscal_year_start_month=fiscal_year_start_month)
    past = tested.to_dicts()
    evidence = replace(evidence, bias_factor=bias_factor(past, as_of))
    champion = _chosen(tested, evidence, settings, current)
    rows = with_intervals(
        list(rows_of(champion.method, evidence, until=evidence.until)), past, settings.interval
    )
    schema = {name: column.dtype for name, column in Forecast.columns().items()}
    return BookingsForecast(
        forecast=pl.DataFrame(rows, schema=schema),
        backtest=tested,
        champion=champion,
        figures=tuple(figures(tested)),
        coverage=coverage(tested, champion.method),
        bias_factor=evidence.bias_factor,
        notes=(
            *_notes(opportunities, outlook, rows),
            *_disagreement(champion.method, evidence, rows),
        ),
        history=tuple(_history(evidence)),
        beside=tuple(_seasonal_naive(evidence)),
    )


def _history(evidence: Evidence) -> list[Row]:
    """What was booked in each whole month that the export holds, the earliest first."""
    months, month = [], period_of("month", evidence.origin + ONE_DAY)
    while evidence.bookings.covers(month := period_before(month)):
        months.append({"period_start": month.start, "booked": evidence.booked(month)})
    return months[::-1]


def _seasonal_naive(evidence: Evidence) -> Iterator[Row]:
    for row in rows_of(SEASONAL_NAIVE, evidence, until=evidence.until):
        if row["period_kind"] != "week":
            yield {name: row[name] for name in ("period_kind", "period_start", "forecast")}


def _chosen(
    tested: pl.DataFrame, evidence: Evidence, settings: ForecastSettings, current: str
) -> Champion:
    champion = choose(tested, current=current)
    if settings.method != AUTO:
        champion = replace(
            champion,
            method=settings.method,
            reason=f"'{settings.method}' is issued because forecast.method says so. "
            + champion.reason,
        )
    if np.isfinite(METHODS[champion.method].daily(evidence)).all():
        return champion
    reason = f"'{champion.method}' needs a fiscal quarter of history: the model, for now"
    return replace(champion, method=MODEL, reason=reason)


def _disagreement(method: str, evidence: Evidence, rows: list[Row]) -> Iterator[str]:
    """Where the model alone lies outside the interval of the next quarter, both are said."""
    quarter = next((r for r in rows if r["period_kind"] == "quarter"), None)
    if quarter is None or quarter["low"] is None:
        return
    until = quarter["period_end"]
    alone = next(
        r
        for r in rows_of(MODEL, evidence, until=until)
        if (r["period_kind"], r["period_start"]) == ("quarter", quarter["period_start"])
    )["forecast"]
    if not quarter["low"] <= alone <= quarter["high"]:
        yield (
            f"for the quarter to {until} the model alone says {alone:,.0f}, outside the interval "
            f"of '{method}': the methods disagree by more than past errors tell"
        )


def _notes(opportunities: pl.DataFrame, outlook: Outlook, rows: list[Row]) -> Iterator[str]:
    origin = outlook.origin
    prospecting = opportunities["deal_stage"] == "Prospecting"
    undated = (prospecting & opportunities["engage_date"].is_null()).sum()
    if undated:
        yield (
            f"{undated:,} opportunities have not been engaged: they have no clock, "
            "and count as new business once they are"
        )
    unknown = outlook.open["amount"].is_null().to_numpy()
    if unknown.any():
        wins = outlook.added_up(unknown.astype(np.float64)).sum()
        yield (
            f"{unknown.sum():,} open opportunities have no known amount: the {wins:.1f} wins "
            "expected of them are counted as worth nothing"
        )
    without = sum(row["low"] is None for row in rows)
    if without:
        yield f"{without} of {len(rows)} periods have no interval yet: too few past errors"
    later = (opportunities["close_date"] > origin).sum()
    if later:
        yield f"{later:,} opportunities closed after {origin}: what is known of them is not used"
