"""The step that judges every way to learn on later dates, and chooses one."""

import logging
from collections.abc import Mapping
from typing import Any

import polars as pl

from dealcast.errors import HistoryTooShortError
from dealcast.tracking.base import Metric, Table
from dealcast.workflow.champions import fitting_context, judged_opportunities, judged_snapshots
from dealcast.workflow.workspace import Made, Workspace

logger = logging.getLogger(__name__)

# By whom, what and to whom rates are compared, where the export says so.
COMPARED = ("sales_agent", "product", "account", "manager", "regional_office")
NOT_CLOSING = ("sales_agent", "product")
# Parts of the pipeline that the model is judged in, each by itself.
SEGMENTS = ("sales_agent", "product")


def evaluate_model(ws: Workspace) -> Made:
    """Judge every way to learn on later dates than it learnt from, and choose one.

    Too short a history is not a failure: the evaluation is then not applicable, and says why.
    """
    from dealcast.modeling.backtest import backtest

    to_judge = judged_opportunities(ws)
    snapshots = judged_snapshots(ws, to_judge.opportunities)
    try:
        tested = backtest(
            to_judge.opportunities,
            snapshots,
            fitting_context(ws),
            as_of=ws.as_of,
            progress=ws.progress,
        )
    except HistoryTooShortError as error:
        logger.warning("not evaluated: %s", error.problem)
        return Made(figures={"evaluation": None, "not_evaluated": error.problem})
    return _judged(ws, tested, to_judge, snapshots)


def _judged(ws: Workspace, tested: Any, to_judge: Any, snapshots: pl.DataFrame) -> Made:
    from dealcast.modeling.cohorts import cohorts
    from dealcast.modeling.evaluation import evaluate
    from dealcast.modeling.learning_curve import learning_curve
    from dealcast.modeling.selection import choose
    from dealcast.modeling.verdict import judge

    candidates, opportunities = tested.candidates, to_judge.opportunities
    choice = choose(candidates, wanted=ws.settings.model.estimator)
    winning, not_closing = _people(ws, opportunities)
    ws.progress("intervals and noise floors", 0.8)
    evaluation = evaluate(candidates, estimator=choice.estimator, seed=ws.settings.model.seed)
    verdict = judge(
        candidates,
        evaluation,
        winning=winning,
        not_closing=not_closing,
        is_asked_for=choice.is_asked_for,
        judged_on=to_judge.text,
    )
    if verdict.published != choice.estimator:
        evaluation = evaluate(candidates, estimator=verdict.published, seed=ws.settings.model.seed)
    estimator = evaluation.estimator
    ws.progress("learning curve", 0.9)
    curve = learning_curve(
        opportunities,
        snapshots,
        fitting_context(ws),
        estimator=estimator,
        as_of=ws.as_of,
        from_all=tested.latest[estimator],
    )
    made = Made()
    own = candidates.filter(pl.col("estimator") == estimator).drop("estimator")
    ws.save(made, "backtest_predictions", own)
    ws.save(made, "backtest_candidates", candidates)
    segments = _by_segment(own, opportunities)
    content = {
        "summary": verdict.text,
        "verdict": verdict.to_dict(),
        "judged": to_judge.to_dict(),
        "choice": choice.to_dict(),
        **evaluation.to_dict(),
        "learning_curve": curve.to_dicts(),
        "cohorts": cohorts(opportunities, ws.as_of).to_dicts(),
        "by_segment": segments,
        "recalibration": tested.recalibrations[estimator].to_dict(),
    }
    for name, value in (
        ("evaluation", content),
        ("people", [_rates(r) for r in (*winning, *not_closing)]),
    ):
        made.objects[name] = f"runs/{ws.run_id}/{name}.json"
        ws.store.put_json(made.objects[name], value)
    ws.tracker.log([*_records(candidates, evaluation, curve), *_tables(segments)])
    logger.info("%s", verdict.text)
    made.figures = {
        "evaluation": evaluation.headline(),
        "judged": to_judge.to_dict(),
        "summary": verdict.text,
        "verdict": verdict.strength,
        "chosen_estimator": estimator,
        "recalibration": tested.recalibrations[estimator].to_dict(),
        "largest_auc": max(h.figures.auc or 0.0 for h in evaluation.horizons),
    }
    return made


def _records(
    candidates: pl.DataFrame, evaluation: Any, curve: pl.DataFrame
) -> list[Metric | Table]:
    """What the tracker is told of the chosen estimator."""
    from dealcast.modeling.evaluation import by_origin

    by_age = pl.DataFrame(evaluation.horizons[0].by_age, infer_schema_length=None)
    return [
        *(Metric(name, value) for name, value in evaluation.metrics().items()),
        Table("reliability", evaluation.reliability()),
        Table("learning_curve", curve),
        Table("by_age", by_age),
        *_folds(by_origin(candidates), evaluation.estimator),
    ]


def _tables(segments: Mapping[str, Any]) -> list[Table]:
    return [
        Table(f"by_{name}", pl.DataFrame(rows, infer_schema_length=None))
        for name, rows in segments.items()
    ]


def _folds(by_origin: pl.DataFrame, estimator: str) -> list[Metric | Table]:
    """The figures of every fold: those of the chosen estimator as metrics, the step is the fold."""
    own = by_origin.filter(pl.col("estimator") == estimator)
    figures = own.drop("estimator", "horizon_days", "origin", "fold", "n").columns
    metrics = [
        Metric(f"fold_{name}_{row['horizon_days']}d", row[name], step=row["fold"])
        for row in own.iter_rows(named=True)
        for name in figures
        if row[name] is not None
    ]
    return [
        *metrics,
        Table("by_origin", by_origin.with_columns(is_chosen=pl.col("estimator") == estimator)),
    ]


def _by_segment(own: pl.DataFrame, opportunities: pl.DataFrame) -> dict[str, Any]:
    """The model's figures by part of the pipeline."""
    from dealcast.modeling.segments import by_segment

    named = own.join(opportunities.select("opportunity_id", *SEGMENTS), on="opportunity_id")
    return {
        column: by_segment(named, column).to_dicts()
        for column in SEGMENTS
        if named[column].null_count() < named.height
    }


def _people(ws: Workspace, frame: pl.DataFrame) -> tuple[list[Any], list[Any]]:
    """Rates by entity with their tests: of winning, and of never closing."""
    from dealcast.modeling.people import never_closes, win_rates

    tables = ws.known_tables()
    month = ws.settings.data.fiscal_year_start_month
    if tables.sales_agents is not None:
        frame = frame.join(tables.sales_agents.collect(), on="sales_agent", how="left")
    winning = [
        win_rates(frame, by, fiscal_year_start_month=month, seed=ws.settings.model.seed)
        for by in COMPARED
        if by in frame.columns and frame[by].null_count() < frame.height
    ]
    not_closing = [
        never_closes(frame, by, as_of=ws.as_of, seed=ws.settings.model.seed)
        for by in NOT_CLOSING
        if frame[by].null_count() < frame.height
    ]
    return winning, not_closing


def _rates(rates: Any) -> dict[str, Any]:
    """One comparison, JSON-ready."""
    return {**vars(rates), "table": rates.table.to_dicts()}
