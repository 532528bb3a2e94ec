from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.monitoring.timing import wins_by_lag, wins_due

OpportunitiesOf = Callable[..., pl.DataFrame]


def test_a_win_counts_once_per_day_on_which_it_was_open(opportunities_of: OpportunitiesOf) -> None:
    rows = [
        ("Lost", date(2024, 1, 1), date(2024, 1, 1)),
        ("Won", date(2024, 1, 5), date(2024, 1, 9)),
    ]

    wins = wins_by_lag(opportunities_of(rows), 5, known_until=date(2024, 2, 1))

    assert wins[0].tolist() == [0, 0, 1, 2, 3, 3]
    assert wins[1].tolist() == [0, 1, 1, 1, 1, 1]
    assert wins[-1].tolist() == [0, 1, 2, 3, 4, 4]


def test_days_whose_horizon_has_not_passed_do_not_count(opportunities_of: OpportunitiesOf) -> None:
    rows = [("Won", date(2024, 1, 1), date(2024, 1, 9))]

    wins = wins_by_lag(opportunities_of(rows), 30, known_until=date(2024, 1, 20))

    assert wins.sum() == 0


def test_between_horizons_the_chance_grows_as_wins_did() -> None:
    wins = np.zeros((15, 61), dtype=np.int64)
    wins[:, 10:] = 50
    wins[:, 40:] = 150
    p = np.array([[0.2, 0.6]])

    due = [
        wins_due(p, (30, 60), np.array([elapsed]), np.array([3]), wins)[0]
        for elapsed in (0, 5, 10, 30, 39, 45, 60)
    ]

    assert due == pytest.approx([0, 0, 0.2, 0.2, 0.2, 0.6, 0.6])


def test_without_any_timing_the_part_due_is_unknown() -> None:
    wins = np.zeros((15, 31), dtype=np.int64)

    assert np.isnan(wins_due(np.array([[0.2]]), (30,), np.array([5]), np.array([0]), wins)).all()


def test_the_calendar_is_in_the_timing(opportunities_of: OpportunitiesOf) -> None:
    ends = [date(2023, 3, 31), date(2023, 6, 30), date(2023, 9, 30), date(2023, 12, 31)]
    rows = [("Won", end - timedelta(80), end) for end in ends for _ in range(30)]

    wins = wins_by_lag(opportunities_of(rows), 30, known_until=date(2024, 2, 1))

    assert wins[9, 15] == 0
    assert wins[12, 7] > 0
