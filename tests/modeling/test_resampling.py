import numpy as np
import pytest
from tests.modeling.predictions import Rows, resampled_weights, world

from dealcast.modeling import metrics

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

    for name, interval in rows.intervals().items():
        assert shuffled.intervals()[name] == pytest.approx(interval)


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
