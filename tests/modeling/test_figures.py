"""One opportunity or many, with reasons or without: the same figures."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.estimators import Context
from dealcast.modeling.figures import (
    ENGAGED_LATER,
    NOT_ENGAGED,
    Column,
    Figures,
    Judging,
    chances_of,
    figures,
    has_clock,
    notes,
)
from dealcast.modeling.reasons import Words
from dealcast.modeling.recalibration import UNCHANGED, Recalibration
from dealcast.modeling.training import WinModel, train
from dealcast.modeling.traits import ENTITIES, traits_of
from dealcast.settings import ModelSettings

DAY = date(2024, 6, 3)
WHY = Judging((0.5, 0.25, 0.1), explains=True)


@pytest.fixture(scope="module")
def sample(sample_of: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    return sample_of(1_500, 3).with_columns(close_value=pl.lit(0.0))


@pytest.fixture(scope="module")
def as_of(sample: pl.DataFrame) -> date:
    day: date = sample.select(pl.max_horizontal(pl.col("engage_date", "close_date").max())).item()
    return day


@pytest.fixture(
    scope="module", params=["age", "calendar", "never_close", "entities"], ids=lambda name: name
)
def model(request: pytest.FixtureRequest, sample: pl.DataFrame, as_of: date) -> WinModel:
    return train(
        sample,
        Context(ModelSettings(horizons_days=(30, 90)), entities=ENTITIES),
        as_of=as_of,
        catalogue_fingerprint="abc",
        estimator=request.param,
        recalibration=UNCHANGED if request.param == "calendar" else Recalibration(0.3, 0.9, -0.2),
    )


@pytest.fixture(scope="module")
def opened(sample: pl.DataFrame) -> pl.DataFrame:
    return sample.filter(deal_stage="Engaging").head(60)


def listed(column: Column) -> list[Any]:
    return column.listed() if isinstance(column, Words) else column.tolist()


def said_of(model: WinModel, rows: pl.DataFrame, as_of: date, judging: Judging = WHY) -> Figures:
    return figures(model, traits_of(rows), np.full(rows.height, 100.0), as_of, judging)


def test_of_one_alone_the_same_is_said_as_among_others(
    model: WinModel, opened: pl.DataFrame, as_of: date
) -> None:
    of_all = said_of(model, opened, as_of)
    together = {name: listed(column) for name, column in of_all.columns.items()}

    for at in range(opened.height):
        alone = said_of(model, opened[at], as_of)
        for name, column in alone.columns.items():
            (said,), other = listed(column), together[name][at]
            assert said == (
                pytest.approx(other, rel=0, abs=1e-12) if isinstance(said, float) else other
            )
        assert alone.explained is not None
        assert of_all.explained is not None
        # To the 1e-12 of a chance that is far from 0 and 1.
        parts = of_all.explained.log_odds[of_all.explained.place[at]]
        assert alone.explained.log_odds[0] == pytest.approx(parts, rel=0, abs=1e-9)


def test_without_reasons_all_else_is_the_same(
    model: WinModel, opened: pl.DataFrame, as_of: date
) -> None:
    told = said_of(model, opened, as_of)
    plain = said_of(model, opened, as_of, Judging(WHY.grades, explains=False))

    assert plain.explained is None
    assert told.columns.keys() - plain.columns.keys() == {"reason_for", "reason_against"}
    for name, column in plain.columns.items():
        assert listed(column) == listed(told.columns[name])


def test_chances_alone_are_those_of_the_figures(
    model: WinModel, opened: pl.DataFrame, as_of: date
) -> None:
    told = said_of(model, opened, as_of).columns

    for name, column in chances_of(model, traits_of(opened), as_of).items():
        assert listed(column) == listed(told[name])


def test_of_nobody_nothing_is_said(model: WinModel, opened: pl.DataFrame, as_of: date) -> None:
    said = said_of(model, opened.clear(), as_of)

    assert [listed(column) for column in said.columns.values()] == [[]] * len(said.columns)


def test_an_amount_that_is_not_known_has_no_expected_value(
    model: WinModel, opened: pl.DataFrame, as_of: date
) -> None:
    amount = np.array([np.nan, 200.0])

    said = figures(model, traits_of(opened[:2]), amount, as_of, WHY).columns

    unknown, known = listed(said["expected_value"])
    assert np.isnan(unknown)
    assert known == 200.0 * listed(said["p_won_90"])[1]


def test_a_clock_runs_from_engaging_on() -> None:
    engaged = np.array([DAY, None, DAY + timedelta(days=1)], dtype="datetime64[D]")

    clock = has_clock(engaged, DAY)

    assert clock.tolist() == [True, False, False]
    assert notes(engaged, clock).listed() == [None, NOT_ENGAGED, ENGAGED_LATER]
