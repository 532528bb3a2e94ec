"""Effects of any strength leave averages where they were."""

import numpy as np
import pytest

from dealcast.sources.sample.effects import (
    entity_effects,
    intercepts,
    logistic,
    mixed_hazard,
    mixture,
)

SHARES = {"agent": np.array([0.5, 0.3, 0.2]), "product": np.array([0.9, 0.07, 0.02, 0.01])}


def effects_at(signal):
    shares = SHARES | {"account": np.full(5, 0.2)}
    return *entity_effects(np.random.default_rng(3), shares, signal), shares


@pytest.mark.parametrize("signal", [0.0, 1.0, 5.0])
def test_intercepts_put_the_average_chance_on_each_base_rate(signal):
    winning, _, shares = effects_at(signal)
    base_rates = np.array([0.2, 0.49, 0.81])
    effects, weights = mixture(winning, shares)

    found = intercepts(base_rates, effects, weights)

    np.testing.assert_allclose(logistic(found[:, None] + effects) @ weights, base_rates, rtol=1e-9)


def test_each_base_rate_may_have_its_own_shares_of_the_entities():
    effects, shares = np.array([-1.0, 1.0]), np.array([[1.0, 0.0], [0.0, 8.0]])

    found = intercepts(np.array([0.3, 0.3]), effects, shares)

    np.testing.assert_allclose(logistic(found + effects), [0.3, 0.3])


@pytest.mark.parametrize("signal", [0.0, 1.0, 5.0])
def test_all_speeds_together_close_as_fast_as_one_speed_would(signal):
    _, log_speed, shares = effects_at(signal)
    log_speeds, weights = mixture(log_speed, shares)
    wanted = np.array([0.0, 0.01, 0.5, 2.0, 8.0])

    found = mixed_hazard(wanted, log_speeds, weights)

    still_open = np.exp(-found[:, None] * np.exp(log_speeds)) @ weights
    np.testing.assert_allclose(still_open, np.exp(-wanted), atol=2e-3)


def test_winning_and_speed_are_uncorrelated_within_each_kind_of_entity():
    winning, log_speed, shares = effects_at(1.0)

    for kind, weights in shares.items():
        assert weights @ winning[kind] == pytest.approx(0, abs=1e-12)
        assert weights @ (winning[kind] * log_speed[kind]) == pytest.approx(0, abs=1e-12)
