from datetime import date

import numpy as np
import polars as pl

from dealcast.modeling.alike import Alike
from dealcast.modeling.history import History
from dealcast.modeling.traits import Traits
from dealcast.snapshots import day_number

UNTIL = date(2024, 3, 1)
LAST = day_number(UNTIL)
OPEN = LAST + 1


def seen(
    engaged: list[int], closed: list[int], agents: list[str | None], first_close: int = LAST - 99
) -> History:
    """Engaged so many days before the last day, and closed then."""
    names = {"sales_agent": pl.Series(agents, dtype=pl.String)}
    return History(
        UNTIL,
        Traits(LAST - np.array(engaged, dtype=np.int64), names),
        np.array(closed, dtype=np.int64),
        np.zeros(len(closed), dtype=np.bool_),
        first_close,
    )


def alike(history: History, *apart: str) -> Alike:
    return Alike.of(history, [["sales_agent"]], apart)


def test_those_that_closed_are_alike_whatever_their_age() -> None:
    kinds = alike(seen([50, 40, 40, 30], [LAST - 9, LAST, OPEN, OPEN], ["Ann"] * 4))

    assert kinds.count.tolist() == [4]
    assert kinds.closed.tolist() == [2]
    assert kinds.open_count.tolist() == [1, 1]
    assert kinds.codes[0].tolist() == [0]


def test_those_seen_late_are_told_apart_by_the_day_they_were_engaged() -> None:
    kinds = alike(seen([150, 140, 140, 30], [LAST] * 4, ["Ann"] * 4))

    assert sorted(kinds.count.tolist()) == [1, 1, 2]


def test_those_of_another_pace_are_told_apart_where_it_is_asked_for() -> None:
    history = seen([20, 20, 20], [OPEN, OPEN, OPEN], ["Ann", "Bob", None])

    assert alike(history, "sales_agent").open_count.tolist() == [1, 1, 1]
    assert Alike.of(history, [], []).open_count.tolist() == [3]


def test_what_is_said_of_kinds_comes_to_each_one_and_is_0_of_the_closed() -> None:
    kinds = alike(seen([20, 30, 20, 50], [OPEN, OPEN, OPEN, LAST], ["Bob", "Ann", "Bob", "Ann"]))

    said = kinds.spread(kinds.open_first + 0.5)

    assert said.tolist() == [0.5, 1.5, 0.5, 0]


def test_the_order_of_the_opportunities_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    engaged, agents = rng.integers(1, 160, 200), rng.integers(0, 5, 200).astype(str)
    closed, order = np.where(rng.random(200) < 0.5, LAST, OPEN), rng.permutation(200)

    one = alike(seen(engaged.tolist(), closed.tolist(), agents.tolist()))
    other = alike(seen(engaged[order].tolist(), closed[order].tolist(), agents[order].tolist()))

    for name in ("count", "closed", "open_prior", "open_count"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_nobody_is_of_no_kind() -> None:
    kinds = alike(seen([], [], []))

    assert kinds.count.shape == kinds.open_count.shape == (0,)
    assert kinds.spread(np.zeros(0)).shape == (0,)
