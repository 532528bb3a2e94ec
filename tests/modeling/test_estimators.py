import json
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.errors import ModelError
from dealcast.features.catalogue import CATALOGUE
from dealcast.modeling.estimators import (
    DEFAULT,
    ESTIMATORS,
    Context,
    base_rate,
    base_rates,
    estimator_named,
)
from dealcast.modeling.history import known_by
from dealcast.modeling.risks import CompetingRisks
from dealcast.modeling.traits import Traits
from dealcast.settings import ModelSettings
from dealcast.snapshots import build_snapshots, day_number

CONTEXT = Context(ModelSettings(), entities=("sales_agent",))
UNTIL = date(2024, 7, 1)
AGES = np.array([0, 5, 400])
DAYS = np.full(3, day_number(UNTIL))
TRAITS = Traits(DAYS - AGES, {"sales_agent": pl.Series(["Ann", "New", None])})


@pytest.fixture(scope="module")
def some(steady: pl.DataFrame) -> pl.DataFrame:
    return steady.head(2_000)


def test_the_base_rate_is_that_of_every_matured_daily_snapshot(some: pl.DataFrame) -> None:
    until, horizon = date(2024, 6, 30), 30
    history = known_by(some, until)
    first = history.first_close - 1
    days = [date(1970, 1, 1) + timedelta(d) for d in range(first, day_number(until) - horizon + 1)]
    snapshots = build_snapshots(some.lazy(), days, as_of=until).collect()
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


def test_climatology_goes_by_daily_rates_while_nothing_has_matured(steady: pl.DataFrame) -> None:
    history = known_by(steady, date(2024, 2, 15))

    found = base_rates(history, (90,)).incidence(TRAITS, DAYS, (90,))

    assert base_rate(history, 90) is None
    assert found.won[:, 0] == pytest.approx(np.full(3, (1 - 0.97**90) * 2 / 3), abs=0.05)
    assert found.won[0, 0] + found.lost[0, 0] < 1


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_survives_json(name: str, some: pl.DataFrame) -> None:
    estimator = ESTIMATORS[name]
    fitted = estimator.fit(known_by(some, UNTIL), CONTEXT)

    again = estimator.load(json.loads(json.dumps(fitted.to_dict())))

    for found, expected in zip(
        again.incidence(TRAITS, DAYS, (30, 60)),
        fitted.incidence(TRAITS, DAYS, (30, 60)),
        strict=True,
    ):
        assert found.shape == (3, 2)
        assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "learnt_anew"),
    [
        ("age", False),
        ("calendar", False),
        ("never_close", True),
        ("shifting", True),
        ("entities", True),
    ],
)
def test_an_update_learns_anew_only_who_never_closes(
    name: str, some: pl.DataFrame, *, learnt_anew: bool
) -> None:
    fitted = ESTIMATORS[name].fit(known_by(some, UNTIL), CONTEXT)

    updated = fitted.updated(known_by(some, UNTIL + timedelta(30)))

    assert (updated.to_dict() != fitted.to_dict()) is learnt_anew


@pytest.mark.parametrize("name", ["age", "calendar"])
def test_agents_do_not_matter_to_the_plain_ones(name: str, some: pl.DataFrame) -> None:
    without = some.drop("sales_agent", "product", "account")

    one_way, other_way = (
        ESTIMATORS[name].fit(known_by(rows, UNTIL), CONTEXT).to_dict() for rows in (some, without)
    )

    assert one_way == other_way


def test_only_the_entities_let_in_have_effects(some: pl.DataFrame) -> None:
    fitted = ESTIMATORS["entities"].fit(known_by(some, UNTIL), CONTEXT)

    assert isinstance(fitted, CompetingRisks)
    assert [effects.of for effects in (*fitted.speed, *fitted.winning)] == [("sales_agent",)] * 2


def test_features_are_named_as_in_the_catalogue_and_none_is_of_the_account() -> None:
    known = {spec.name for spec in CATALOGUE}

    for estimator in ESTIMATORS.values():
        assert set(estimator.features) <= known
        assert not any("account" in name for name in estimator.features)
    assert estimator_named(DEFAULT).features == ("age_days", "week_of_quarter", "month_of_quarter")


def test_an_unknown_estimator_is_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError) as refusal:
        estimator_named("calender")

    assert refusal.value.problem == "There is no estimator 'calender'."
    assert refusal.value.remedy == "did you mean 'calendar'?"
