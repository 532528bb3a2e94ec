from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as reference

from dealcast.modeling import metrics


@pytest.fixture(params=[0, 1, 2], ids=lambda seed: f"seed {seed}")
def drawn(request: pytest.FixtureRequest) -> tuple[metrics.BoolArray, metrics.FloatArray]:
    """Outcomes and probabilities with ties."""
    rng = np.random.default_rng(request.param)
    p = rng.choice(np.linspace(0.02, 0.9, 40), 1_500)
    return rng.random(1_500) < p, p


def test_figures_are_those_of_scikit_learn(
    drawn: tuple[metrics.BoolArray, metrics.FloatArray],
) -> None:
    won, p = drawn

    assert metrics.auc(won, p) == pytest.approx(reference.roc_auc_score(won, p))
    assert metrics.log_loss(won, p) == pytest.approx(reference.log_loss(won, p))
    assert metrics.brier(won, p) == pytest.approx(reference.brier_score_loss(won, p))


def test_auc_within_groups_is_the_mean_over_groups_weighted_by_wins(
    drawn: tuple[metrics.BoolArray, metrics.FloatArray],
) -> None:
    won, p = drawn
    group = np.arange(len(p)) % 7 * 11 - 3
    # One group without a win, and one with few.
    won = won & (group != 8) & ((group != 19) | (np.arange(len(p)) < 200))

    expected = [
        (reference.roc_auc_score(won[group == g], p[group == g]), won[group == g].sum())
        for g in np.unique(group)
        if g != 8
    ]

    areas, wins = zip(*expected, strict=True)
    assert metrics.auc_within(won, p, group) == pytest.approx(np.average(areas, weights=wins))


def test_every_win_counts_the_same_whatever_its_group() -> None:
    # One win of many rows that is ranked right, three of few that are ranked wrong.
    won = np.array([True, False, False, False, False, True, True, True, False])
    p = np.array([0.9, 0.1, 0.1, 0.2, 0.2, 0.1, 0.1, 0.1, 0.9])

    assert metrics.auc_within(won, p, np.array([1] * 5 + [2] * 4)) == pytest.approx(0.25)


def test_weights_are_how_often_a_row_counts(
    drawn: tuple[metrics.BoolArray, metrics.FloatArray],
) -> None:
    won, p = drawn
    group = np.arange(len(p)) % 5
    times = np.random.default_rng(5).integers(0, 4, len(p))
    repeated = np.repeat(np.arange(len(p)), times)

    weighted = metrics.Ranking.of(won, p, group).auc(times.astype(float))

    assert weighted == pytest.approx(
        metrics.auc_within(won[repeated], p[repeated], group[repeated])
    )
    assert metrics.Ranking.of(won, p).auc(times.astype(float)) == pytest.approx(
        reference.roc_auc_score(won, p, sample_weight=times)
    )


def test_a_ranking_in_which_no_row_counts_has_no_auc() -> None:
    ranking = metrics.Ranking.of(np.array([True, False]), np.array([0.2, 0.1]))

    assert ranking.auc(np.zeros(2)) is None


@pytest.mark.parametrize(
    ("name", "figure"), [("log_loss", metrics.log_loss), ("brier", metrics.brier)]
)
def test_a_figure_is_the_mean_of_the_losses_of_its_name(
    name: str,
    figure: Callable[[metrics.BoolArray, metrics.FloatArray], float],
    drawn: tuple[metrics.BoolArray, metrics.FloatArray],
) -> None:
    losses = metrics.LOSSES[name](*drawn)

    assert losses.shape == drawn[1].shape
    assert losses.mean() == figure(*drawn)


def test_auc_of_one_outcome_cannot_be_computed() -> None:
    p = np.array([0.1, 0.2])

    assert metrics.auc(np.array([True, True]), p) is None
    assert metrics.auc_within(np.array([True, False]), p, np.array([1, 2])) is None
    assert metrics.auc(np.array([], dtype=bool), np.array([])) is None


def test_a_certain_forecast_that_fails_costs_much_but_not_infinitely() -> None:
    assert metrics.log_loss(np.array([True]), np.array([0.0])) == pytest.approx(13.8, abs=0.1)


def test_reliability_shows_what_was_said_and_what_came() -> None:
    p = np.repeat([0.1, 0.3, 0.8], [100, 60, 40])
    won = np.concatenate([np.arange(100) < 20, np.arange(60) < 18, np.arange(40) < 32])

    bins = metrics.reliability(won, p)

    assert [(b.n, round(b.predicted, 9), b.observed) for b in bins] == [
        (100, 0.1, 0.2),
        (60, 0.3, 0.3),
        (40, 0.8, 0.8),
    ]
    assert all(b.low < b.observed < b.high for b in bins)
    # The usual table of Wilson intervals: 20 of 100.
    assert (bins[0].low, bins[0].high) == pytest.approx((0.1334, 0.2888), abs=1e-4)
    assert metrics.expected_calibration_error(bins) == pytest.approx(0.1 * 100 / 200)


def test_reliability_does_not_depend_on_the_order_of_rows(
    drawn: tuple[metrics.BoolArray, metrics.FloatArray],
) -> None:
    won, p = drawn
    order = np.random.default_rng(9).permutation(len(p))

    bins, shuffled = metrics.reliability(won, p), metrics.reliability(won[order], p[order])

    assert len(bins) == metrics.RELIABILITY_BINS
    for one, other in zip(bins, shuffled, strict=True):
        assert vars(one) == pytest.approx(vars(other))


def test_all_wins_give_an_interval_that_ends_at_one() -> None:
    (only,) = metrics.reliability(np.array([True, True]), np.array([0.5, 0.5]))

    assert (only.observed, only.high) == (1.0, 1.0)
    assert 0 < only.low < 1


def test_skill_against_a_perfect_reference_is_undefined() -> None:
    assert metrics.skill(0.3, 0.0) is None
