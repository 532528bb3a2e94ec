import gc
import weakref
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.modeling import day_by_day
from dealcast.modeling.day_by_day import fitted_by_day, incidences_by_day
from dealcast.modeling.estimators import ESTIMATORS, Context
from dealcast.modeling.history import History, Record, known_by
from dealcast.modeling.recalibration import UNCHANGED, Recalibration
from dealcast.modeling.risks import CompetingRisks
from dealcast.modeling.traits import traits_of
from dealcast.settings import ModelSettings
from dealcast.snapshots import day_number

CONTEXT = Context(ModelSettings(), entities=("sales_agent",), up_to_date=False)
NAMES = ("climatology", "age", "never_close", "entities")
HORIZONS = (30, 60)
SHIFTED = Recalibration(0.3, 0.9, -0.1)


@pytest.fixture(scope="module")
def some(sample_of: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    """Agents and products differ."""
    return sample_of(600, 1)


@pytest.fixture(scope="module")
def until(some: pl.DataFrame) -> date:
    last = some["close_date"].max()
    assert isinstance(last, date)
    return last - timedelta(90)


@pytest.fixture(params=[1, 2, 10])
def at_a_time(
    request: pytest.FixtureRequest, some: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> int:
    """So many days are learnt from abreast."""
    count: int = request.param
    monkeypatch.setattr(day_by_day, "ABREAST", count * some["engage_date"].count())
    return count


@pytest.mark.usefixtures("at_a_time")
def test_learning_day_by_day_gives_what_is_learnt_of_each_day(
    some: pl.DataFrame, until: date
) -> None:
    days = [until + timedelta(back) for back in (-62, -31, 0)]
    traits, today = traits_of(some.head(20)), np.full(20, day_number(until))

    found = list(fitted_by_day(NAMES, Record.of(some), days, CONTEXT))

    for day, (history, fitted) in zip(days, found, strict=True):
        assert history.known_until == day
        assert tuple(fitted) == NAMES
        for name in NAMES:
            alone = ESTIMATORS[name].fit(known_by(some, day), CONTEXT)
            one, other = (f.incidence(traits, today, (30,)).won for f in (fitted[name], alone))
            assert one == pytest.approx(other, abs=1e-9)


def test_one_day_s_history_is_let_go_of_before_the_next_is_made(
    some: pl.DataFrame, until: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_by_day, "ABREAST", 1)
    days, alive = [until - timedelta(31), until], list[weakref.ref[History]]()

    class Watched(Record):
        def known_by(self, until: date) -> History:
            assert [ref() for ref in alive] == [None] * len(alive)
            history = super().known_by(until)
            alive.append(weakref.ref(history))
            return history

    record = Record.of(some)
    watched = Watched(record.traits, record.closed, record.is_won)
    gc.disable()  # not even what is kept in a circle waits for it
    try:
        for history, _ in fitted_by_day(NAMES, watched, days, CONTEXT):
            del history
    finally:
        gc.enable()

    assert len(alive) == len(days)


@pytest.mark.usefixtures("at_a_time")
def test_snapshots_are_predicted_by_what_was_known_on_their_dates(
    some: pl.DataFrame, until: date
) -> None:
    learnt = {name: ESTIMATORS[name].fit(known_by(some, until), CONTEXT) for name in NAMES}
    dates = [until + timedelta(days) for days in (28, 0, 14)]
    rows = (
        some.filter(pl.col("engage_date") <= until)
        .head(30)
        .select(pl.all(), snapshot_date=pl.lit(pl.Series(dates * 10)))
    )
    by = dict.fromkeys(NAMES, (UNCHANGED, SHIFTED))

    found = dict(incidences_by_day(learnt, Record.of(some), rows, HORIZONS, by))

    assert tuple(found) == NAMES
    for name, fitted in learnt.items():
        for day in dates:
            at = (rows["snapshot_date"] == day).to_numpy()
            traits, days = traits_of(rows.filter(at)), np.full(at.sum(), day_number(day))
            if isinstance(fitted, CompetingRisks):
                today = fitted.updated(known_by(some, day))
                expected = today.incidences(traits, days, HORIZONS, by[name])
            else:
                expected = (fitted.incidence(traits, days, HORIZONS),) * 2
            for one, other in zip(found[name], expected, strict=True):
                assert one.won[at] == pytest.approx(other.won, abs=1e-9)
                assert one.lost[at] == pytest.approx(other.lost, abs=1e-9)
