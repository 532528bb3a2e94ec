import json
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
import pytest

from dealcast.modeling import metrics
from dealcast.modeling.evaluation import Evaluation, HorizonEvaluation, by_origin, evaluate

DATES = (date(2024, 6, 3), date(2024, 6, 10))
FIGURES = (
    "auc",
    "auc_within_date",
    "auc_without_stale",
    "log_loss",
    "log_loss_skill",
    "brier",
    "brier_skill",
    "ece",
)


def predictions(
    won: Sequence[bool],
    p: Mapping[str, Sequence[float]],
    *,
    stale: Sequence[bool] = (),
    horizon: int = 30,
) -> pl.DataFrame:
    """The same rows by each estimator, on two dates in turn."""
    count = len(won)
    return pl.concat(
        pl.DataFrame(
            {
                "opportunity_id": [f"O{i:05}" for i in range(count)],
                "snapshot_date": [DATES[i % 2] for i in range(count)],
                "origin": date(2024, 6, 1),
                "horizon_days": horizon,
                "estimator": name,
                "age_days": 9,
                "is_stale": list(stale) or [False] * count,
                "p_won": values,
                "p_lost": 0.0,
                "outcome": ["won" if w else "open" for w in won],
            }
        )
        for name, values in p.items()
    )


@pytest.fixture(scope="module")
def telling() -> pl.DataFrame:
    """1,000 rows whose true chances `calendar` knows and climatology does not."""
    rng = np.random.default_rng(3)
    p = rng.choice([0.05, 0.2, 0.6], 1_000)
    return predictions(
        (rng.random(1_000) < p).tolist(),
        {"climatology": [0.4] * 1_000, "calendar": p.tolist()},
        stale=(p < 0.1).tolist(),
    )


@pytest.fixture(scope="module")
def judged(telling: pl.DataFrame) -> Evaluation:
    return evaluate(telling, estimator="calendar", seed=0)


def only(evaluation: Evaluation) -> HorizonEvaluation:
    (horizon,) = evaluation.horizons
    return horizon


def test_figures_are_those_of_the_chosen_estimator(
    telling: pl.DataFrame, judged: Evaluation
) -> None:
    rows = telling.filter(pl.col("estimator") == "calendar")
    won, p = (rows["outcome"] == "won").to_numpy(), rows["p_won"].to_numpy()
    horizon, found = only(judged), only(judged).figures

    rate = np.full(1_000, won.mean())
    assert (horizon.horizon_days, horizon.n, horizon.rate) == (30, 1_000, won.mean())
    assert horizon.opportunities == 1_000
    assert horizon.origins == ("2024-06-01",)
    assert found.auc == pytest.approx(metrics.auc(won, p))
    assert found.auc_within_date == pytest.approx(metrics.auc_within(won, p, np.arange(1_000) % 2))
    assert found.auc_without_stale == pytest.approx(metrics.auc(won[p > 0.1], p[p > 0.1]))
    assert found.log_loss_skill == pytest.approx(
        1 - metrics.log_loss(won, p) / metrics.log_loss(won, rate)
    )
    assert found.brier_skill == pytest.approx(1 - metrics.brier(won, p) / metrics.brier(won, rate))
    assert [b.n for b in horizon.reliability] == [(p == q).sum() for q in (0.05, 0.2, 0.6)]


def test_the_others_stand_beside_it(telling: pl.DataFrame, judged: Evaluation) -> None:
    other_way = only(evaluate(telling, estimator="climatology", seed=0))

    assert set(only(judged).baselines) == {"climatology"}
    assert only(judged).baselines["climatology"] == other_way.figures
    assert other_way.baselines["calendar"] == only(judged).figures


def test_a_base_rate_guessed_from_the_past_is_no_better_than_the_one_of_hindsight(
    judged: Evaluation,
) -> None:
    climatology = only(judged).baselines["climatology"]

    assert climatology.log_loss_skill is not None
    assert climatology.log_loss_skill < 0
    assert climatology.auc == 0.5


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_has_an_interval_that_holds_it(judged: Evaluation, name: str) -> None:
    low, high = only(judged).intervals[name]

    figure = getattr(only(judged).figures, name)
    assert low < high
    # What noise alone can make of the calibration error is taken off its interval.
    assert low <= figure <= high or name == "ece"


def test_what_knows_more_than_timing_is_above_the_noise_floor(judged: Evaluation) -> None:
    horizon = only(judged)

    assert horizon.noise_floor.auc is not None
    assert 0.5 < horizon.noise_floor.auc < 0.56
    assert (horizon.figures.auc or 0) > horizon.noise_floor.auc
    # All are of one age: what tells them apart is not timing.
    assert horizon.beyond_timing.auc == horizon.figures.auc_within_date
    assert horizon.beyond_timing.above_noise


def test_what_knows_the_age_alone_is_not_above_the_noise_floor_beyond_timing(
    telling: pl.DataFrame,
) -> None:
    age = pl.when(pl.col("p_won") < 0.1).then(40).when(pl.col("p_won") < 0.5).then(20).otherwise(5)

    horizon = only(evaluate(telling.with_columns(age_days=age), estimator="calendar", seed=0))

    assert horizon.beyond_timing.auc == 0.5
    assert not horizon.beyond_timing.above_noise


def test_figures_are_shown_by_age_too(judged: Evaluation) -> None:
    bands = [(band["age_band"], band["n"]) for band in only(judged).by_age]

    stale = 1_000 - sum(b.n for b in only(judged).reliability[1:])
    assert bands == [("8-14", 1_000 - stale), ("stale", stale)]


def test_horizons_come_from_the_shortest_on(telling: pl.DataFrame) -> None:
    later = predictions([True, False], {"calendar": [0.6, 0.5]}, horizon=90)
    own = telling.filter(pl.col("estimator") == "calendar")

    found = evaluate(pl.concat([later, own]), estimator="calendar", seed=0)

    assert [h.horizon_days for h in found.horizons] == [30, 90]
    assert found.headline()["horizon_days"] == 30


def test_where_nothing_was_won_ranking_cannot_be_judged() -> None:
    rows = predictions([False] * 4, {"age": [0.1, 0.2, 0.1, 0.2]})

    found = evaluate(rows, estimator="age", seed=0)

    assert found.headline()["auc"] is None
    assert found.headline()["log_loss_skill"] is None
    assert "auc_30d" not in found.metrics()
    assert "auc" not in only(found).intervals
    assert only(found).noise_floor.auc is None
    assert not only(found).beyond_timing.above_noise


def test_metrics_and_reliability_are_named_for_a_tracker(judged: Evaluation) -> None:
    assert judged.metrics()["auc_30d"] == only(judged).figures.auc
    assert set(judged.metrics()) == {f"{name}_30d" for name in FIGURES}
    table = judged.reliability()
    assert table.columns == ["horizon_days", "bin", "n", "predicted", "observed", "low", "high"]
    assert table["n"].sum() == 1_000


def test_an_evaluation_is_ready_for_json(judged: Evaluation) -> None:
    content = json.loads(json.dumps(judged.to_dict(), allow_nan=False))

    (horizon,) = content["horizons"]
    assert content["estimator"] == "calendar"
    assert horizon["auc"] == only(judged).figures.auc
    assert horizon["baselines"]["climatology"]["auc"] == 0.5
    assert horizon["intervals"]["auc"] == list(only(judged).intervals["auc"])


def test_the_order_of_rows_does_not_matter(telling: pl.DataFrame, judged: Evaluation) -> None:
    shuffled = telling.sample(fraction=1, shuffle=True, seed=1)

    assert evaluate(shuffled, estimator="calendar", seed=0) == judged


def test_figures_by_origin_are_those_of_the_rows_tested_after_each(telling: pl.DataFrame) -> None:
    later = telling.with_columns(origin=pl.lit(date(2024, 7, 1)), p_won=0.5)

    found = by_origin(pl.concat([later, telling]))

    assert found.select("estimator", "fold", "origin", "n").rows() == [
        (name, fold, day, 1_000)
        for name in ("calendar", "climatology")
        for fold, day in ((1, date(2024, 6, 1)), (2, date(2024, 7, 1)))
    ]
    own = found.row(
        by_predicate=(pl.col("estimator") == "calendar") & (pl.col("fold") == 1), named=True
    )
    assert own["auc"] == only(evaluate(telling, estimator="calendar", seed=0)).figures.auc
    assert found.filter(pl.col("fold") == 2)["auc"].to_list() == [0.5, 0.5]
