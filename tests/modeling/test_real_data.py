"""The figures that the model must reach on the public data set, on dates after its training."""

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.modeling.backtest import backtest
from dealcast.modeling.evaluation import Evaluation, evaluate
from dealcast.modeling.scoring import score
from dealcast.modeling.training import train
from dealcast.settings import ModelSettings

AS_OF = date(2017, 12, 31)
SETTINGS = ModelSettings()


@pytest.fixture(scope="module")
def evaluation(
    real_tables: CrmTables, snapshots_of: Callable[[pl.DataFrame, date], pl.DataFrame]
) -> Evaluation:
    opportunities = real_tables.opportunities.collect()
    return evaluate(
        backtest(
            opportunities,
            snapshots_of(opportunities, AS_OF),
            SETTINGS,
            as_of=AS_OF,
            fiscal_year_start_month=1,
        )
    )


def test_it_is_tested_on_the_stated_rows(evaluation: Evaluation) -> None:
    within_30_days = evaluation.horizons[0]

    assert within_30_days.n == 56_589
    assert within_30_days.rate == pytest.approx(0.123, abs=0.0005)
    assert within_30_days.origins == tuple(f"2017-{month:02}-01" for month in range(6, 12))


def test_won_within_30_days_is_told_well_on_later_dates(evaluation: Evaluation) -> None:
    hazard = evaluation.headline()

    assert hazard["auc"] >= 0.785
    assert hazard["auc_within_date"] >= 0.755
    assert hazard["auc_without_stale"] >= 0.73
    assert hazard["log_loss_skill"] >= 0.15
    assert hazard["ece"] <= 0.04
    assert evaluation.summary.startswith("Knows more than the base rate")


@pytest.mark.parametrize("at", [0, 1, 2], ids=["30 days", "60 days", "90 days"])
def test_at_every_horizon_the_calendar_adds_to_age_and_age_to_the_base_rate(
    evaluation: Evaluation, at: int
) -> None:
    losses = {name: f.log_loss for name, f in evaluation.horizons[at].figures.items()}

    assert losses["hazard"] < losses["age"] < losses["climatology"]


def test_every_open_opportunity_is_scored_and_the_dead_are_worth_little(
    real_tables: CrmTables,
) -> None:
    opportunities = real_tables.opportunities.collect()
    model = train(
        opportunities,
        SETTINGS,
        as_of=AS_OF,
        fiscal_year_start_month=1,
        catalogue_fingerprint="abc",
    )

    scores = score(model, real_tables, as_of=AS_OF, catalogue_fingerprint="abc")

    assert (model.won, model.lost, model.oldest_closed_age_days) == (4_238, 2_473, 138)
    assert scores.height == 2_089
    assert scores["p_won_30"].null_count() == 500
    stale = scores.filter("is_stale")
    assert stale.height == 1_291
    assert stale["amount"].sum() > 3e6
    assert stale["expected_value"].sum() < 5_000
    assert set(scores["amount_from"]) == {"list price"}
