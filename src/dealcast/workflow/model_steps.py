"""The steps of the model: judge the ways to learn, train the win model, score."""

import logging
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from dealcast.errors import HistoryTooShortError, LeakError, OtherVersionError, SettingsError
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import catalogue_fingerprint
from dealcast.tracking.base import Metric, ModelVersion, Param, Table
from dealcast.workflow.champions import (
    champion_model,
    judged_opportunities,
    judged_snapshots,
    model_entities,
    register_and_contest,
)
from dealcast.workflow.manifest import StepRecord
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
    from dealcast.modeling.evaluation import by_origin, evaluate
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
    ws.tracker.log(
        [
            *(Metric(name, value) for name, value in evaluation.metrics().items()),
            Table("reliability", evaluation.reliability()),
            Table("learning_curve", curve),
            Table("by_age", pl.DataFrame(evaluation.horizons[0].by_age, infer_schema_length=None)),
            *_folds(by_origin(candidates), estimator),
            *(
                Table(f"by_{name}", pl.DataFrame(rows, infer_schema_length=None))
                for name, rows in segments.items()
            ),
        ]
    )
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


def train_model(ws: Workspace) -> Made:
    """Fit the win model on all that is known, and let it contest the champion."""
    from dealcast.modeling.history import known_by

    return trained(ws, lambda _: known_by(ws.known_tables().opportunities.collect(), ws.as_of))


def trained(ws: Workspace, history_of: Callable[[tuple[str, ...]], Any]) -> Made:
    """The same, where `history_of` gives the history, for which these entities matter."""
    from dealcast.modeling.estimators import DEFAULT
    from dealcast.modeling.recalibration import UNCHANGED, Recalibration
    from dealcast.modeling.training import train_on

    judged = ws.record("evaluate").figures
    _refuse_near_perfect(ws, judged.get("largest_auc", 0.0))
    wanted = ws.settings.model.estimator
    if judged.get("chosen_estimator") and wanted not in ("auto", judged["chosen_estimator"]):
        raise SettingsError(
            f"model.estimator asks for '{wanted}', but '{judged['chosen_estimator']}' was judged.",
            remedy=f"`dealcast run --from evaluate --set model.estimator={wanted}`",
        )
    fallback = DEFAULT if wanted == "auto" else wanted
    recalibration = judged.get("recalibration")
    context = fitting_context(ws)
    model = train_on(
        history_of(context.entities),
        context,
        catalogue_fingerprint=catalogue_fingerprint(CATALOGUE),
        estimator=judged.get("chosen_estimator", fallback),
        recalibration=Recalibration(**recalibration) if recalibration else UNCHANGED,
    )
    version = ModelVersion(
        model_id=model.model_id,
        key=f"models/{model.model_id}.json",
        run_id=ws.run_id,
        estimator=model.estimator,
        trained_until=model.trained_until.isoformat(),
        source=ws.record("ingest").figures["source_kind"],
    )
    ws.store.put_json(version.key, model.to_dict())
    reason, promoted = register_and_contest(ws, version)
    ws.tracker.log([Param("estimator", model.estimator), Param("model_id", model.model_id)])
    champion = ws.registry.champion()
    logger.info("model %s trained until %s; %s", model.model_id, ws.as_of, reason)
    return Made(
        objects={"model": version.key},
        figures={
            "model_id": model.model_id,
            "trained_on": version.source,
            "estimator": model.estimator,
            "model_entities": list(model.entities),
            "champion": champion.model_id if champion else model.model_id,
            "promoted": promoted,
            "promotion": reason,
            "accepted_near_perfect": ws.settings.audit.accept_near_perfect,
        },
    )


def score_open(ws: Workspace) -> Made:
    """Score every open opportunity on the export's last day; every issued score is kept."""
    from dealcast.contracts import scores_contract
    from dealcast.modeling.movement import Issued, score_changes
    from dealcast.modeling.scoring import score

    model, why = champion_model(ws)
    former = _former_scores(ws)
    issued = score(
        model,
        ws.known_tables(),
        as_of=ws.as_of,
        catalogue_fingerprint=catalogue_fingerprint(CATALOGUE),
        grades=ws.settings.model.grades,
    )
    scores = issued.scores
    made = Made()
    ws.save(made, "scores", scores, scores_contract(model.horizons_days))
    ws.save(made, "scores_issued", scores.select(pl.lit(ws.run_id).alias("run_id"), pl.all()))
    ws.save(made, "score_reasons", issued.reasons)
    made.objects["scored_with"] = f"runs/{ws.run_id}/scored_with.json"
    ws.store.put_json(made.objects["scored_with"], issued.model.to_dict())
    if former is not None:
        changes = score_changes(former, Issued(issued.model, scores))
        ws.save(made, "score_changes", changes)
    horizon = max(model.horizons_days)
    scored = scores.filter(pl.col(f"p_won_{horizon}").is_not_null())
    made.figures = {
        "scoring_model": model.model_id,
        "scoring_model_why": why,
        "open_opportunities": scores.height,
        "scored": scored.height,
        "stale": int(scores["is_stale"].sum()),
        "expected_value": float(scores["expected_value"].sum()),
        "expected_wins": float(scored[f"p_won_{horizon}"].sum()),
        "horizon_days": horizon,
        "grades": dict(scored.group_by("grade").len().sort("grade").iter_rows()),
    }
    logger.info("%s of %s open opportunities scored", f"{scored.height:,}", f"{scores.height:,}")
    return made


def _former_scores(ws: Workspace) -> Any:
    """What was issued last, if it can be explained by its own model."""
    from dealcast.modeling.movement import Issued
    from dealcast.modeling.training import WinModel

    record: StepRecord | None = ws.records.get("score")
    if record is None or "scored_with" not in record.objects:
        return None
    content = ws.store.get_json(record.objects["scored_with"])
    scores = ws.store.load("scores", version=record.tables["scores"])
    if content is None or scores.is_empty():
        return None
    scored_on: date = scores["scored_on"][0]
    if scored_on > ws.as_of:
        return None
    try:
        return Issued(WinModel.from_dict(content), scores)
    except OtherVersionError:
        return None


def fitting_context(ws: Workspace) -> Any:
    """How estimators are to be fitted; only fields that the leak gate let in are there."""
    from dealcast.modeling.estimators import Context

    month = ws.settings.data.fiscal_year_start_month
    return Context(ws.settings.model, month, model_entities(ws))


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


def _refuse_near_perfect(ws: Workspace, auc: float) -> None:
    limit, accepted = ws.settings.audit.max_auc_of_model, ws.settings.audit.accept_near_perfect
    if auc <= limit or accepted:
        return
    raise LeakError(
        f"The model's AUC out of time is {auc:.3f}, above {limit:.2f}: so good that the outcome "
        "has probably leaked into it.",
        remedy="`dealcast audit` shows every field by every test; where you can explain it, set "
        "audit.accept_near_perfect to the reason, which is recorded",
    )


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
