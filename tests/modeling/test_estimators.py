import json
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.errors import ModelError
from dealcast.features.catalogue import CATALOGUE
from dealcast.modeling.estimators import DEFAULT, ESTIMATORS, base_rate, estimator_named
from dealcast.modeling.history import known_by
from dealcast.settings import ModelSettings
from dealcast.snapshots import build_snapshots, day_number

SETTINGS = ModelSettings()


def test_the_base_rate_is_that_of_every_matured_daily_snapshot(steady: pl.DataFrame) -> None:
    until, horizon = date(2024, 6, 30), 30
    history = known_by(steady, until)
    first = history.first_close - 1
    days = [date(1970, 1, 1) + timedelta(d) for d in range(first, day_number(until) - horizon + 1)]
    snapshots = build_snapshots(steady.lazy(), days, as_of=until).collect()
    within = snapshots.filter(pl.col("days_to_close") <= horizon)

    won, lost = base_rate(history, horizon) or (0, 0)

    assert won == pytest.approx((within["outcome"] == "won").sum() / snapshots.height)
    assert lost == pytest.approx((within["outcome"] == "lost").sum() / snapshots.height)


def test_snapshots_within_the_gap_do_not_count(
    opportunities_of: Callable[..., pl.DataFrame],
) -> None:
    start = date(2024, 1, 1)
    opportunities = opportunities_of(
        [("Won", start, start + timedelta(10)), ("Engaging", start + timedelta(11), None)]
    )
    until = start + timedelta(40)

    # Open on the days 9 to 40 since the start; by day 40 those up to day 10 have matured.
    assert base_rate(known_by(opportunities, until), 30) == (1.0, 0.0)
    assert base_rate(known_by(opportunities, until), 32) is None


def test_climatology_goes_by_daily_rates_while_nothing_has_matured(
    steady: pl.DataFrame,
) -> None:
    history = known_by(steady, date(2024, 2, 15))
    climatology = ESTIMATORS["climatology"].fit(history, SETTINGS, 1)
    age = day = np.array([5])

    found = climatology.incidence(age, day, (90,))

    assert base_rate(history, 90) is None
    assert found.won[0, 0] == pytest.approx((1 - 0.97**90) * 2 / 3, abs=0.05)
    assert found.won[0, 0] + found.lost[0, 0] < 1


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_survives_json(name: str, steady: pl.DataFrame) -> None:
    estimator = ESTIMATORS[name]
    fitted = estimator.fit(known_by(steady, date(2024, 7, 1)), SETTINGS, 1)
    ages = np.array([0, 5, 400])
    days = np.full(3, day_number(date(2024, 7, 1)))

    again = estimator.load(json.loads(json.dumps(fitted.to_dict())))

    for found, expected in zip(
        again.incidence(ages, days, (30, 60)), fitted.incidence(ages, days, (30, 60)), strict=True
    ):
        assert found.shape == (3, 2)
        assert np.array_equal(found, expected)


def test_features_are_named_as_in_the_catalogue_and_none_is_of_the_account() -> None:
    known = {spec.name for spec in CATALOGUE}

    for estimator in ESTIMATORS.values():
        assert set(estimator.features) <= known
        assert not any("account" in name for name in estimator.features)
    assert estimator_named(DEFAULT).features == ("age_days", "month_of_quarter")


def test_an_unknown_estimator_is_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError) as refusal:
        estimator_named("hazards")

    assert refusal.value.problem == "There is no estimator 'hazards'."
    assert refusal.value.remedy == "did you mean 'hazard'?"
