import json
from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.selection import ELIGIBLE, choose


def candidates(
    won: np.ndarray, p: Mapping[str, np.ndarray], *, rows_each: int = 1, horizon: int = 30
) -> pl.DataFrame:
    """The same rows by each estimator, so many of each opportunity in turn."""
    count = len(won)
    return pl.concat(
        pl.DataFrame(
            {
                "opportunity_id": [f"O{i // rows_each:05}" for i in range(count)],
                "snapshot_date": [
                    date(2024, 6, 3) + timedelta(i % rows_each) for i in range(count)
                ],
                "horizon_days": horizon,
                "estimator": name,
                "p_won": values,
                "outcome": np.where(won, "won", "open"),
            }
        )
        for name, values in p.items()
    )


def drawn(count: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and their true chances."""
    rng = np.random.default_rng(1)
    truth = rng.choice([0.1, 0.3, 0.7], count)
    return rng.random(count) < truth, truth


def test_among_those_within_noise_the_plainest_is_chosen() -> None:
    won, truth = drawn()
    noise = np.random.default_rng(2).normal(0, 0.004, len(truth))

    choice = choose(
        candidates(won, {"entities": truth, "calendar": truth + noise, "age": truth * 0.5})
    )

    assert choice.estimator == "calendar"
    assert choice.behind_best["age"].low > 0


def test_a_clearly_better_rich_one_is_chosen() -> None:
    won, truth = drawn()
    flat = np.full(len(truth), truth.mean())

    choice = choose(candidates(won, {"age": flat, "calendar": flat, "entities": truth}))

    assert (choice.estimator, choice.best) == ("entities", "entities")
    assert choice.reason == "'entities' has the lowest log loss out of time"


def test_the_reason_names_the_best_and_by_how_much_it_is_better() -> None:
    won, truth = drawn()
    # Luckier on three rows of four thousand.
    luckier = truth + 0.01 * (2 * won - 1) * (np.arange(len(won)) < 3)

    choice = choose(candidates(won, {"age": truth, "entities": luckier}))

    assert choice.estimator == "age"
    assert choice.reason.startswith("'age' is the plainest within noise of the best, 'entities'")


def test_climatology_is_never_the_model() -> None:
    won, truth = drawn()

    choice = choose(candidates(won, {"climatology": truth, "age": truth * 0.5}))

    assert choice.estimator == "age"
    assert "climatology" not in ELIGIBLE


def test_the_shortest_horizon_decides() -> None:
    won, truth = drawn()
    flat = np.full(len(truth), truth.mean())
    short = candidates(won, {"age": flat, "entities": truth})
    long = candidates(won, {"age": truth, "entities": flat}, horizon=90)

    choice = choose(pl.concat([long, short]))

    assert (choice.estimator, choice.horizon_days) == ("entities", 30)


def test_rows_of_one_opportunity_are_no_more_evidence_than_one() -> None:
    won, truth = drawn(60)
    flat = np.full(60, truth.mean())
    repeated = {"age": np.repeat(flat, 50), "entities": np.repeat(truth, 50)}

    once = choose(candidates(won, {"age": flat, "entities": truth}))
    often = choose(candidates(np.repeat(won, 50), repeated, rows_each=50))

    assert often.behind_best["age"].se == pytest.approx(once.behind_best["age"].se)


def test_the_order_of_rows_does_not_matter() -> None:
    won, truth = drawn(500)
    rows = candidates(won, {"age": truth * 0.9, "calendar": truth, "entities": truth**1.1})

    assert choose(rows.sample(fraction=1, shuffle=True, seed=3)) == choose(rows)


def test_a_single_opportunity_leaves_the_plainest() -> None:
    choice = choose(
        candidates(np.array([True]), {"age": np.array([0.1]), "calendar": np.array([0.9])})
    )

    assert choice.estimator == "age"
    assert choice.reason == "'age' is the plainest; one opportunity does not tell any apart"


def test_a_choice_is_ready_for_json() -> None:
    won, truth = drawn(500)

    content = choose(candidates(won, {"age": truth * 0.5, "entities": truth})).to_dict()

    assert json.loads(json.dumps(content))["reason"] == content["reason"]
    assert content["behind_best"]["entities"]["mean"] == 0
