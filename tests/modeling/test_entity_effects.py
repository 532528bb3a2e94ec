from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.entity_effects import Speed, learn_winning
from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.history import History
from dealcast.modeling.never_close import logistic
from dealcast.modeling.traits import Traits
from dealcast.snapshots import day_number

DAY = day_number(date(2024, 1, 1))
PRODUCTS = [f"P{i}" for i in range(6)]
TABLE = ClosingTable(np.array([1]), np.full((1, 14), 0.05), np.full(3, 0.6), 1)


def closed_after(days: np.ndarray, won: np.ndarray, products: np.ndarray) -> History:
    """Engaged on one day; all have closed by the end of the year."""
    names = {"product": pl.Series(np.array(PRODUCTS)[products])}
    return History(
        known_until=date(2024, 12, 31),
        traits=Traits(np.full(len(days), DAY), names),
        closed=DAY + np.minimum(days, 365),
        won=won,
        _first_close=DAY + 1,
    )


def test_effects_on_winning_approach_the_truth_and_months_their_shares() -> None:
    rng = np.random.default_rng(1)
    truth = np.array([-1.0, -0.5, 0.0, 0.0, 0.5, 1.0])
    product, days = rng.integers(0, 6, 30_000), rng.integers(1, 366, 30_000)
    month = (date(2024, 1, 1) + timedelta(d) for d in range(366))
    by_month = np.array([-0.5, 0.0, 1.0])[[(d.month - 1) % 3 for d in month]]
    won = rng.random(30_000) < logistic(by_month[days] + truth[product])

    shares, (effects,) = learn_winning(closed_after(days, won, product), TABLE, ["product"])

    found = np.array([effects.effects[name] for name in PRODUCTS])
    assert found - found.mean() == pytest.approx(truth, abs=0.12)
    assert np.log(shares / (1 - shares)) + found.mean() == pytest.approx([-0.5, 0, 1], abs=0.1)


def test_products_that_do_not_differ_have_hardly_an_effect() -> None:
    rng = np.random.default_rng(2)
    won = rng.random(20_000) < 0.6
    days, product = rng.integers(1, 366, 20_000), rng.integers(0, 6, 20_000)

    _, (effects,) = learn_winning(closed_after(days, won, product), TABLE, ["product"])

    assert max(map(abs, effects.effects.values())) < 0.05


def test_months_with_few_closes_keep_near_the_share_of_the_table() -> None:
    days = np.array([5, 6, 7])

    shares, _ = learn_winning(
        closed_after(days, np.ones(3, dtype=np.bool_), np.array([0, 0, 1])), TABLE, ["product"]
    )

    assert 0.6 < shares[0] < 0.7
    assert shares[1:] == pytest.approx([0.6, 0.6])


def test_an_entity_that_the_export_lacks_has_no_effects() -> None:
    days = np.arange(1, 300)
    history = closed_after(days, days % 2 == 0, days % 6)

    _, (effects,) = learn_winning(history, TABLE, ["account"])
    speed = Speed(history, ["account"])
    speed.fit(np.full(299, 1.0))

    assert effects.effects == {}
    assert speed.result()[0].effects == {}
    assert (speed.log_speed == 0).all()


def test_effects_on_speed_approach_the_truth() -> None:
    rng = np.random.default_rng(3)
    truth = np.array([-0.8, -0.4, 0.0, 0.0, 0.4, 0.8])
    product = rng.integers(0, 6, 20_000)
    days = np.ceil(rng.exponential(1 / (0.02 * np.exp(truth[product])))).astype(np.int64)
    history = closed_after(days, np.zeros(20_000, dtype=np.bool_), product)
    speed = Speed(history, ["product"])

    for _ in range(10):
        speed.fit(0.02 * np.minimum(days, 365))

    found = np.array(list(speed.result()[0].effects.values()))
    assert found - found.mean() == pytest.approx(truth, abs=0.08)
    at_risk = np.bincount(product, np.minimum(days, 365))
    assert np.average(found, weights=at_risk) == pytest.approx(0, abs=1e-9)


def test_without_entities_all_are_of_usual_speed() -> None:
    days = np.arange(1, 20)
    speed = Speed(closed_after(days, days > 9, days % 6), [])

    speed.fit(np.ones(19))

    assert speed.log_speed.tolist() == [0] * 19
    assert speed.result() == ()
