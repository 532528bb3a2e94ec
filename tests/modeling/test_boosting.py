"""Trees on what entities do together: found where it is planted, absent where it is not."""

import json
import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.boosting import BoostedWinning
from dealcast.modeling.estimators import ESTIMATORS, Context, tried
from dealcast.modeling.history import known_by
from dealcast.modeling.risks import CompetingRisks
from dealcast.modeling.traits import traits_of
from dealcast.settings import ModelSettings
from dealcast.snapshots import day_number

START = date(2024, 1, 1)
UNTIL = START + timedelta(399)
CONTEXT = Context(ModelSettings(try_boosting=True), entities=("sales_agent", "product"))

pytest.importorskip("lightgbm", reason="the extra 'boosting' is not installed")


def opportunities(together: float) -> pl.DataFrame:
    """4,000 of two agents and two products; Ann wins Alpha and Bo wins Beta oftener than crossed.

    `together`: by how much (share 0-1); alone, no agent and no product is better than the other.
    """
    rng = np.random.default_rng(3)
    count = 4_000
    agent, product = rng.integers(0, 2, count), rng.integers(0, 2, count)
    won = rng.random(count) < 0.5 + np.where(agent == product, together, -together)
    engaged = rng.integers(0, 340, count)
    closed = engaged + rng.integers(1, 60, count)
    start = pl.lit(START)
    return pl.DataFrame(
        {
            "opportunity_id": [f"{n:05}" for n in range(count)],
            "sales_agent": np.array(["Ann", "Bo"])[agent],
            "product": np.array(["Alpha", "Beta"])[product],
            "deal_stage": np.where(won, "Won", "Lost"),
            "engage_date": engaged,
            "close_date": closed,
        }
    ).with_columns(
        engage_date=start + pl.duration(days="engage_date"),
        close_date=start + pl.duration(days="close_date"),
    )


def fitted_on(rows: pl.DataFrame, estimator: str = "boosting") -> CompetingRisks:
    found = ESTIMATORS[estimator].fit(known_by(rows, UNTIL), CONTEXT)
    assert isinstance(found, CompetingRisks)
    return found


def share_won(model: CompetingRisks, agent: str, product: str) -> float:
    rows = pl.DataFrame(
        {"sales_agent": [agent], "product": [product], "engage_date": [UNTIL - timedelta(5)]}
    )
    won, lost = model.incidence(traits_of(rows), np.array([day_number(UNTIL)]), [90])
    return float(won[0, 0] / (won[0, 0] + lost[0, 0]))


def test_what_agent_and_product_do_together_is_found() -> None:
    rows = opportunities(0.3)

    alone, together = fitted_on(rows, "entities"), fitted_on(rows)

    assert share_won(alone, "Ann", "Alpha") == pytest.approx(0.5, abs=0.05)
    assert share_won(together, "Ann", "Alpha") == pytest.approx(0.8, abs=0.06)
    assert share_won(together, "Ann", "Beta") == pytest.approx(0.2, abs=0.06)


def test_without_it_there_are_no_trees_and_nothing_changes() -> None:
    rows = opportunities(0.0)

    found = fitted_on(rows)

    assert found.boosted is not None
    assert found.boosted.trees == ""
    for agent, product in (("Ann", "Alpha"), ("Bo", "Alpha")):
        assert share_won(found, agent, product) == pytest.approx(0.5, abs=0.05)


def test_trees_survive_json_and_are_the_same_again() -> None:
    rows = opportunities(0.3)
    first = fitted_on(rows)

    again = CompetingRisks.from_dict(json.loads(json.dumps(first.to_dict())))

    assert fitted_on(rows).to_dict() == first.to_dict()
    assert share_won(again, "Bo", "Beta") == share_won(first, "Bo", "Beta")


def test_a_name_that_is_not_known_is_an_average_one() -> None:
    model = fitted_on(opportunities(0.3))

    assert share_won(model, "Nobody", "Nothing") == pytest.approx(0.5, abs=0.05)


def test_no_trees_shift_nothing() -> None:
    rows = opportunities(0.0).head(3)

    shifts = BoostedWinning("", {"sales_agent": ("Ann",)}).shifts(traits_of(rows))

    assert shifts.tolist() == [[0.0] * 3] * 3


def test_it_is_tried_only_where_it_is_asked_for() -> None:
    assert "boosting" not in tried(ModelSettings())
    assert "boosting" in tried(ModelSettings(try_boosting=True))
    assert "boosting" in tried(ModelSettings(estimator="boosting"))


def test_without_lightgbm_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['lightgbm'] = None\n"
        "from dealcast.modeling.boosting import _lightgbm\n"
        "from dealcast.errors import MissingExtraError\n"
        "try:\n    _lightgbm()\nexcept MissingExtraError as error:\n    print(error.remedy)"
    )

    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert "dealcast[boosting]" in told.stdout
