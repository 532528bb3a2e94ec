from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.monitoring.rates import compare_arrivals, compare_win_rate
from dealcast.monitoring.windows import Windows, newly_engaged

OpportunitiesOf = Callable[..., pl.DataFrame]
TablesOf = Callable[..., CrmTables]
START = date(2023, 1, 1)
WITHIN = Windows(START, date(2023, 12, 31), date(2024, 3, 31))
DAYS = [START + timedelta(n) for n in range(456)]


def test_the_win_rate_is_compared_within_the_month_of_the_quarter() -> None:
    early, late = [True] * 50 + [False] * 50, [True] * 90 + [False] * 10
    closed = pl.DataFrame(
        {
            "part": [15] * 200 + [45] * 100 + [45] * 100,
            "is_current": [False] * 300 + [True] * 100,
            "won": early * 2 + late + late,
        }
    )

    compared = compare_win_rate(closed, min_rows=50)

    assert (compared.n_reference, compared.n_current) == (100, 100)
    assert compared.effect == 0
    assert compared.p_value == 1


def arrivals(
    tables_of: TablesOf, opportunities_of: OpportunitiesOf, per_day: list[int]
) -> pl.DataFrame:
    rows = [("Engaging", day, None) for day, n in zip(DAYS, per_day, strict=True) for _ in range(n)]
    return newly_engaged(tables_of(opportunities_of(rows)), WITHIN)


def test_no_arrivals_on_weekends_are_no_drift(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf
) -> None:
    per_day = [0 if day.weekday() >= 5 else 4 for day in DAYS]

    compared = compare_arrivals(arrivals(tables_of, opportunities_of, per_day), WITHIN, min_rows=50)

    assert compared.effect == pytest.approx(1, abs=0.05)
    assert compared.p_value == pytest.approx(1, abs=0.5)


def test_weeks_that_differ_by_more_than_chance_need_more_proof(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf
) -> None:
    rng = np.random.default_rng(0)
    of_week = 4 * rng.gamma(3, 1 / 3, 66)
    steady = [4] * 365 + [5] * 91
    restless = [int(rng.poisson(of_week[n // 7])) for n in range(365)] + [5] * 91

    p_steady, p_restless = (
        compare_arrivals(arrivals(tables_of, opportunities_of, n), WITHIN, min_rows=50).p_value
        for n in (steady, restless)
    )

    assert p_steady is not None
    assert p_restless is not None
    assert p_steady < 1e-3 < p_restless


def test_a_quarter_that_only_begins_is_compared_with_beginnings(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf
) -> None:
    per_day = [8 if day.month % 3 == 1 else 1 for day in DAYS]
    engaged = arrivals(tables_of, opportunities_of, per_day)
    january = Windows(START, date(2023, 12, 31), date(2024, 1, 31))

    compared = compare_arrivals(
        engaged.filter(pl.col("engage_date") <= january.as_of), january, min_rows=50
    )

    assert compared.effect == pytest.approx(1, abs=0.05)
