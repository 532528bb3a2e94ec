"""Which model scores, on models and predictions made in the test; and once by whole runs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dealcast.errors import ModelError
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import catalogue_fingerprint
from dealcast.modeling.estimators import Context
from dealcast.modeling.recalibration import Recalibration
from dealcast.modeling.training import WinModel, train
from dealcast.settings import ModelSettings, load_settings
from dealcast.tracking.base import ModelVersion, Promotion, open_registry, open_tracker, rollback
from dealcast.workflow.champions import champion_model, register_and_contest
from dealcast.workflow.manifest import RunManifest, StepRecord
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store
from dealcast.workflow.workspace import Workspace

START, LAST = date(2024, 1, 1), date(2024, 9, 30)
EARLY = date(2024, 6, 30)
# Says far too much, so that anything else is better.
WRONG = Recalibration(shift=4.0)
Open = Callable[..., Workspace]


@pytest.fixture(scope="module")
def opportunities() -> pl.DataFrame:
    """Each closes on 3 days of 100, two of three are won."""
    rng = np.random.default_rng(1)
    days, count = (LAST - START).days, 2_000
    engaged = rng.integers(0, days, count)
    closed = engaged + rng.geometric(0.03, count)
    is_open = pl.Series(closed > days)
    stage = pl.Series(np.where(rng.random(count) < 2 / 3, "Won", "Lost"))
    return pl.DataFrame(
        {
            "opportunity_id": [f"O{i:04}" for i in range(count)],
            "sales_agent": "Ann",
            "product": "Alpha",
            "account": pl.Series([None] * count, dtype=pl.String),
            "deal_stage": stage.set(is_open, "Engaging"),
            "engage_date": [START + timedelta(int(n)) for n in engaged],
            "close_date": pl.Series([START + timedelta(int(n)) for n in closed]).set(is_open, None),
            "close_value": pl.Series(np.zeros(count)).set(is_open, None),
        }
    )


@pytest.fixture(scope="module")
def predictions(opportunities: pl.DataFrame) -> pl.DataFrame:
    """What is right of everybody open after the champion was trained."""
    day = EARLY + timedelta(days=14)
    seen = opportunities.filter(
        pl.col("engage_date") <= day, ~(pl.col("close_date") <= day).fill_null(value=False)
    )
    within = (pl.col("close_date") <= day + timedelta(days=30)).fill_null(value=False)
    chance = 1 - 0.97**30
    return seen.select(
        "opportunity_id",
        snapshot_date=pl.lit(day),
        origin=pl.lit(day),
        horizon_days=pl.lit(30, pl.Int32),
        age_days=pl.lit(1, pl.Int32),
        is_stale=pl.lit(value=False),
        p_won=pl.lit(chance * 2 / 3),
        p_lost=pl.lit(chance / 3),
        outcome=pl.when(within)
        .then(pl.col("deal_stage").str.to_lowercase())
        .otherwise(pl.lit("open")),
    )


@pytest.fixture
def opened(tmp_path: Path, opportunities: pl.DataFrame, predictions: pl.DataFrame) -> Open:
    """A workspace whose former steps have been done, on the same store each time."""

    def of(
        *,
        source: str = "sample",
        evaluated: bool = True,
        excluded: Sequence[str] = (),
        **flags: object,
    ) -> Workspace:
        loaded = load_settings(environ={}, flags={"storage.root": str(tmp_path), **flags})
        store = Store(str(tmp_path))

        def done(name: str, **made: Any) -> StepRecord:
            return StepRecord(name, "run 1", "", 0.0, **made)

        tables = {"backtest_predictions": 0} if evaluated else {}
        return Workspace(
            store,
            loaded.settings,
            "run 1",
            open_tracker(loaded.settings.tracking, store, "run"),
            open_registry(loaded.settings.tracking, store),
            {
                "ingest": done("ingest", figures={"source_kind": source}),
                "clean": done(
                    "clean",
                    tables={"crm_data_processed": 0},
                    figures={"last_date": LAST.isoformat()},
                ),
                "audit": done("audit", figures={"excluded_features": list(excluded)}),
                "evaluate": done("evaluate", tables=tables),
            },
            lambda _note, _share: None,
            {"crm_data_processed@0": opportunities, "backtest_predictions@0": predictions},
        )

    return of


def trained(opportunities: pl.DataFrame, as_of: date = LAST, **changed: Any) -> WinModel:
    arguments = {
        "catalogue_fingerprint": catalogue_fingerprint(CATALOGUE),
        "estimator": "age",
        **changed,
    }
    context = Context(ModelSettings(horizons_days=(30, 60, 90)))
    return train(opportunities, context, as_of=as_of, **arguments)


def contested(ws: Workspace, model: WinModel) -> tuple[str, bool]:
    """As the step train does it."""
    version = ModelVersion(
        model.model_id,
        f"models/{model.model_id}.json",
        ws.run_id,
        model.estimator,
        model.trained_until.isoformat(),
        ws.record("ingest").figures["source_kind"],
    )
    ws.store.put_json(version.key, model.to_dict())
    ws.records["train"] = StepRecord("train", ws.run_id, "", 0.0, objects={"model": version.key})
    return register_and_contest(ws, version)


def champion(ws: Workspace) -> str | None:
    now = ws.registry.champion()
    return now.model_id if now else None


def test_the_first_model_is_champion(opened: Open, opportunities: pl.DataFrame) -> None:
    ws, model = opened(), trained(opportunities)

    assert contested(ws, model) == ("the first model", True)
    assert champion(ws) == model.model_id
    assert ws.registry.promotions() == (Promotion(model.model_id, "run 1", "the first model"),)


def test_the_same_model_again_stays_champion(opened: Open, opportunities: pl.DataFrame) -> None:
    contested(opened(), trained(opportunities))

    ws = opened()
    assert contested(ws, trained(opportunities)) == ("it is the champion", False)
    assert len(ws.registry.promotions()) == len(ws.registry.versions()) == 1


def test_a_challenger_is_promoted_where_it_predicts_better(
    opened: Open, opportunities: pl.DataFrame
) -> None:
    contested(opened(), trained(opportunities, EARLY, recalibration=WRONG))
    ws, better = opened(), trained(opportunities)

    reason, promoted = contested(ws, better)

    assert promoted
    assert reason.startswith("log loss -")
    assert champion(ws) == better.model_id
    assert ws.store.require_json("runs/run 1/contest.json")["promoted"] is True


def test_a_challenger_that_is_no_better_is_kept_but_does_not_score(
    opened: Open, opportunities: pl.DataFrame
) -> None:
    first = trained(opportunities, EARLY)
    contested(opened(), first)
    ws = opened()

    reason, promoted = contested(ws, trained(opportunities))

    assert not promoted
    assert reason.startswith("no evidence that it is better")
    assert len(ws.registry.versions()) == 2
    scoring, why = champion_model(ws)
    assert (scoring.model_id, why) == (first.model_id, "champion")


def test_without_a_backtest_there_is_no_evidence(opened: Open, opportunities: pl.DataFrame) -> None:
    contested(opened(), trained(opportunities, EARLY, recalibration=WRONG))

    reason, promoted = contested(opened(evaluated=False), trained(opportunities))

    assert not promoted
    assert reason == "the history is too short to compare it with the champion"


def test_a_replay_of_an_earlier_day_leaves_the_champion_and_scores_with_its_own_model(
    opened: Open, opportunities: pl.DataFrame
) -> None:
    first = trained(opportunities)
    contested(opened(), first)
    ws, own = opened(**{"data.as_of": EARLY}), trained(opportunities, EARLY)

    reason, promoted = contested(ws, own)

    assert (reason, promoted) == ("an earlier day is replayed: the champion stays", False)
    assert champion(ws) == first.model_id
    assert [v.model_id for v in ws.registry.versions()] == [first.model_id]
    scoring, why = champion_model(ws)
    assert scoring.model_id == own.model_id
    assert why == f"the champion {first.model_id} knows what came after 2024-06-30"


def test_a_model_trained_on_an_export_of_another_source_does_not_score(
    opened: Open, opportunities: pl.DataFrame
) -> None:
    ws = opened(source="files")
    contested(ws, trained(opportunities))
    ws.records["train"] = replace(ws.records["train"], figures={"trained_on": "sample"})

    with pytest.raises(ModelError, match="from 'sample', and the store now holds one from 'files'"):
        champion_model(ws)


def test_after_a_rollback_the_former_model_scores(
    opened: Open, opportunities: pl.DataFrame
) -> None:
    former, better = trained(opportunities, EARLY, recalibration=WRONG), trained(opportunities)
    contested(opened(), former)
    ws = opened()
    contested(ws, better)
    assert champion_model(ws)[0].model_id == better.model_id

    rollback(ws.registry, "run 2")

    scoring, why = champion_model(ws)
    assert (scoring.model_id, why) == (former.model_id, "champion")


@pytest.mark.parametrize(
    ("changed", "now", "reason"),
    [
        (
            {"estimator": "calendar"},
            {"model.estimator": "calendar"},
            "model.estimator asks for calendar",
        ),
        ({}, {"model.horizons_days": [30, 60]}, "the champion has other horizons"),
        ({}, {"source": "files"}, "the champion was trained on another source (sample)"),
    ],
    ids=["estimator", "horizons", "source"],
)
def test_a_champion_that_cannot_stay_is_replaced_for_that_reason(
    opened: Open,
    opportunities: pl.DataFrame,
    changed: dict[str, str],
    now: dict[str, Any],
    reason: str,
) -> None:
    contested(opened(), trained(opportunities, EARLY))
    ws, model = opened(**now), trained(opportunities, **changed)

    assert contested(ws, model) == (reason, True)
    assert champion(ws) == model.model_id
    assert ws.registry.promotions()[-1].reason == reason


def test_a_champion_of_another_feature_catalogue_is_replaced(
    opened: Open, opportunities: pl.DataFrame
) -> None:
    contested(opened(), trained(opportunities, EARLY, catalogue_fingerprint="old"))

    reason, promoted = contested(opened(), trained(opportunities))

    assert (reason, promoted) == ("the champion was trained with another feature catalogue", True)


def test_a_champion_that_uses_what_the_leak_gate_leaves_out_now_is_replaced(
    opened: Open, opportunities: pl.DataFrame
) -> None:
    contested(opened(), trained(opportunities, EARLY, estimator="never_close"))

    found = contested(opened(excluded=["sales_agent"]), trained(opportunities))

    assert found == ("the champion uses sales_agent, which is left out now", True)


def test_an_estimator_asked_for_that_the_champion_already_is_has_to_be_better(
    opened: Open, opportunities: pl.DataFrame
) -> None:
    contested(opened(), trained(opportunities, EARLY))

    _, promoted = contested(opened(**{"model.estimator": "age"}), trained(opportunities))

    assert not promoted


class Silent:
    def started(self, step: object) -> None: ...
    def progressed(self, note: str, share: float) -> None: ...
    def finished(self, record: object) -> None: ...


def ran(root: Path, plan: Plan | None = None, **flags: object) -> RunManifest:
    given = {
        "storage.root": str(root),
        "source.kind": "sample",
        "source.opportunities": 1_500,
        **flags,
    }
    loaded = load_settings(environ={}, flags=given)
    return run_steps(loaded, plan or Plan(stop="score"), Silent(), quiet=True)


@pytest.mark.slow
def test_runs_replays_and_rollbacks_score_with_the_model_that_they_should(tmp_path: Path) -> None:
    earlier = ran(tmp_path, **{"data.as_of": date(2025, 10, 31)}).figures
    asked = ran(tmp_path, **{"model.estimator": "age"}).figures
    replayed = ran(tmp_path, **{"data.as_of": date(2025, 9, 30)}).figures
    store = Store(str(tmp_path))
    registry = open_registry(load_settings(environ={}, flags={}).settings.tracking, store)
    again = ran(tmp_path, **{"model.estimator": "age"}).figures
    rollback(registry, "by hand")
    back = ran(tmp_path, **{"model.estimator": "age"})

    assert earlier["promotion"] == "the first model"
    assert earlier["scoring_model"] == earlier["champion"] == earlier["model_id"]
    assert (asked["promoted"], asked["promotion"]) == (True, "model.estimator asks for age")
    assert asked["scoring_model"] == asked["model_id"] != earlier["model_id"]
    assert not replayed["promoted"]
    assert replayed["champion"] == asked["model_id"]
    assert replayed["scoring_model"] == replayed["model_id"]
    assert again["scoring_model"] == asked["model_id"]
    assert back.figures["scoring_model"] == earlier["model_id"]
    assert [s.name for s in back.steps if not s.skipped] == ["ingest", "score"]
