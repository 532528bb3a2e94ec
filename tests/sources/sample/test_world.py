"""The odds that the sample claims are those it draws from, whatever the settings."""

from dataclasses import fields, replace
from datetime import date
from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score

from dealcast.settings import SampleSource
from dealcast.sources.sample.rates import OLDEST_CLOSE_DAYS, calendar_of
from dealcast.sources.sample.world import BLOCK, NOT_CLOSING, Outcomes, World

MANY = 200_000
SIGNALS = [0.0, 1.0, 2.0, 3.0]


@cache
def drawn(**settings):
    """A world that misses nothing on the left unless told, and the outcomes of all its blocks."""
    world = World(SampleSource(**({"opportunities": MANY, "truncate_left_days": 0} | settings)))
    blocks = [world.outcomes(block) for block in range(world.blocks)]
    joined = {
        f.name: np.concatenate([getattr(b, f.name) for b in blocks]) for f in fields(Outcomes)
    }
    return world, Outcomes(**joined)


def closing(outcomes):
    return outcomes.take(outcomes.closed != NOT_CLOSING)


def month_of_close(world, outcomes):
    return calendar_of(world.settings.start, world.settings.days).month[outcomes.closed]


def heterogeneity(flags, entity):
    """P value of the hypothesis that the flag is as frequent in every entity."""
    counts = [np.bincount(entity[flags == flag]) for flag in (True, False)]
    return chi2_contingency(np.array(counts)).pvalue


def snapshot_odds(world, outcomes, horizon=30):
    """True chance and outcome of every open opportunity on weekly dates with a whole horizon."""
    chances, wins = [], []
    for day in range(150, world.settings.days - horizon, 7):
        now = outcomes.take((outcomes.engaged <= day) & (outcomes.closed > day))
        chances.append(world.truth(now, day - now.engaged, horizon)[0])
        wins.append(now.won & (now.closed <= day + horizon))
    return np.concatenate(chances), np.concatenate(wins)


@pytest.mark.parametrize(
    ("opportunities", "signal", "horizon"),
    [
        (MANY, 0.0, 30),
        (MANY, 2.0, 30),
        (MANY, 2.0, OLDEST_CLOSE_DAYS),
        *(
            pytest.param(2 * MANY, signal, horizon, marks=pytest.mark.slow)
            for signal in (0.0, 1.0, 3.0)
            for horizon in (1, 30, 90, OLDEST_CLOSE_DAYS)
        ),
    ],
)
def test_what_happens_agrees_with_the_true_chances_in_twenty_bins(opportunities, signal, horizon):
    world, outcomes = drawn(opportunities=opportunities, signal=signal)
    ages = np.random.default_rng(0).integers(0, OLDEST_CLOSE_DAYS, len(outcomes))
    is_open = outcomes.closed - outcomes.engaged > ages
    now, ages = outcomes.take(is_open), ages[is_open]
    in_time = now.closed - now.engaged <= ages + horizon

    p_won, p_lost = world.truth(now, ages, horizon)

    for chance, happened in [(p_won, now.won & in_time), (p_lost, ~now.won & in_time)]:
        bins = np.array_split(np.argsort(chance), 20)
        expected = np.array([chance[rows].mean() for rows in bins])
        error = np.sqrt([(chance[rows] * (1 - chance[rows])).sum() for rows in bins])
        error /= [len(rows) for rows in bins]
        found = np.array([happened[rows].mean() for rows in bins])
        assert found[error == 0].sum() == 0
        z = (found - expected)[error > 0] / error[error > 0]
        assert np.abs(z).max() < 4
        assert (z**2).sum() < 50  # 20 bins: beyond it by chance once in 4,000


def test_chances_grow_with_the_horizon_and_never_exceed_one_together():
    world, outcomes = drawn(opportunities=5_000, signal=2.0)
    ages = np.random.default_rng(0).integers(0, 400, len(outcomes))
    before = np.zeros(len(outcomes)), np.zeros(len(outcomes))

    for horizon in (1, 10, 30, 90, 200):
        now = world.truth(outcomes, ages, horizon)

        assert (now[0] >= before[0]).all()
        assert (now[1] >= before[1]).all()
        assert (now[0] + now[1] <= 1).all()
        before = now


def test_two_short_horizons_make_a_long_one():
    world, outcomes = drawn(opportunities=5_000, signal=2.0)
    ages = np.random.default_rng(0).integers(0, 100, len(outcomes))

    first, lost_first = world.truth(outcomes, ages, 20)
    then, _ = world.truth(outcomes, ages + 20, 40)
    both, _ = world.truth(outcomes, ages, 60)

    np.testing.assert_allclose(both, first + (1 - first - lost_first) * then, rtol=1e-9)


def test_nothing_can_be_won_after_the_oldest_closing_age():
    world, outcomes = drawn(opportunities=1_000)

    p_won, p_lost = world.truth(outcomes, np.full(len(outcomes), OLDEST_CLOSE_DAYS), 90)

    assert p_won.max() == 0
    assert p_lost.max() == 0


@pytest.mark.parametrize("signal", SIGNALS)
def test_base_rates_stay_where_they_were_measured_at_any_signal(signal):
    world, outcomes = drawn(signal=signal)
    closed = closing(outcomes)
    cycle = closed.closed - closed.engaged
    month = month_of_close(world, closed)

    assert (outcomes.closed == NOT_CLOSING).mean() == pytest.approx(0.199, abs=0.004)
    assert outcomes.prospecting.mean() == pytest.approx(500 / 8_800, abs=0.002)
    by_month = [closed.won[month == m].mean() for m in range(3)]
    assert by_month == pytest.approx([0.490, 0.547, 0.806], abs=0.008)
    assert cycle.min() == 1
    assert cycle.max() == OLDEST_CLOSE_DAYS
    assert np.median(cycle[closed.won]) == pytest.approx(45, abs=12)
    assert np.median(cycle[~closed.won]) == pytest.approx(14, abs=3)


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_export_shows_the_overall_win_rate_of_the_public_data(signal):
    world, outcomes = drawn(signal=signal, truncate_left_days=150)
    seen = outcomes.take((outcomes.closed < world.settings.days) & ~outcomes.prospecting)

    assert seen.won.mean() == pytest.approx(0.6315, abs=0.015)


def test_a_won_one_is_worth_its_list_price_with_the_usual_discount():
    _, outcomes = drawn()
    dear = outcomes.won & (outcomes.product == 6)

    assert outcomes.value[~outcomes.won].max() == 0
    assert outcomes.value[outcomes.won].min() > 0
    assert outcomes.value[dear].mean() / 27_000 == pytest.approx(0.9965, abs=0.01)
    assert outcomes.value[dear].std() / 27_000 == pytest.approx(0.0989, abs=0.01)


@pytest.mark.parametrize("entity", ["agent", "account", "product"])
def test_without_signal_no_entity_wins_more_often_than_another(entity):
    _, outcomes = drawn(signal=0.0)
    closed = closing(outcomes)

    assert heterogeneity(closed.won, getattr(closed, entity)) > 0.01


@pytest.mark.parametrize("entity", ["agent", "account", "product"])
def test_with_signal_every_kind_of_entity_differs_in_winning(entity):
    _, outcomes = drawn(signal=2.0)
    closed = closing(outcomes)

    assert heterogeneity(closed.won, getattr(closed, entity)) < 1e-50


@pytest.mark.parametrize("signal", [0.0, 2.0])
def test_agents_differ_in_what_never_closes_whatever_the_signal(signal):
    _, outcomes = drawn(signal=signal)

    assert heterogeneity(outcomes.closed == NOT_CLOSING, outcomes.agent) < 1e-50


def test_a_perfect_model_ranks_better_the_stronger_the_signal():
    skill = [
        roc_auc_score(won, chance)
        for signal in SIGNALS
        for chance, won in [snapshot_odds(*drawn(signal=signal, opportunities=50_000))]
    ]

    assert skill == sorted(skill)
    assert skill[-1] > skill[0] + 0.05


def test_age_and_calendar_rank_about_as_well_as_on_the_public_data():
    chance, won = snapshot_odds(*drawn(opportunities=50_000, truncate_left_days=150))

    assert 0.78 < roc_auc_score(won, chance) < 0.82


def test_closes_before_observation_began_are_not_in_the_sample():
    _, outcomes = drawn(opportunities=20_000, truncate_left_days=150)

    assert outcomes.closed.min() == 150
    assert (outcomes.engaged < 150).mean() > 0.05


def test_without_truncation_early_closes_are_there():
    _, outcomes = drawn(opportunities=20_000)

    assert (outcomes.closed < 150).mean() > 0.05


def test_calendar_off_leaves_no_trace_of_the_quarter():
    world, outcomes = drawn(calendar=0.0)
    closed = closing(outcomes)
    some = outcomes.take(slice(1_000))
    ages = np.arange(1_000) % OLDEST_CLOSE_DAYS

    on_first_day = world.truth(replace(some, engaged=np.zeros(1_000, dtype=int)), ages, 30)
    on_later_day = world.truth(replace(some, engaged=np.arange(1_000) % 457), ages, 30)

    np.testing.assert_allclose(on_first_day, on_later_day, rtol=1e-9)
    assert heterogeneity(closed.won, month_of_close(world, closed)) > 0.01


def test_calendar_stronger_than_life_widens_the_win_rates():
    world, outcomes = drawn(calendar=2.0)
    closed = closing(outcomes)
    month = month_of_close(world, closed)

    by_month = [closed.won[month == m].mean() for m in range(3)]

    assert by_month[0] < 0.4
    assert by_month[2] > 0.9


def test_in_the_first_month_of_a_quarter_only_the_young_close():
    _, outcomes = drawn()
    closed = closing(outcomes)
    day = closed.closed - (np.datetime64("2025-01-01") - np.datetime64("2024-10-01")).astype(int)
    january = closed.take((day >= 0) & (day < 28))
    age = january.closed - january.engaged

    assert ((age > 13) & (age < 115)).sum() == 0


@pytest.mark.parametrize("start", [date(2024, 10, 1), date(2025, 2, 14)])
def test_opportunities_engage_on_days_of_the_export_only(start):
    world, outcomes = drawn(opportunities=20_000, start=start, days=200)

    assert outcomes.engaged.min() >= 0
    assert outcomes.engaged.max() < world.settings.days


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    settings = SampleSource(opportunities=1_000, seed=1)

    first, again = World(settings).outcomes(0), World(settings).outcomes(0)
    other = World(settings.model_copy(update={"seed": 2})).outcomes(0)

    assert all((getattr(first, f.name) == getattr(again, f.name)).all() for f in fields(Outcomes))
    assert not (first.agent == other.agent).all()


def test_a_block_is_the_same_whatever_was_drawn_before():
    world = World(SampleSource(opportunities=BLOCK + 1_000))

    alone = World(world.settings).outcomes(1)
    world.outcomes(0)
    after = world.outcomes(1)

    assert (alone.closed == after.closed).all()
    assert (alone.row == BLOCK + np.arange(1_000)).all()
