import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.hazard import HazardTable, fit_logit_hazards, hazards_by_age
from dealcast.modeling.history import known_by
from dealcast.snapshots import day_number, month_of_quarter

ANY_DAY = day_number(date(2024, 10, 20))


@pytest.fixture(scope="module")
def table() -> HazardTable:
    """Random hazards for ages up to 40 days."""
    rng = np.random.default_rng(2)
    return HazardTable(
        won=rng.uniform(0, 0.1, (41, 3)),
        lost=rng.uniform(0, 0.1, (41, 3)),
        fiscal_year_start_month=2,
    )


def test_incidence_is_that_of_a_loop_over_days(table: HazardTable) -> None:
    ages, days = np.array([0, 3, 3, 38, 500]), ANY_DAY + np.array([0, 0, 9, 0, 0])

    found = table.incidence(ages, days, (1, 30, 90))

    for row, (age, day) in enumerate(zip(ages, days, strict=True)):
        still_open, won, lost = 1.0, 0.0, 0.0
        for k in range(1, 91):
            month = month_of_quarter(int(day) + k, fiscal_year_start_month=2)
            at = min(int(age) + k, 40), month - 1
            won += still_open * table.won[at]
            lost += still_open * table.lost[at]
            still_open *= 1 - table.won[at] - table.lost[at]
            if k in (1, 30, 90):
                column = (1, 30, 90).index(k)
                assert found.won[row, column] == pytest.approx(won, abs=1e-12)
                assert found.lost[row, column] == pytest.approx(lost, abs=1e-12)


def test_incidence_of_nobody_is_empty(table: HazardTable) -> None:
    nobody = np.array([], dtype=np.int64)

    assert table.incidence(nobody, nobody, (30, 60)).won.shape == (0, 2)


def test_a_table_survives_json(table: HazardTable) -> None:
    again = HazardTable.from_dict(json.loads(json.dumps(table.to_dict())))

    assert np.array_equal(again.won, table.won)
    assert np.array_equal(again.lost, table.lost)
    assert again.fiscal_year_start_month == 2


@pytest.mark.parametrize("kind", ["age", "logit"])
def test_constant_hazards_are_recovered(
    kind: str, steady: pl.DataFrame, steady_until: date
) -> None:
    days = known_by(steady, steady_until).person_days

    table = (
        hazards_by_age(days, fiscal_year_start_month=1)
        if kind == "age"
        else fit_logit_hazards(days, penalty=10, fiscal_year_start_month=1)
    )
    ages = np.arange(60)
    found = table.incidence(ages, np.full(60, ANY_DAY), (30,))

    closed = 1 - 0.97**30
    assert found.won[:, 0] == pytest.approx(np.full(60, closed * 2 / 3), abs=0.06)
    assert found.won.mean() == pytest.approx(closed * 2 / 3, abs=0.01)
    assert found.lost.mean() == pytest.approx(closed / 3, abs=0.01)


def test_months_of_the_fiscal_quarter_are_told_apart() -> None:
    # Day by day 100 are at risk at age 1; nobody closes but in the second month of the quarter.
    days = np.arange(day_number(date(2024, 2, 1)), day_number(date(2024, 8, 1)))
    engaged = np.repeat(days, 100)
    second = month_of_quarter(engaged + 1, fiscal_year_start_month=2) == 2
    wins = second & (np.arange(len(engaged)) % 10 == 0)
    opportunities = pl.DataFrame(
        {
            "deal_stage": np.where(wins, "Won", "Engaging"),
            "engage_date": engaged.astype("datetime64[D]"),
            "close_date": pl.Series(engaged + 1, dtype=pl.Int32).cast(pl.Date),
        }
    ).with_columns(close_date=pl.when(pl.col("deal_stage") == "Won").then("close_date"))
    history = known_by(opportunities, date(2024, 7, 31))

    table = fit_logit_hazards(history.person_days, penalty=100, fiscal_year_start_month=2)

    assert table.won[1, 1] == pytest.approx(0.1, abs=0.01)
    assert table.won[1, [0, 2]].max() < 0.001
    assert table.lost.max() < 0.001


def test_those_older_than_any_that_closed_hardly_ever_will(
    steady: pl.DataFrame, steady_until: date
) -> None:
    never = steady.head(2_000).with_columns(
        deal_stage=pl.lit("Engaging"),
        close_date=pl.lit(None, pl.Date),
        engage_date=pl.col("engage_date").min(),
    )
    closes_early = pl.col("close_date") - pl.col("engage_date") <= pl.duration(days=60)
    days = known_by(pl.concat([steady.filter(closes_early), never]), steady_until).person_days

    table = fit_logit_hazards(days, penalty=10, fiscal_year_start_month=1)

    dead = table.incidence(np.array([100]), np.array([ANY_DAY]), (90,))
    assert days.oldest_closed_age == 60
    assert dead.won[0, 0] + dead.lost[0, 0] < 0.005
