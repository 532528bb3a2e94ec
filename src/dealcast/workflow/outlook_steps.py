"""The steps that look ahead and back: the bookings forecast, and drift since training."""

import logging
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from dealcast.errors import ModelError
from dealcast.snapshots import as_known_on
from dealcast.tracking.base import Metric, Table
from dealcast.workflow.champions import champion_model, fitting_context
from dealcast.workflow.manifest import StepRecord
from dealcast.workflow.workspace import Made, Workspace

logger = logging.getLogger(__name__)

# What the dead pipeline is told by: scores of many opportunities are large.
OF_SCORES = ("opportunity_id", "sales_agent", "amount", "expected_value", "is_stale", "age_days")


def forecast(ws: Workspace) -> Made:
    """Bookings to come, the method chosen at earlier origins; what came of earlier forecasts."""
    from dealcast.forecasting import forecast_bookings, score_issued

    model, _ = champion_model(ws)
    made = Made()
    dead = _dead_pipeline(ws, made)
    opportunities = ws.known_tables().opportunities.collect()
    try:
        found = forecast_bookings(
            opportunities,
            _outlook_on(ws, model, opportunities),
            ws.settings.forecast,
            as_of=ws.as_of,
            fiscal_year_start_month=ws.settings.data.fiscal_year_start_month,
            progress=ws.progress,
            **_issued_last(ws.records.get("forecast")),
        )
    except ModelError as error:
        logger.warning("no forecast: %s", error.problem)
        made.figures = {"no_forecast": error.problem, "dead_pipeline": dead}
        return made
    ws.save(made, "forecast", found.forecast)
    ws.save(made, "forecast_backtest", found.backtest)
    ws.save(
        made, "forecasts_issued", found.forecast.select(pl.lit(ws.run_id).alias("run_id"), pl.all())
    )
    outcomes = score_issued(ws.store.load("forecasts_issued"), opportunities, as_of=ws.as_of)
    ws.save(made, "forecast_outcomes", outcomes)
    content = {**found.to_dict(), "dead_pipeline": dead}
    made.objects["forecast"] = f"runs/{ws.run_id}/forecast.json"
    ws.store.put_json(made.objects["forecast"], content)
    ws.tracker.log(
        [
            *(
                Metric(f"forecast_wape_{f.method}", f.wape)
                for f in found.figures
                if (f.period_kind, f.ahead) == ("month", 1) and f.wape is not None
            ),
            Table("forecast", found.forecast),
        ]
    )
    logger.info("%s", found.summary)
    made.figures = {
        "forecast_method": found.champion.method,
        "forecast_was_chosen": ws.settings.forecast.method == "auto" and found.champion.n > 0,
        "forecast_summary": found.summary,
        "next_periods": _next_periods(found.forecast),
        "forecast_notes": list(found.notes),
        "forecasts_judged": outcomes.height,
        "dead_pipeline": dead,
    }
    return made


def _dead_pipeline(ws: Workspace, made: Made) -> dict[str, Any]:
    """Save whose open opportunities are stale; returns the figures."""
    from dealcast.forecasting import dead_pipeline

    dead = dead_pipeline(ws.load("scores", "score", OF_SCORES))
    ws.save(made, "dead_pipeline", dead.by_owner)
    return dead.to_dict()


def _outlook_on(ws: Workspace, model: Any, opportunities: pl.DataFrame) -> Any:
    """What the win model says at an origin, learnt anew from what was known then."""
    from dealcast.forecasting import Outlook, bookings_by, origins
    from dealcast.modeling.day_by_day import fitted_by_day
    from dealcast.modeling.history import Record
    from dealcast.modeling.outlook import win_chances
    from dealcast.modeling.recalibration import UNCHANGED

    tables, record = ws.known_tables(), Record.of(opportunities)
    earlier = origins(bookings_by(opportunities, ws.as_of), latest=ws.settings.forecast.origins)
    learnt = {}
    for history, fitted in fitted_by_day([model.estimator], record, earlier, fitting_context(ws)):
        learnt[history.known_until] = fitted
        del history  # before the next one is made: it is large

    def outlook_on(origin: date, days: int) -> Outlook:
        fitted: Any
        if origin in learnt:
            fitted = learnt[origin][model.estimator]
        else:
            fitted = model.updated(record.known_by(origin)).fitted
        # The forecast has a bias factor of its own, from errors of forecasts.
        fitted = replace(fitted, recalibration=UNCHANGED)
        known = as_known_on(tables, origin) if origin < ws.as_of else tables
        return Outlook(origin, *win_chances(fitted, known, origin=origin, days=days))

    return outlook_on


def _next_periods(issued: pl.DataFrame) -> list[dict[str, Any]]:
    """The first period of each kind."""
    first = issued.sort("period_start").unique("period_kind", keep="first", maintain_order=True)
    return first.to_dicts()


def _issued_last(record: StepRecord | None) -> dict[str, str]:
    """The method of the last forecast, which stays where none is better beyond chance."""
    if record is None or not record.figures.get("forecast_was_chosen"):
        return {}
    return {"current": record.figures["forecast_method"]}


def monitor_drift(ws: Workspace) -> Made:
    """Compare what has come in since training with what was trained on; outcomes with scores."""
    from dealcast.monitoring import calibration_over_time, monitor

    model, _ = champion_model(ws)
    tables, month = ws.known_tables(), ws.settings.data.fiscal_year_start_month
    since = model.trained_until if model.trained_until < ws.as_of else None
    scores = _scores_to_judge(ws, model.horizons_days)
    report = monitor(
        tables,
        ws.settings.monitoring,
        as_of=ws.as_of,
        trained_until=since,
        scores=scores,
        fiscal_year_start_month=month,
    )
    made = Made()
    ws.save(made, "drift", report.to_frame())
    if scores is not None:
        over_time = calibration_over_time(
            scores,
            tables.opportunities.collect(),
            as_of=ws.as_of,
            trained_until=since,
            fiscal_year_start_month=month,
        )
        ws.save(made, "calibration_over_time", over_time)
    made.objects["drift"] = f"runs/{ws.run_id}/drift.json"
    ws.store.put_json(made.objects["drift"], report.to_dict())
    ws.tracker.log([Metric("drifted", len(report.drifted)), Table("drift", report.to_frame())])
    logger.info("%s", report.summary)
    made.figures = {
        "drift": report.level,
        "drift_summary": report.summary,
        "drift_exit_code": report.exit_code,
        "retrain_reason": report.retrain_reason,
    }
    return made


def _scores_to_judge(ws: Workspace, horizons: tuple[int, ...]) -> pl.DataFrame | None:
    """Issued scores once the first have matured; before that the predictions of the backtest."""
    matured = pl.col("scored_on") + pl.duration(days=min(horizons)) <= ws.as_of
    if ws.store.load("scores_issued", where=matured, columns=["scored_on"]).height:
        chances = f"^p_won_({'|'.join(map(str, horizons))})$"
        return ws.store.load("scores_issued", columns=["opportunity_id", "scored_on", chances])
    if "backtest_predictions" in ws.record("evaluate").tables:
        return ws.load("backtest_predictions", "evaluate")
    return None
