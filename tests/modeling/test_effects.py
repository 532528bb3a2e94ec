import json

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.effects import SMALLEST_VARIANCE, GroupEffects, Level, converge
from dealcast.modeling.never_close import logistic
from dealcast.modeling.traits import FloatArray, Traits


def named(*agents: str | None) -> Traits:
    names = pl.Series(agents, dtype=pl.String)
    return Traits(np.zeros(len(agents), dtype=np.int64), {"sales_agent": names})


def learnt(level: Level, yes: FloatArray) -> Level:
    """The level after fitting a logit without intercept."""

    def step() -> float:
        expected = logistic(level.values)
        spread = expected * (1 - expected)
        return float(np.abs(level.step(level.code, yes - expected, spread, spread)).max(initial=0))

    converge(step, tolerance=1e-6, at_most=500)
    return level


def test_a_group_that_is_not_known_has_no_effect() -> None:
    effects = GroupEffects(("sales_agent",), {"Ann": 0.5, "Bob": -0.5}, 0.1)

    assert effects.values(named("Bob", None, "Cleo", "Ann")).tolist() == [-0.5, 0, 0, 0.5]
    assert effects.values(Traits(np.array([7]))).tolist() == [0]
    assert GroupEffects(("sales_agent",), {}, 0.1).values(named("Ann")).tolist() == [0]


def test_effects_survive_json() -> None:
    effects = GroupEffects(("sales_agent", "cohort"), {"Ann\x1f1": 1 / 3}, 0.1)

    again = GroupEffects.from_dict(json.loads(json.dumps(effects.to_dict())))

    assert vars(again) == vars(effects)


def test_codes_follow_the_sorted_names_and_nobody_comes_last() -> None:
    level = Level(["sales_agent"], named("Bob", None, "Ann", "Bob"), prior_variance=0.1)

    assert level.names == ["Ann", "Bob"]
    assert level.code.tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize("agents", [(), (None, None)])
def test_without_groups_nothing_is_learnt(agents: tuple[None, ...]) -> None:
    level = learnt(Level(["sales_agent"], named(*agents), prior_variance=0.1), np.ones(len(agents)))

    assert level.result().effects == {}
    assert level.values.tolist() == [0.0] * len(agents)


def test_the_spread_of_many_groups_is_recovered() -> None:
    rng = np.random.default_rng(4)
    agent = np.repeat(np.arange(200), 300)
    truth = rng.normal(0, 0.6, 200)
    yes = (rng.random(len(agent)) < logistic(truth[agent])).astype(np.float64)

    level = learnt(
        Level(["sales_agent"], named(*(f"{a:03}" for a in agent)), prior_variance=0.1), yes
    )

    found = np.array(list(level.result().effects.values()))
    assert level.variance == pytest.approx(0.36, abs=0.08)
    assert np.corrcoef(found, truth)[0, 1] > 0.95
    assert (
        found.std()
        < np.log(yes.reshape(200, 300).mean(1) / (1 - yes.reshape(200, 300).mean(1))).std()
    )


def test_groups_that_do_not_differ_are_drawn_together() -> None:
    rng = np.random.default_rng(5)
    agents = [f"{a:03}" for a in np.repeat(np.arange(50), 200)]

    level = learnt(
        Level(["sales_agent"], named(*agents), prior_variance=0.1),
        (rng.random(len(agents)) < 0.5).astype(np.float64),
    )

    assert SMALLEST_VARIANCE <= level.variance < 0.01
    assert max(map(abs, level.result().effects.values())) < 0.1


def test_a_firmly_believed_spread_stays() -> None:
    level = Level(["sales_agent"], named("Ann", "Bob"), prior_variance=0.5, prior_groups=1e6)

    learnt(level, np.array([1.0, 0.0]))

    assert level.variance == pytest.approx(0.5, rel=1e-3)


def test_centred_effects_have_mean_zero_among_the_known() -> None:
    level = Level(["sales_agent"], named("Ann", "Bob", "Bob", None), prior_variance=0.5)
    level.effect = np.array([1.0, 2.5, 0.0])

    level.centre(np.array([4.0, 1.0, 1.0, 9.0]))

    assert level.values.tolist() == [-0.5, 1.0, 1.0, 0.0]


def test_without_groups_there_is_nothing_to_centre() -> None:
    level = Level(["sales_agent"], named(None, None), prior_variance=0.5)

    level.centre(np.ones(2))

    assert level.effect.tolist() == [0.0]


def test_repeating_ends_when_nothing_moves_or_often_enough() -> None:
    moves = iter([1.0, 0.5, 0.01, 9.0])
    converge(lambda: next(moves), tolerance=0.1, at_most=10)
    assert next(moves) == 9.0

    count = 0

    def endless() -> float:
        nonlocal count
        count += 1
        return 1.0

    converge(endless, tolerance=0.1, at_most=7)
    assert count == 7
