import numpy as np
import pytest
from tests.modeling.predictions import Rows, resampled_weights, world

from dealcast.modeling import metrics
from dealcast.modeling.paired import paired_difference


@pytest.fixture(scope="module")
def rows() -> Rows:
    return world(300, seed=3)


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
