"""The steps of the win model: train it, score with it."""

import logging
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from dealcast.errors import LeakError, OtherVersionError, SettingsError
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import catalogue_fingerprint
from dealcast.sums import exact_sum
from dealcast.tracking.base import ModelVersion, Param
from dealcast.workflow.champions import (
    champion_model,
    fitting_context,
    register_and_contest,
)
from dealcast.workflow.manifest import StepRecord
from dealcast.workflow.memory import memory_allowed, rows_per_batch
from dealcast.workflow.workspace import Made, Workspace

logger = logging.getLogger(__name__)

# What scoring an opportunity of a batch takes at its peak; larger batches are not faster.
SCORING_BYTES, SCORING_GB = 1_600, 1.0


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
    from dealcast.modeling.amounts import worth
    from dealcast.modeling.movement import Issued, score_changes

    model, why = champion_model(ws)
    former = _former_scores(ws)
    made = Made()
    scores, today = _scored(ws, made, model)
    ws.save(made, "scores", scores, scores_contract(model.horizons_days))
    ws.save(made, "scores_issued", scores.select(pl.lit(ws.run_id).alias("run_id"), pl.all()))
    made.objects["scored_with"] = f"runs/{ws.run_id}/scored_with.json"
    ws.store.put_json(made.objects["scored_with"], today.to_dict())
    keep_amounts(ws, made, worth(ws.known_tables(), ws.as_of))
    if former is not None:
        changes = score_changes(former, Issued(today, scores))
        ws.save(made, "score_changes", changes)
    horizon = max(model.horizons_days)
    scored = scores.filter(pl.col(f"p_won_{horizon}").is_not_null())
    made.figures = {
        "scoring_model": model.model_id,
        "scoring_model_why": why,
        "open_opportunities": scores.height,
        "scored": scored.height,
        "stale": int(scores["is_stale"].sum()),
        "expected_value": _total(scores, "expected_value"),
        "expected_wins": _total(scored, f"p_won_{horizon}"),
        "horizon_days": horizon,
        "grades": dict(scored.group_by("grade").len().sort("grade").iter_rows()),
    }
    logger.info("%s of %s open opportunities scored", f"{scored.height:,}", f"{scores.height:,}")
    return made


def _total(frame: pl.DataFrame, column: str) -> float:
    total: float = frame.select(exact_sum(pl.col(column))).item()
    return total


def keep_amounts(ws: Workspace, made: Made, worth: Any) -> None:
    """What a win brings where nothing is stated, for whoever scores more by the same model."""
    from dealcast.modeling.amounts import unstated

    made.objects["amounts"] = f"runs/{ws.run_id}/amounts.json"
    ws.store.put_json(made.objects["amounts"], {"unstated": unstated(worth).to_dicts()})


def _scored(ws: Workspace, made: Made, model: Any) -> tuple[pl.DataFrame, Any]:
    """The scores, and the model as it scored; their reasons, which are many more, are saved."""
    from dealcast.contracts import most_valuable
    from dealcast.modeling.scoring import score_in_batches

    tables = ws.known_tables()
    allowed = memory_allowed(ws.settings.engine.memory_gb)
    batches = score_in_batches(
        model,
        tables,
        as_of=ws.as_of,
        catalogue_fingerprint=catalogue_fingerprint(CATALOGUE),
        grades=ws.settings.model.grades,
        batch_rows=rows_per_batch(
            tables.opportunities.select(pl.len()).collect().item(),
            bytes_per_row=SCORING_BYTES,
            memory_gb=min(SCORING_GB, allowed / 8),
        ),
    )
    parts, today = [], model
    with ws.parts(made, "score_reasons") as reasons:
        for batch in batches:
            reasons.add(batch.reasons)
            parts.append(batch.scores)
            today = batch.model
    return most_valuable(pl.concat(parts)), today


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
