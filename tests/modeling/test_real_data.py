"""The figures that the model must reach on the public data set, on dates after its training."""

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.modeling.backtest import Backtest, backtest
from dealcast.modeling.estimators import Context, tried
from dealcast.modeling.evaluation import Evaluation, HorizonEvaluation, evaluate
from dealcast.modeling.people import never_closes, win_rates
from dealcast.modeling.scoring import Scored, score
from dealcast.modeling.selection import choose
from dealcast.modeling.training import train
from dealcast.modeling.verdict import Verdict, judge
from dealcast.settings import ModelSettings

AS_OF = date(2017, 12, 31)
CONTEXT = Context(ModelSettings())
# Least figures; the calibration error is a most.
LEAST = {
    30: {
        "auc": 0.80,
        "auc_within_date": 0.77,
        "auc_without_stale": 0.75,
        "log_loss_skill": 0.18,
        "brier_skill": 0.14,
    },
    60: {"auc": 0.77, "auc_within_date": 0.75, "log_loss_skill": 0.16},
    90: {"auc": 0.77, "auc_within_date": 0.75, "log_loss_skill": 0.15},
}
MOST_ECE = {30: 0.010, 60: 0.025, 90: 0.035}


@pytest.fixture(scope="module")
def opportunities(real_tables: CrmTables) -> pl.DataFrame:
    return real_tables.opportunities.collect()


@pytest.fixture(scope="module")
def done(
    opportunities: pl.DataFrame, snapshots_of: Callable[[pl.DataFrame, date], pl.DataFrame]
) -> Backtest:
    return backtest(opportunities, snapshots_of(opportunities, AS_OF), CONTEXT, as_of=AS_OF)


@pytest.fixture(scope="module")
def evaluation(done: Backtest) -> Evaluation:
    chosen = choose(done.candidates).estimator
    return evaluate(done.candidates, estimator=chosen, seed=0)


@pytest.fixture(scope="module")
def verdict(opportunities: pl.DataFrame, done: Backtest, evaluation: Evaluation) -> Verdict:
    winning = [
        win_rates(opportunities, by, fiscal_year_start_month=1)
        for by in ("sales_agent", "product", "account")
    ]
    not_closing = [
        never_closes(opportunities, by, as_of=AS_OF) for by in ("sales_agent", "product")
    ]
    return judge(done.candidates, evaluation, winning=winning, not_closing=not_closing)


@pytest.fixture(scope="module")
def issued(opportunities: pl.DataFrame, real_tables: CrmTables, done: Backtest) -> Scored:
    model = train(
        opportunities,
        CONTEXT,
        as_of=AS_OF,
        catalogue_fingerprint="abc",
        recalibration=done.recalibrations["never_close"],
    )
    return score(model, real_tables, as_of=AS_OF, catalogue_fingerprint="abc")


def within(evaluation: Evaluation, days: int) -> HorizonEvaluation:
    return next(h for h in evaluation.horizons if h.horizon_days == days)


def test_it_is_tested_on_the_stated_rows(evaluation: Evaluation) -> None:
    within_30_days = within(evaluation, 30)

    assert within_30_days.n == 56_589
    assert within_30_days.rate == pytest.approx(0.123, abs=0.0005)
    assert within_30_days.origins == tuple(f"2017-{month:02}-01" for month in range(6, 12))


@pytest.mark.parametrize("days", LEAST, ids=lambda days: f"{days} days")
def test_what_is_won_is_told_well_on_later_dates(evaluation: Evaluation, days: int) -> None:
    figures = within(evaluation, days).figures

    reached = {name: getattr(figures, name) for name in LEAST[days]}
    assert {n: v for n, v in reached.items() if v < LEAST[days][n]} == {}
    assert figures.ece <= MOST_ECE[days]


@pytest.mark.parametrize("days", LEAST, ids=lambda days: f"{days} days")
def test_every_estimator_stands_beside_it(evaluation: Evaluation, days: int) -> None:
    horizon = within(evaluation, days)

    beside = {**horizon.baselines, evaluation.estimator: horizon.figures}
    assert set(beside) == set(tried(CONTEXT.settings))
    losses = {name: figures.log_loss for name, figures in beside.items()}
    assert losses["never_close"] < losses["calendar"] < losses["age"] < losses["climatology"]
    assert losses[evaluation.estimator] < losses["calendar"]


def test_the_interval_of_the_calibration_error_holds_none_at_all(evaluation: Evaluation) -> None:
    assert within(evaluation, 30).intervals["ece"][0] == 0.0


def test_it_tells_apart_what_timing_does_not(evaluation: Evaluation) -> None:
    beyond = within(evaluation, 30).beyond_timing

    assert beyond.above_noise
    assert 0.55 < (beyond.auc or 0) < 0.65


def test_the_verdict_is_timing_and_no_entity(verdict: Verdict) -> None:
    assert verdict.strength == "moderate"
    assert "timing: yes; entities: none detectable" in verdict.text
    assert verdict.never_closes == ("sales_agent",)
    assert verdict.published not in ("climatology", "age")


def test_every_open_opportunity_is_scored_and_the_dead_are_worth_little(issued: Scored) -> None:
    scores, model = issued.scores, issued.model

    assert (model.won, model.lost, model.oldest_closed_age_days) == (4_238, 2_473, 138)
    assert scores.height == 2_089
    assert scores["p_won_30"].null_count() == 500
    stale = scores.filter("is_stale")
    assert stale.height == 1_291
    assert stale["amount"].sum() > 3e6
    assert stale["expected_value"].sum() < 5_000
    assert set(scores["amount_from"]) == {"list price"}


def test_whoever_has_a_clock_has_its_reasons_and_no_one_else_does(issued: Scored) -> None:
    clock = issued.scores.filter(pl.col("age_days").is_not_null())

    assert set(issued.reasons["opportunity_id"]) == set(clock["opportunity_id"])
    assert issued.scores.filter(pl.col("age_days").is_null())["reason_for"].null_count() == 500
    told = clock.select(pl.col("reason_for").is_null() & pl.col("reason_against").is_null())
    assert not told.to_series().any()
