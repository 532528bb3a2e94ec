"""What holds for the model whatever the opportunities."""

from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dealcast.errors import ModelError
from dealcast.modeling import metrics
from dealcast.modeling.estimators import ESTIMATORS
from dealcast.modeling.history import History, known_by
from dealcast.settings import ModelSettings
from dealcast.snapshots import day_number

START = date(2024, 1, 1)
SPAN = 200
HORIZONS = (1, 7, 30, 90, 365)
SETTINGS = ModelSettings(horizons_days=HORIZONS)

# Stage, day engaged, days until it closes.
one = st.tuples(
    st.sampled_from(["Won", "Lost", "Engaging"]), st.integers(0, SPAN), st.integers(0, SPAN)
)
many = st.lists(one, min_size=1, max_size=40)


def opportunities(drawn: list[tuple[str, int, int]]) -> pl.DataFrame:
    engaged = [START + timedelta(e) for _, e, _ in drawn]
    closed = [
        None if stage == "Engaging" else day + timedelta(length)
        for (stage, _, length), day in zip(drawn, engaged, strict=True)
    ]
    return pl.DataFrame(
        {"deal_stage": [s for s, _, _ in drawn], "engage_date": engaged, "close_date": closed},
        schema_overrides={"close_date": pl.Date},
    )


def learnable(drawn: list[tuple[str, int, int]], until: date) -> History:
    try:
        history = known_by(opportunities(drawn), until)
        assert history.person_days.oldest_closed_age > 0
    except ModelError:
        assume(False)
    return history


@settings(max_examples=60, deadline=None)
@given(many, st.sampled_from(list(ESTIMATORS)), st.integers(1, 12))
def test_probabilities_are_probabilities_and_grow_with_the_horizon(
    drawn: list[tuple[str, int, int]], name: str, month: int
) -> None:
    history = learnable(drawn, START + timedelta(SPAN))
    ages = np.arange(0, 300, 7)
    days = np.full(len(ages), history.last_day)

    won, lost = ESTIMATORS[name].fit(history, SETTINGS, month).incidence(ages, days, HORIZONS)

    for p in (won, lost):
        assert p.shape == (len(ages), len(HORIZONS))
        assert p.min() >= 0
        assert p.max() <= 1
    assert (won + lost).max() <= 1 + 1e-12
    if name != "climatology":
        # Base rates of different horizons are of different snapshots, so they need not grow.
        assert (np.diff(won, axis=1) >= 0).all()
        assert (np.diff(lost, axis=1) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(many, many, st.integers(20, SPAN))
def test_the_future_does_not_matter(
    drawn: list[tuple[str, int, int]], later: list[tuple[str, int, int]], day: int
) -> None:
    until = START + timedelta(day)
    history = learnable(drawn, until)
    closes_later = [
        ("Won" if stage != "Won" else "Lost", engaged, max(length, day - engaged) + 1)
        if stage == "Engaging" or engaged + length > day
        else (stage, engaged, length)
        for stage, engaged, length in drawn
    ]
    engages_later = [(stage, day + 1 + engaged, length) for stage, engaged, length in later]

    changed = known_by(opportunities(closes_later + engages_later), until)

    for before, after in zip(history.person_days.counts, changed.person_days.counts, strict=True):
        assert np.array_equal(before, after)
    assert np.array_equal(history.person_days.age, changed.person_days.age)


@settings(max_examples=60, deadline=None)
@given(many)
def test_every_close_after_the_first_day_is_counted_once(drawn: list[tuple[str, int, int]]) -> None:
    history = learnable(drawn, START + timedelta(SPAN))

    at_risk, won, lost = history.person_days.counts

    expected = [s for s, e, n in drawn if s != "Engaging" and n > 0 and e + n <= SPAN]
    assert won.sum() == expected.count("Won")
    assert lost.sum() == expected.count("Lost")
    assert (at_risk >= won + lost).all()
    assert history.person_days.day.max() <= day_number(START) + SPAN


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.integers(0, 3)), min_size=1), st.randoms()
)
def test_metrics_do_not_depend_on_the_order_of_rows(
    drawn: list[tuple[bool, float, int]], random: "np.random.Generator"
) -> None:
    shuffled = list(drawn)
    random.shuffle(shuffled)

    def figures(rows: list[tuple[bool, float, int]]) -> list[float | None]:
        won, p, group = (np.array(column) for column in zip(*rows, strict=True))
        return [metrics.auc(won, p), metrics.auc_within(won, p, group), metrics.brier(won, p)]

    for one_way, other_way in zip(figures(drawn), figures(shuffled), strict=True):
        assert (one_way is None) == (other_way is None)
        assert one_way is None or np.isclose(one_way, other_way or 0)
