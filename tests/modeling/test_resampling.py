from typing import NamedTuple

import numpy as np
import pytest

from dealcast.modeling import metrics
from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray
from dealcast.modeling.resampling import (
    figure_intervals,
    noise_floor,
    paired_difference,
    resampled_weights,
    stratified_noise_floor,
    timing_strata,
)

FIGURES = {
    "auc",
    "auc_within_date",
    "auc_without_stale",
    "log_loss",
    "log_loss_skill",
    "brier",
    "brier_skill",
    "ece",
}


class Rows(NamedTuple):
    """Predictions of opportunities, one row per opportunity and date on which it was open."""

    won: BoolArray
    p: FloatArray
    opportunity: IntArray
    date: IntArray
    stale: BoolArray

    def take(self, at: IntArray) -> "Rows":
        return Rows(*(column[at] for column in self))

    def intervals(self, seed: int = 0, resamples: int = 100) -> dict[str, tuple[float, float]]:
        won, p, opportunity, date, stale = self
        return figure_intervals(
            won, p, opportunity=opportunity, date=date, stale=stale, seed=seed, resamples=resamples
        )


def world(opportunities: int, seed: int, *, level: float = 0.0) -> Rows:
    """Opportunities that are open on 1 to 12 dates and are won on all of them or none.

    The prediction is right where `level` (log-odds) is 0.
    """
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-1, 1, opportunities)
    won = rng.random(opportunities) < 1 / (1 + np.exp(-log_odds))
    dates = rng.integers(1, 13, opportunities)
    code = np.repeat(np.arange(opportunities), dates)
    first = np.repeat(rng.integers(0, 8, opportunities), dates)
    nth = np.arange(len(code)) - np.repeat(np.cumsum(dates) - dates, dates)
    return Rows(won[code], 1 / (1 + np.exp(-log_odds[code] - level)), code, first + nth, nth > 9)


@pytest.fixture(scope="module")
def rows() -> Rows:
    return world(300, seed=3)


def test_every_figure_lies_in_its_interval(rows: Rows) -> None:
    won, p, _, date, stale = rows
    rate = np.full(len(p), won.mean())
    figures = {
        "auc": metrics.auc(won, p),
        "auc_within_date": metrics.auc_within(won, p, date),
        "auc_without_stale": metrics.auc(won[~stale], p[~stale]),
        "log_loss": metrics.log_loss(won, p),
        "log_loss_skill": metrics.skill(metrics.log_loss(won, p), metrics.log_loss(won, rate)),
        "brier": metrics.brier(won, p),
        "brier_skill": metrics.skill(metrics.brier(won, p), metrics.brier(won, rate)),
        "ece": metrics.expected_calibration_error(metrics.reliability(won, p)),
    }

    intervals = rows.intervals()

    assert intervals.keys() == figures.keys()
    for name, (low, high) in intervals.items():
        assert low <= figures[name] <= high, name
        assert low < high


def test_figures_of_a_resample_are_those_of_its_rows_written_out(rows: Rows) -> None:
    low, high = rows.intervals(seed=4, resamples=1)["auc_within_date"]

    (weights,) = resampled_weights(rows.opportunity, seed=4, resamples=1)
    drawn = rows.take(np.repeat(np.arange(len(weights)), weights.astype(int)))

    assert low == high == pytest.approx(metrics.auc_within(drawn.won, drawn.p, drawn.date))
    assert rows.intervals(seed=4, resamples=1)["brier"][0] == pytest.approx(
        metrics.brier(drawn.won, drawn.p)
    )
    assert rows.intervals(seed=4, resamples=1)["log_loss_skill"][0] == pytest.approx(
        1
        - metrics.log_loss(drawn.won, drawn.p)
        / metrics.log_loss(drawn.won, np.full(len(drawn.p), drawn.won.mean()))
    )


def test_a_resample_holds_whole_opportunities(rows: Rows) -> None:
    (weights,) = resampled_weights(rows.opportunity, seed=1, resamples=1)

    times = [set(weights[rows.opportunity == code]) for code in range(300)]

    assert {len(t) for t in times} == {1}
    assert sum(t.pop() for t in times) == 300


def test_the_order_of_rows_does_not_matter(rows: Rows) -> None:
    shuffled = rows.take(np.random.default_rng(1).permutation(len(rows.p)))
    strata = timing_strata(rows.date, rows.opportunity % 5)
    again = timing_strata(shuffled.date, shuffled.opportunity % 5)

    for name, interval in rows.intervals().items():
        assert shuffled.intervals()[name] == pytest.approx(interval)
    one, other = (
        noise_floor(r.won, opportunity=r.opportunity, date=r.date, seed=2, draws=40)
        for r in (rows, shuffled)
    )
    assert one == other
    one, other = (
        stratified_noise_floor(r.won, r.p, opportunity=r.opportunity, strata=s, seed=2, draws=40)
        for r, s in ((rows, strata), (shuffled, again))
    )
    assert vars(one) == pytest.approx(vars(other))


def test_what_cannot_be_computed_has_no_interval() -> None:
    rows = world(30, seed=1)
    never_won = rows._replace(won=np.zeros(len(rows.p), dtype=bool))

    assert never_won.intervals().keys() == {"log_loss", "brier", "ece"}
    assert rows._replace(stale=np.ones(len(rows.p), dtype=bool)).intervals().keys() == (
        FIGURES - {"auc_without_stale"}
    )


def test_the_calibration_error_of_a_right_model_may_be_zero_and_of_a_wrong_one_not() -> None:
    assert world(1_000, seed=2).intervals()["ece"][0] == 0
    low, high = world(1_000, seed=2, level=1.0).intervals()["ece"]
    assert 0.1 < low < high < 0.3


def test_the_difference_of_two_estimators_is_that_of_their_losses() -> None:
    rows = world(1_500, seed=3)
    guess = np.full(len(rows.p), rows.won.mean())

    for loss, figure in (("log_loss", metrics.log_loss), ("brier", metrics.brier)):
        paired = paired_difference(rows.won, rows.p, guess, opportunity=rows.opportunity, loss=loss)

        assert paired is not None
        assert paired.mean == pytest.approx(figure(rows.won, rows.p) - figure(rows.won, guess))
        assert paired.low < paired.mean < paired.high < 0
        assert paired.p_value < 1e-4


def test_the_error_of_a_difference_is_that_of_resampling(rows: Rows) -> None:
    guess = np.full(len(rows.p), 0.3)
    difference = metrics.log_losses(rows.won, rows.p) - metrics.log_losses(rows.won, guess)

    paired = paired_difference(rows.won, rows.p, guess, opportunity=rows.opportunity)

    means = [
        np.average(difference, weights=w) for w in resampled_weights(rows.opportunity, 0, 1_000)
    ]
    assert paired is not None
    assert paired.se == pytest.approx(np.std(means), rel=0.1)
    by_row = paired_difference(rows.won, rows.p, guess, opportunity=np.arange(len(rows.p)))
    assert by_row is not None
    assert by_row.se < 0.6 * paired.se


def test_an_estimator_does_not_differ_from_itself(rows: Rows) -> None:
    paired = paired_difference(rows.won, rows.p, rows.p, opportunity=rows.opportunity)

    assert paired is not None
    assert (paired.mean, paired.se, paired.p_value) == (0, 0, 1)


def test_of_one_opportunity_no_difference_can_be_judged() -> None:
    won, p = np.array([True, True]), np.array([0.5, 0.6])

    assert paired_difference(won, p, p, opportunity=np.array([4, 4])) is None


def floor(rows: Rows, opportunity: IntArray, draws: int = 100) -> tuple[float, float]:
    found = noise_floor(rows.won, opportunity=opportunity, date=rows.date, seed=1, draws=draws)
    assert found.auc is not None
    assert found.auc_within_date is not None
    return found.auc, found.auc_within_date


def test_luck_goes_further_with_few_opportunities() -> None:
    few, many = world(100, seed=1), world(3_000, seed=1)

    for lucky, less_lucky in zip(
        floor(few, few.opportunity), floor(many, many.opportunity), strict=True
    ):
        assert lucky > less_lucky > 0.5
        assert less_lucky < 0.53


def test_luck_goes_further_as_rows_of_an_opportunity_go_together(rows: Rows) -> None:
    as_if_independent, _ = floor(rows, np.arange(len(rows.p)))

    assert floor(rows, rows.opportunity)[0] - 0.5 > 1.5 * (as_if_independent - 0.5)


def test_where_nothing_was_won_there_is_no_floor(rows: Rows) -> None:
    found = noise_floor(
        np.zeros(len(rows.p), dtype=bool), opportunity=rows.opportunity, date=rows.date, seed=1
    )

    assert (found.auc, found.auc_within_date) == (None, None)


def test_timing_alone_is_not_above_the_noise_within_date_and_age() -> None:
    rows = world(2_000, seed=5)
    age = rows.date - np.unique(rows.opportunity, return_index=True)[1][rows.opportunity] % 3
    strata = timing_strata(rows.date, age)
    timing = 1 / (1 + rows.date + 20.0 * age)

    def beyond(p: FloatArray) -> tuple[bool, float | None]:
        found = stratified_noise_floor(
            rows.won, p, opportunity=rows.opportunity, strata=strata, seed=1, draws=60
        )
        return found.above_noise, found.auc

    assert beyond(timing) == (False, 0.5)
    above, area = beyond(rows.p)
    assert above
    assert area == pytest.approx(metrics.auc_within(rows.won, rows.p, strata))


def test_one_day_and_age_make_one_stratum() -> None:
    date, age = np.array([17_231, 17_231, 17_232, 17_231]), np.array([1, 2, 1, 1])

    assert np.unique(timing_strata(date, age), return_inverse=True)[1].tolist() == [0, 1, 2, 0]


def truth(level: float) -> dict[str, float]:
    """The figures on so many opportunities that they are known."""
    many = world(150_000, seed=0, level=level)
    rate = np.full(len(many.p), many.won.mean())
    loss = metrics.log_loss(many.won, many.p)
    return {
        "auc": metrics.auc(many.won, many.p) or 0,
        "auc_within_date": metrics.auc_within(many.won, many.p, many.date) or 0,
        "log_loss": loss,
        "log_loss_skill": metrics.skill(loss, metrics.log_loss(many.won, rate)) or 0,
        "brier": metrics.brier(many.won, many.p),
        "ece": metrics.expected_calibration_error(metrics.reliability(many.won, many.p)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.0, 0.2])
def test_intervals_hold_the_truth_in_95_of_100_cases_if_opportunities_are_drawn(
    level: float,
) -> None:
    true = truth(level)
    held: dict[str, list[bool]] = {name: [] for name in true}
    naive: list[bool] = []
    for seed in range(1, 301):
        rows = world(400, seed, level=level)
        for name, (low, high) in rows.intervals(seed).items():
            if name in true:
                held[name].append(low <= true[name] + 1e-3 and true[name] - 1e-3 <= high)
        by_row = rows._replace(opportunity=np.arange(len(rows.p))).intervals(seed, resamples=40)
        naive.append(by_row["auc"][0] <= true["auc"] <= by_row["auc"][1])

    coverage = {name: np.mean(hits) for name, hits in held.items()}
    assert min(coverage.values()) > 0.9, coverage
    assert np.mean(naive) < 0.75
