"""Which model scores: the champion, until a challenger is shown to be better."""

from typing import Any

import polars as pl

from dealcast.errors import ModelError, OtherVersionError
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import catalogue_fingerprint
from dealcast.snapshots import build_snapshots, snapshot_dates
from dealcast.tracking.base import ModelVersion, Promotion
from dealcast.workflow.workspace import Workspace

# In the memory of a task that was given a sample: of how many opportunities it was drawn (count).
SAMPLED_FROM = "sampled from"


def model_entities(ws: Workspace) -> tuple[str, ...]:
    """The entities that a model may use: asked for, and let in by the leak gate."""
    excluded = set(ws.record("audit").figures["excluded_features"])
    return tuple(name for name in ws.settings.model.entities if name not in excluded)


def fitting_context(ws: Workspace) -> Any:
    """How estimators are to be fitted; only fields that the leak gate let in are there."""
    from dealcast.modeling.estimators import Context

    month = ws.settings.data.fiscal_year_start_month
    return Context(ws.settings.model, month, model_entities(ws))


def judged_opportunities(ws: Workspace) -> Any:
    """The opportunities that models are judged on: all, or of very many always the same sample."""
    from dealcast.modeling.judged import judged

    model = ws.settings.model
    opportunities = ws.known_tables().opportunities.collect()
    drawn = judged(opportunities, at_most=model.max_judged, seed=model.seed)
    return drawn._replace(out_of=ws.memo.get(SAMPLED_FROM, drawn.out_of))


def judged_snapshots(ws: Workspace, opportunities: pl.DataFrame) -> pl.DataFrame:
    """Their snapshots, as the step `features` made them of all: made again, not read among all."""
    dates = snapshot_dates(ws.known_tables().opportunities, ws.settings.features, as_of=ws.as_of)
    return build_snapshots(opportunities.lazy(), dates, as_of=ws.as_of).collect()


def champion_model(ws: Workspace) -> tuple[Any, str]:
    """The model that scores on `as_of`, and why it does."""
    from dealcast.modeling.training import WinModel

    own = ws.record("train").objects["model"]
    _refuse_model_of_other_source(ws)
    champion = ws.registry.champion()
    key, why = own, "trained by this run"
    if champion is not None and champion.key != own:
        if champion.trained_until > ws.as_of.isoformat():
            why = f"the champion {champion.model_id} knows what came after {ws.as_of}"
        elif champion.source == ws.record("ingest").figures["source_kind"]:
            key, why = champion.key, "champion"
    elif champion is not None:
        why = "champion"
    return WinModel.from_dict(ws.store.require_json(key)), why


def _refuse_model_of_other_source(ws: Workspace) -> None:
    trained_on = ws.record("train").figures.get("trained_on")
    source = ws.record("ingest").figures["source_kind"]
    if trained_on not in (None, source):
        raise ModelError(
            f"The model was trained on an export from '{trained_on}', and the store now holds one "
            f"from '{source}'.",
            remedy=f"train one on it: `dealcast run --from evaluate --root {ws.store.root}`",
        )


def register_and_contest(ws: Workspace, version: ModelVersion) -> tuple[str, bool]:
    """Register the model; promote it where there is evidence, or nothing to compare with."""
    registry, champion = ws.registry, ws.registry.champion()
    if (
        champion is not None
        and champion.source == version.source
        and champion.trained_until > version.trained_until
    ):
        return "an earlier day is replayed: the champion stays", False
    registry.register(version)
    if champion is not None and champion.model_id == version.model_id:
        return "it is the champion", False
    reason, promoted = _judge_challenger(ws, version, champion)
    if promoted:
        registry.promote(Promotion(version.model_id, ws.run_id, reason))
    return reason, promoted


def _judge_challenger(
    ws: Workspace, version: ModelVersion, champion: ModelVersion | None
) -> tuple[str, bool]:
    from dealcast.modeling.champion import contest
    from dealcast.modeling.training import WinModel

    if champion is None:
        return "the first model", True
    content = ws.store.get_json(champion.key)
    if content is None:
        return f"the champion's file {champion.key} is gone", True
    try:
        former = WinModel.from_dict(content)
    except OtherVersionError as error:
        return error.problem, True
    if incomparable := _incomparable(ws, version, champion, former):
        return incomparable, True
    if untried := _untried(ws):
        return untried, False
    met = contest(
        former,
        version.model_id,
        ws.load("backtest_predictions", "evaluate"),
        judged_opportunities(ws).opportunities,
    )
    ws.store.put_json(f"runs/{ws.run_id}/contest.json", met.to_dict())
    return met.reason, met.promoted


def _untried(ws: Workspace) -> str | None:
    """Why the two cannot be compared on the same opportunities; None where they can."""
    if ws.settings.engine.name == "spark":
        return "models trained on Spark are not compared with the champion, which stays"
    if "backtest_predictions" not in ws.record("evaluate").tables:
        return "the history is too short to compare it with the champion"
    return None


def _incomparable(
    ws: Workspace, version: ModelVersion, champion: ModelVersion, former: Any
) -> str | None:
    """Why the champion cannot stay, whatever it predicts; None where it can."""
    reasons = (
        (
            champion.source != version.source,
            f"the champion was trained on another source ({champion.source})",
        ),
        (
            ws.settings.model.estimator != "auto" and champion.estimator != version.estimator,
            f"model.estimator asks for {version.estimator}",
        ),
        (
            former.catalogue_fingerprint != catalogue_fingerprint(CATALOGUE),
            "the champion was trained with another feature catalogue",
        ),
        (
            set(former.horizons_days) != set(ws.settings.model.horizons_days),
            "the champion has other horizons",
        ),
        (
            bool(left_out := set(former.entities) - set(model_entities(ws))),
            f"the champion uses {', '.join(sorted(left_out))}, which is left out now",
        ),
    )
    return next((reason for holds, reason in reasons if holds), None)
