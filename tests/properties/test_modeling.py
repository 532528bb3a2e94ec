"""What holds for the model whatever the opportunities."""

import json
from datetime import date, timedelta
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dealcast.errors import ModelError
from dealcast.modeling import metrics
from dealcast.modeling.estimators import ESTIMATORS, Context
from dealcast.modeling.history import History, known_by
from dealcast.modeling.recalibration import Recalibration
from dealcast.modeling.risks import CompetingRisks, Incidence
from dealcast.modeling.traits import ENTITIES, Traits, traits_of
from dealcast.settings import ModelSettings
from dealcast.snapshots import DayArray, day_number

START = date(2024, 1, 1)
SPAN = 200
HORIZONS = (1, 7, 30, 90, 365)
SETTINGS = ModelSettings(horizons_days=HORIZONS)
# Each of these fits a model several times.
FEW = settings(max_examples=10, deadline=None)

Drawn = list[tuple[str, int, int, str | None]]

# Stage, day engaged, days until it closes, agent.
one = st.tuples(
    st.sampled_from(["Won", "Lost", "Engaging"]),
    st.integers(0, SPAN),
    st.integers(0, SPAN),
    st.sampled_from(["Ann", "Bob", "Cleo", None]),
)
many = st.lists(one, min_size=1, max_size=40)
recalibrations = st.builds(Recalibration, st.floats(-3, 3), st.floats(0.1, 3), st.floats(-3, 3))


def opportunities(drawn: Drawn, first_id: int = 0) -> pl.DataFrame:
    engaged = [START + timedelta(e) for _, e, _, _ in drawn]
    closed = [
        None if stage == "Engaging" else day + timedelta(length)
        for (stage, _, length, _), day in zip(drawn, engaged, strict=True)
    ]
    return pl.DataFrame(
        {
            "opportunity_id": [f"O{first_id + i:04}" for i in range(len(drawn))],
            "deal_stage": [stage for stage, *_ in drawn],
            "engage_date": engaged,
            "close_date": closed,
            "sales_agent": [agent for *_, agent in drawn],
        },
        schema_overrides={"close_date": pl.Date, "engage_date": pl.Date, "sales_agent": pl.String},
    )


def learnable(rows: pl.DataFrame, until: date) -> History:
    try:
        history = known_by(rows, until)
        assert history.person_days.oldest_closed_age > 0
    except ModelError:
        assume(condition=False)
    return history


def context(month: int = 1) -> Context:
    return Context(SETTINGS, month, ENTITIES)


def asked(history: History) -> tuple[Traits, DayArray]:
    """Of every agent, a new one and nobody, at ages within and beyond what was seen."""
    agents = ["Ann", "Bob", "Cleo", "New", None]
    ages = np.repeat(np.arange(0, 400, 13), len(agents))
    names = pl.Series(agents * (len(ages) // len(agents)), dtype=pl.String)
    return Traits(history.last_day - ages, {"sales_agent": names}), np.full(
        len(ages), history.last_day
    )


def assert_probabilities(found: Incidence, *, grow: bool = True) -> None:
    won, lost = found
    for p in (won, lost):
        assert p.min() >= 0
        assert p.max() <= 1
        assert not grow or (np.diff(p, axis=1) >= 0).all()
    assert (won + lost).max() <= 1 + 1e-12


@pytest.mark.parametrize("name", ESTIMATORS)
@FEW
@given(drawn=many, month=st.integers(1, 12))
def test_probabilities_are_probabilities_and_grow_with_the_horizon(
    name: str, drawn: Drawn, month: int
) -> None:
    history = learnable(opportunities(drawn), START + timedelta(SPAN))
    traits, days = asked(history)

    found = ESTIMATORS[name].fit(history, context(month)).incidence(traits, days, HORIZONS)

    assert found.won.shape == found.lost.shape == (len(days), len(HORIZONS))
    # Base rates of different horizons are of different snapshots, so they need not grow.
    assert_probabilities(found, grow=name != "climatology")


@settings(max_examples=30, deadline=None)
@given(drawn=many, recalibration=recalibrations)
def test_they_do_so_after_any_recalibration(drawn: Drawn, recalibration: Recalibration) -> None:
    history = learnable(opportunities(drawn), START + timedelta(SPAN))
    fitted = ESTIMATORS["never_close"].fit(history, context())
    assert isinstance(fitted, CompetingRisks)

    moved = CompetingRisks(fitted.table, fitted.never_close, recalibration=recalibration)

    assert_probabilities(moved.incidence(*asked(history), HORIZONS))


@FEW
@given(drawn=many, later=many, day=st.integers(20, SPAN))
def test_the_future_does_not_matter(drawn: Drawn, later: Drawn, day: int) -> None:
    until = START + timedelta(day)
    history = learnable(opportunities(drawn), until)
    closes_later = [
        ("Won" if stage != "Won" else "Lost", engaged, max(length, day - engaged) + 1, agent)
        if stage == "Engaging" or engaged + length > day
        else (stage, engaged, length, agent)
        for stage, engaged, length, agent in drawn
    ]
    engages_later = [
        (stage, day + 1 + start, length, agent) for stage, start, length, agent in later
    ]

    changed = known_by(
        pl.concat([opportunities(closes_later), opportunities(engages_later, len(drawn))]), until
    )

    for before, after in zip(history.person_days.counts, changed.person_days.counts, strict=True):
        assert np.array_equal(before, after)
    assert np.array_equal(history.person_days.age, changed.person_days.age)
    one_way, other_way = (ESTIMATORS["entities"].fit(h, context()) for h in (history, changed))
    assert one_way.to_dict() == other_way.to_dict()


@pytest.mark.parametrize("name", ["climatology", "calendar", "entities"])
@FEW
@given(drawn=many, random=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(name: str, drawn: Drawn, random: Random) -> None:
    rows = opportunities(drawn)
    until = START + timedelta(SPAN)
    learnable(rows, until)
    shuffled = rows[random.sample(range(rows.height), rows.height)]

    one_way, other_way = (
        ESTIMATORS[name].fit(known_by(r, until), context()) for r in (rows, shuffled)
    )

    assert one_way.to_dict() == other_way.to_dict()


@pytest.mark.parametrize("name", ["calendar", "entities"])
@FEW
@given(drawn=many)
def test_opportunities_are_predicted_alike_in_any_company(name: str, drawn: Drawn) -> None:
    history = learnable(opportunities(drawn), START + timedelta(SPAN))
    fitted = ESTIMATORS[name].fit(history, context())
    traits, days = asked(history)
    rows = np.arange(0, len(days), 3)[::-1]

    whole = fitted.incidence(traits, days, HORIZONS)
    some = fitted.incidence(traits.take(rows), days[rows], HORIZONS)

    assert np.array_equal(whole.won[rows], some.won)
    assert np.array_equal(whole.lost[rows], some.lost)


@pytest.mark.parametrize("name", ["calendar", "entities"])
@FEW
@given(drawn=many)
def test_unseen_agents_are_predicted_as_average_ones(name: str, drawn: Drawn) -> None:
    rows = opportunities(drawn)
    history = learnable(rows, START + timedelta(SPAN))
    fitted = ESTIMATORS[name].fit(history, context())
    open_now = traits_of(rows)
    days = np.full(len(open_now), history.last_day)

    def of(agent: str | None) -> Incidence:
        names = pl.repeat(agent, len(open_now), dtype=pl.String, eager=True)
        return fitted.incidence(Traits(open_now.engaged, {"sales_agent": names}), days, HORIZONS)

    nobody = fitted.incidence(Traits(open_now.engaged), days, HORIZONS)
    for found in (of("New"), of(None)):
        assert np.array_equal(found.won, nobody.won)
        assert np.array_equal(found.lost, nobody.lost)


@pytest.mark.parametrize("name", ESTIMATORS)
@FEW
@given(drawn=many)
def test_what_was_fitted_predicts_the_same_after_json(name: str, drawn: Drawn) -> None:
    history = learnable(opportunities(drawn), START + timedelta(SPAN))
    fitted = ESTIMATORS[name].fit(history, context())

    again = ESTIMATORS[name].load(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))

    traits, days = asked(history)
    for one_way, other_way in zip(
        again.incidence(traits, days, HORIZONS),
        fitted.incidence(traits, days, HORIZONS),
        strict=True,
    ):
        assert np.array_equal(one_way, other_way)


@settings(max_examples=40, deadline=None)
@given(many)
def test_every_close_after_the_first_day_is_counted_once(drawn: Drawn) -> None:
    history = learnable(opportunities(drawn), START + timedelta(SPAN))

    at_risk, won, lost = history.person_days.counts

    expected = [s for s, e, n, _ in drawn if s != "Engaging" and n > 0 and e + n <= SPAN]
    assert won.sum() == expected.count("Won")
    assert lost.sum() == expected.count("Lost")
    assert (at_risk >= won + lost).all()
    assert history.person_days.day.max() <= day_number(START) + SPAN


@settings(max_examples=40, deadline=None)
@given(many, st.randoms(use_true_random=False))
def test_weighted_person_days_add_up(drawn: Drawn, random: Random) -> None:
    history = learnable(opportunities(drawn), START + timedelta(SPAN))
    weights = np.array([random.random() for _ in range(len(history.at_risk.traits))])

    found = history.person_days.at_risk(weights)

    seen = history.at_risk
    days = np.minimum(seen.closed, seen.last_day) - seen.entered
    assert found.sum() == pytest.approx((weights * days).sum())
    assert history.person_days.counts.at_risk.sum() == days.sum()


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.integers(0, 3)), min_size=1), st.randoms()
)
def test_metrics_do_not_depend_on_the_order_of_rows(
    drawn: list[tuple[bool, float, int]], random: Random
) -> None:
    shuffled = list(drawn)
    random.shuffle(shuffled)

    def figures(rows: list[tuple[bool, float, int]]) -> list[float | None]:
        won, p, group = (np.array(column) for column in zip(*rows, strict=True))
        return [metrics.auc(won, p), metrics.auc_within(won, p, group), metrics.brier(won, p)]

    for one_way, other_way in zip(figures(drawn), figures(shuffled), strict=True):
        assert (one_way is None) == (other_way is None)
        assert one_way is None or np.isclose(one_way, other_way or 0)
