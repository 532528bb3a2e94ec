import json
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
import pytest

from dealcast.modeling import metrics
from dealcast.modeling.evaluation import Evaluation, evaluate

DATES = (date(2024, 6, 3), date(2024, 6, 10))


def predictions(
    won: Sequence[bool], p: Mapping[str, Sequence[float]], *, stale: Sequence[bool] = ()
) -> pl.DataFrame:
    """The same rows by each estimator, on two dates in turn, won within 30 days."""
    count = len(won)
    return pl.concat(
        pl.DataFrame(
            {
                "opportunity_id": [f"O{i}" for i in range(count)],
                "snapshot_date": [DATES[i % 2] for i in range(count)],
                "origin": date(2024, 6, 1),
                "horizon_days": 30,
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
    """1,000 rows whose true chances the hazard knows and climatology does not."""
    rng = np.random.default_rng(3)
    p = rng.choice([0.05, 0.2, 0.6], 1_000)
    return predictions(
        (rng.random(1_000) < p).tolist(),
        {"climatology": [0.4] * 1_000, "hazard": p.tolist()},
        stale=(p < 0.1).tolist(),
    )


def test_figures_are_computed_for_each_estimator(telling: pl.DataFrame) -> None:
    rows = telling.filter(pl.col("estimator") == "hazard")
    won, p = (rows["outcome"] == "won").to_numpy(), rows["p_won"].to_numpy()

    (horizon,) = evaluate(telling).horizons
    hazard = horizon.figures["hazard"]

    rate = np.full(1_000, won.mean())
    assert (horizon.horizon_days, horizon.n, horizon.rate) == (30, 1_000, won.mean())
    assert horizon.origins == ("2024-06-01",)
    assert hazard.auc == metrics.auc(won, p)
    assert hazard.auc_within_date == metrics.auc_within(won, p, np.arange(1_000) % 2)
    assert hazard.auc_without_stale == metrics.auc(won[p > 0.1], p[p > 0.1])
    assert hazard.log_loss_skill == pytest.approx(
        1 - metrics.log_loss(won, p) / metrics.log_loss(won, rate)
    )
    assert hazard.brier_skill == pytest.approx(1 - metrics.brier(won, p) / metrics.brier(won, rate))
    assert [b.n for b in hazard.reliability] == [(p == q).sum() for q in (0.05, 0.2, 0.6)]


def test_a_base_rate_guessed_from_the_past_is_no_better_than_the_one_of_hindsight(
    telling: pl.DataFrame,
) -> None:
    climatology = evaluate(telling).horizons[0].figures["climatology"]

    assert climatology.log_loss_skill is not None
    assert climatology.log_loss_skill < 0
    assert climatology.auc == 0.5


def test_the_summary_says_that_it_knows_more(telling: pl.DataFrame) -> None:
    evaluation = evaluate(telling)

    skill = evaluation.headline()["log_loss_skill"]
    assert skill > 0.1
    assert evaluation.summary.startswith(
        f"Knows more than the base rate: won within 30 days, log-loss skill {skill:.3f} and AUC 0."
    )
    assert evaluation.summary.endswith("on 1,000 later snapshots.")


def test_the_summary_says_that_it_does_not_know_more() -> None:
    rng = np.random.default_rng(4)
    won = (rng.random(1_000) < 0.3).tolist()

    found = evaluate(predictions(won, {"hazard": rng.uniform(0.2, 0.4, 1_000).tolist()}))

    assert found.summary.startswith("No better than climatology: use the base rate (won within")


def test_where_nothing_was_won_ranking_cannot_be_judged() -> None:
    found = evaluate(predictions([False] * 4, {"hazard": [0.1, 0.2, 0.1, 0.2]}))

    assert found.headline()["auc"] is None
    assert found.headline()["log_loss_skill"] is None
    assert "auc_30d" not in found.metrics()
    assert found.summary.startswith("No better than climatology")


def test_metrics_and_reliability_are_named_for_a_tracker(telling: pl.DataFrame) -> None:
    evaluation = evaluate(telling)

    assert evaluation.metrics()["auc_30d"] == evaluation.horizons[0].figures["hazard"].auc
    table = evaluation.reliability()
    assert table.columns == [
        "horizon_days",
        "estimator",
        "bin",
        "n",
        "predicted",
        "observed",
        "low",
        "high",
    ]
    assert table.filter(pl.col("estimator") == "hazard")["n"].sum() == 1_000


def test_an_evaluation_survives_json(telling: pl.DataFrame) -> None:
    evaluation = evaluate(telling)

    again = Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict())))

    assert again == evaluation
    assert evaluation.to_dict()["summary"] == again.summary


def test_the_order_of_rows_does_not_matter(telling: pl.DataFrame) -> None:
    shuffled = evaluate(telling.sample(fraction=1, shuffle=True, seed=1))

    assert shuffled.metrics() == pytest.approx(evaluate(telling).metrics())
