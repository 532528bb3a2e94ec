from datetime import date

import numpy as np
import pytest

from dealcast.modeling.courses import Course, Incidence
from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.never_close import log_odds
from dealcast.modeling.recalibration import UNCHANGED, Recalibration
from dealcast.snapshots import day_number

MOVED = Recalibration(0.3, 0.9, -0.2)
HORIZONS = (1, 30, 47, 60, 120)
RNG = np.random.default_rng(3)
TABLE = ClosingTable(
    np.array([1, 5, 20, 70]), RNG.uniform(0.001, 0.05, (4, 14)), np.array([0.4, 0.5, 0.7]), 2
)


def courses(days: list[int], *, speed: bool = True, recalibration: Recalibration = MOVED) -> Course:
    count, draw = len(days), np.random.default_rng(4)
    today = day_number(date(2024, 1, 20)) + np.array(days, dtype=np.int64)
    return Course.of(
        TABLE,
        today,
        today - draw.integers(0, 90, count),
        never=draw.uniform(0, 0.5, count),
        speed=np.exp(draw.normal(0, 0.3, count)) if speed else None,
        winning=log_odds(TABLE.won) + draw.normal(0, 0.5, (count, 1)),
        longest=max(HORIZONS),
        recalibration=recalibration,
    )


@pytest.mark.parametrize("recalibration", [UNCHANGED, MOVED], ids=["raw", "recalibrated"])
@pytest.mark.parametrize("speed", [True, False], ids=["own speed", "usual speed"])
@pytest.mark.parametrize("days", [[0] * 9, [0, 5, 11, 12, 40, 41, 0, 5, 90]])
def test_chances_within_a_horizon_are_those_of_its_days_added_up(
    days: list[int], speed: bool, recalibration: Recalibration
) -> None:
    course = courses(days, speed=speed, recalibration=recalibration)

    within, daily = course.incidence(HORIZONS), course.daily()

    last = np.array(HORIZONS) - 1
    for chances, each_day in zip(within, daily, strict=True):
        assert np.allclose(chances, each_day.cumsum(axis=1)[:, last], rtol=0, atol=1e-12)


def test_what_has_closed_was_won_or_lost() -> None:
    course = courses([0, 3, 60])

    won, lost = course.incidence(HORIZONS)

    for column, horizon in enumerate(HORIZONS):
        assert np.allclose(won[:, column] + lost[:, column], course.closed(horizon), atol=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_days_until_a_share_has_closed_are_those_of_a_count(share: float) -> None:
    course = courses([0, 0, 7, 30, 31])

    closed = np.stack([course.closed(d) for d in range(1, course.longest + 1)], axis=1)

    by_count = (closed < share * closed[:, -1:]).sum(axis=1) + 1
    assert course.days_until(share).tolist() == [by_count.tolist()]


def test_those_of_one_age_are_tied_on_every_day_where_months_do_not_matter() -> None:
    table = TABLE.without_calendar()
    today = day_number(date(2024, 1, 20)) + np.arange(60)
    course = Course.of(
        table,
        today,
        today - 10,
        never=np.zeros(60),
        speed=None,
        winning=np.tile(log_odds(table.won), (60, 1)),
        longest=90,
        recalibration=UNCHANGED,
    )

    assert len(np.unique(course.incidence([30, 90]).won[:, 1])) == 1


def test_the_course_of_nobody_is_empty() -> None:
    course = courses([])

    assert course.incidence(HORIZONS).won.shape == (0, 5)
    assert course.daily().lost.shape == (0, 120)
    assert course.days_until(0.5).shape == (1, 0)
    assert isinstance(course.daily(), Incidence)
