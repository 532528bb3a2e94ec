from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.history import History
from dealcast.modeling.mixture import Mixture, learn
from dealcast.modeling.never_close import FIXED, LEARNT, logistic
from dealcast.modeling.traits import Traits
from dealcast.snapshots import day_number

DAY = day_number(date(2024, 1, 1))
HAZARD = 0.04
TABLE = ClosingTable(np.array([1]), np.full((1, 14), HAZARD), np.full(3, 0.5), 1)
SHARES = (0.05, 0.2, 0.5)


def simulated(
    count: int, *, days: int = 300, first_seen: int = 1, seed: int = 1, agents: int = 3
) -> History:
    """Of agents in turn, who never close 5 %, 20 % or 50 % of theirs; the others by HAZARD.

    Those that closed before the day `first_seen` are not in the export.
    """
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, agents, count)
    engaged = rng.integers(0, days, count)
    closes = rng.random(count) >= np.array(SHARES)[agent % 3]
    closed = np.where(closes, engaged + rng.geometric(HAZARD, count), 10**6)
    seen = closed >= first_seen
    closed = np.minimum(closed, days)
    names = pl.Series([f"A{a:02}" for a in agent])
    whole = History(
        known_until=date(2024, 1, 1) + timedelta(days - 1),
        traits=Traits(DAY + engaged, {"sales_agent": names}),
        closed=DAY + closed,
        won=np.zeros(count, dtype=np.bool_),
    )
    return History(whole.known_until, whole.traits.take(seen), whole.closed[seen], whole.won[seen])


def fit(mixture: Mixture, table: ClosingTable, speed: np.ndarray | None = None) -> np.ndarray:
    """What it learns alone: the chance of each that it never closes."""
    task = mixture.task(table, speed)
    learn([mixture], [task])
    return mixture.never(task)


def shares_of(mixture: Mixture, history: History) -> np.ndarray:
    """Mean estimated share (0-1) that never closes of each agent's opportunities."""
    chance = logistic(mixture.result().log_odds(history.traits))
    names = history.traits.names["sales_agent"]
    return np.array([chance[(names == name).to_numpy()].mean() for name in sorted(set(names))])


def worst(count: int, seed: int) -> float:
    history = simulated(count, seed=seed).at_risk
    mixture = Mixture(history, LEARNT)
    fit(mixture, TABLE)
    return float(np.abs(shares_of(mixture, history) - SHARES).max())


def test_shares_that_never_close_approach_the_truth() -> None:
    small, large = (np.mean([worst(n, seed) for seed in range(5)]) for n in (400, 20_000))

    assert large < 0.02
    assert large < small / 2


@pytest.mark.parametrize("first_seen", [1, 60, 150])
def test_those_that_closed_unseen_do_not_bias_the_share(first_seen: int) -> None:
    history = simulated(30_000, first_seen=first_seen).at_risk
    mixture = Mixture(history, LEARNT)

    fit(mixture, TABLE)

    assert shares_of(mixture, history) == pytest.approx(np.array(SHARES), abs=0.025)


def test_of_those_first_seen_late_more_never_close_than_of_all() -> None:
    history = simulated(30_000, first_seen=150).at_risk
    late = history.engaged < DAY + 60

    never = fit(Mixture(history, LEARNT), TABLE)

    assert never[late].mean() > 2 * np.mean(SHARES)


def test_a_closed_one_is_not_of_those_that_never_close() -> None:
    history = simulated(2_000).at_risk

    never = fit(Mixture(history, LEARNT), TABLE)

    assert (never[history.is_closed] == 0).all()
    assert (never[~history.is_closed] > 0).all()
    longest = ~history.is_closed & (history.engaged < DAY + 30)
    assert never[longest].min() > 0.99


def test_counting_those_alike_together_gives_what_counting_each_alone_gives() -> None:
    history = simulated(3_000, first_seen=100, agents=12).at_risk
    # A name of its own makes each a kind of its own.
    names = {**history.traits.names, "product": pl.Series(map(str, range(len(history.closed))))}
    traits = Traits(history.engaged, names)
    each = History(history.known_until, traits, history.closed, history.won)
    together, alone = Mixture(history, LEARNT), Mixture(each, LEARNT, apart=["product"])

    never = fit(together, TABLE)

    assert fit(alone, TABLE) == pytest.approx(never, abs=1e-9)
    assert alone.result().intercept == pytest.approx(together.result().intercept, abs=1e-9)
    for one, other in zip(alone.result().levels, together.result().levels, strict=True):
        assert one.variance == pytest.approx(other.variance, rel=1e-6)
        assert list(one.effects.values()) == pytest.approx(list(other.effects.values()), abs=1e-8)


def test_one_that_goes_on_from_another_begins_where_that_one_ended() -> None:
    history = simulated(2_000).at_risk
    first = Mixture(history, LEARNT)
    never = fit(first, TABLE)

    second = first.told_apart(["sales_agent"])

    assert second.never(second.task(TABLE)) == pytest.approx(never)
    assert second.result().to_dict() == first.result().to_dict()


def test_twice_as_fast_a_closing_process_leaves_fewer_in_doubt() -> None:
    history = simulated(2_000).at_risk
    usual, fast = Mixture(history, LEARNT), Mixture(history, LEARNT)

    slow_never = fit(usual, TABLE)
    fast_never = fit(fast, TABLE, np.full(len(history.closed), np.log(2)))

    young = ~history.is_closed & (history.engaged > DAY + 270)
    assert fast_never[young].mean() > slow_never[young].mean()


@pytest.mark.parametrize("still_open", [False, True], ids=["none open", "all open"])
def test_a_single_kind_leaves_the_intercept_finite(*, still_open: bool) -> None:
    count = 500
    closed = DAY + 300 if still_open else DAY + 20
    history = History(
        known_until=date(2024, 1, 1) + timedelta(299),
        traits=Traits(np.full(count, DAY)),
        closed=np.append(np.full(count - 1, closed), DAY + 20),
        won=np.zeros(count, dtype=np.bool_),
        _first_close=DAY + 1,
    )
    mixture = Mixture(history, LEARNT)

    fit(mixture, TABLE)

    share = logistic(np.array([mixture.result().intercept]))[0]
    assert share == pytest.approx(1 - 1.5 / 501 if still_open else 0.5 / 501, abs=0.002)


def test_unknown_agents_and_cohorts_are_average() -> None:
    history = simulated(2_000).at_risk
    mixture = Mixture(history, LEARNT)
    fit(mixture, TABLE)
    fitted = mixture.result()
    later = np.array([DAY + 5_000] * 3)

    found = fitted.log_odds(Traits(later, {"sales_agent": pl.Series([None, "New", "A02"])}))

    assert found[:2].tolist() == [fitted.intercept] * 2
    assert found[2] > fitted.intercept


def test_ready_for_change_keeps_the_prior_spread() -> None:
    history = simulated(2_000).at_risk
    mixture = Mixture(history, FIXED)

    fit(mixture, TABLE)

    assert [level.variance for level in mixture.result().levels] == pytest.approx(
        [0.5] * 3, rel=1e-2
    )


def test_mixtures_learn_abreast_what_each_learns_alone() -> None:
    histories = [simulated(n, seed=n, agents=n // 100).at_risk for n in (400, 900, 1_500)]
    firm = (FIXED, LEARNT, LEARNT)
    speeds = [None, np.full(len(histories[1].closed), 0.3), None]
    alone = [Mixture(history, groups) for history, groups in zip(histories, firm, strict=True)]
    for mixture, speed in zip(alone, speeds, strict=True):
        fit(mixture, TABLE, speed)

    abreast = [Mixture(history, groups) for history, groups in zip(histories, firm, strict=True)]
    tasks = [m.task(TABLE, speed) for m, speed in zip(abreast, speeds, strict=True)]

    learn(abreast, tasks)

    for mixture, other in zip(abreast, alone, strict=True):
        found, one = mixture.result(), other.result()
        assert found.intercept == pytest.approx(one.intercept, abs=1e-9)
        for level, of_one in zip(found.levels, one.levels, strict=True):
            assert level.effects == pytest.approx(of_one.effects, abs=1e-9)
            assert level.variance == pytest.approx(of_one.variance, abs=1e-9)


def test_one_that_has_learnt_stands_still_while_others_go_on() -> None:
    history = simulated(1_500).at_risk
    done, new = Mixture(history, LEARNT), Mixture(history, FIXED)
    for _ in range(20):
        fit(done, TABLE)
    alone = done.told_apart(())
    fit(alone, TABLE)

    learn([done, new], [done.task(TABLE), new.task(TABLE)])

    assert done.result().intercept == pytest.approx(alone.result().intercept, abs=1e-12)
    assert new.result().intercept != pytest.approx(done.result().intercept, abs=1e-3)
