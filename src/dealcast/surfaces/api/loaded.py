"""What the API answers with: the champion, and what the last run issued, read together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl

from dealcast.errors import StoreError
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import catalogue_fingerprint
from dealcast.modeling.scoring import refuse_mismatch
from dealcast.modeling.training import WinModel
from dealcast.tracking.base import ModelVersion, Promotion, Registry
from dealcast.workflow.manifest import StepRecord, load_latest_steps
from dealcast.workflow.store import Store


@dataclass(frozen=True)
class Signs:
    """What tells whether there is anything new: the promotion, and two steps' latest records."""

    version: ModelVersion
    promotion: Promotion
    score: StepRecord | None
    forecast: StepRecord | None


class Issued(NamedTuple):
    """The contracts Scores and ScoreReasons as a run issued them."""

    run_id: str
    scores: pl.DataFrame
    reasons: pl.DataFrame


class Amount(NamedTuple):
    """What a win brings (null: not known), and where that is from."""

    amount: float | None
    amount_from: str | None


@dataclass(frozen=True, eq=False)
class Loaded:
    """Everything in memory. `known_until`: the last day that the model has learnt from.

    `amounts`: what a win of each product brings where nothing is stated, as the last run that
    scored had it; that of None is for all other products.
    """

    signs: Signs
    model: WinModel
    known_until: date
    issued: Issued | None
    forecast: pl.DataFrame | None
    amounts: Mapping[str | None, Amount]

    def amount_of(self, product: str | None, stated: float | None) -> Amount:
        """What a win of a product brings: as stated, or as the run would take it to be."""
        if stated is not None:
            return Amount(stated, "stated")
        return self.amounts.get(product) or self.amounts[None]


def signs_of(store: Store, registry: Registry) -> Signs:
    """Who is champion and what was issued last. Raises StoreError where there is no champion."""
    champion, promotions = registry.champion(), registry.promotions()
    if champion is None:
        raise StoreError(
            f"There is no model in '{store.root}' yet.",
            remedy=f"`dealcast run --root {store.root}` trains one and scores",
        )
    records = load_latest_steps(store)
    return Signs(champion, promotions[-1], records.get("score"), records.get("forecast"))


def load(store: Store, signs: Signs) -> Loaded:
    """All of it, in the versions that the signs name.

    Raises StoreError where something is gone, ModelError where the model cannot be used.
    """
    issued = _issued(store, signs.score)
    model, known_until = _model(store, signs, issued)
    refuse_mismatch(model, known_until, catalogue_fingerprint(CATALOGUE))
    forecast, amounts = _forecast(store, signs.forecast), _amounts(store, signs.score)
    return Loaded(signs, model, known_until, issued, forecast, amounts)


def _issued(store: Store, record: StepRecord | None) -> Issued | None:
    if record is None:
        return None
    scores, reasons = (
        store.load(name, version=record.tables[name]) for name in ("scores", "score_reasons")
    )
    return Issued(record.run_id, scores, reasons)


def _forecast(store: Store, record: StepRecord | None) -> pl.DataFrame | None:
    # Too short a history is forecast by nobody, and the step says so.
    if record is None or "forecast" not in record.tables:
        return None
    return store.load("forecast", version=record.tables["forecast"])


def _amounts(store: Store, record: StepRecord | None) -> Mapping[str | None, Amount]:
    known: dict[str | None, Amount] = {None: Amount(None, None)}
    # Runs of earlier versions kept no amounts.
    if record is None or "amounts" not in record.objects:
        return known
    rows = store.require_json(record.objects["amounts"])["unstated"]
    return known | {row.pop("product"): Amount(**row) for row in rows}


def _model(store: Store, signs: Signs, issued: Issued | None) -> tuple[WinModel, date]:
    """The champion as it last scored, with what it had learnt by then; else as it was trained."""
    record = signs.score
    if record and issued and record.figures["scoring_model"] == signs.version.model_id:
        model = WinModel.from_dict(store.require_json(record.objects["scored_with"]))
        scored_on = issued.scores["scored_on"].max()
        return model, scored_on if isinstance(scored_on, date) else model.trained_until
    model = WinModel.from_dict(store.require_json(signs.version.key))
    return model, model.trained_until
