import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.hazard import (
    LARGEST_HAZARD,
    LEAN_ON_OVERALL,
    ClosingTable,
    fit_closing_table,
)
from dealcast.modeling.history import known_by
from dealcast.snapshots import day_number, month_of_quarter, quarter_start, week_of_quarter

ANY_DAY = day_number(date(2024, 10, 20))


@pytest.fixture(scope="module")
def table() -> ClosingTable:
    """Random hazards for two bands of ages, fiscal years from February."""
    rng = np.random.default_rng(2)
    return ClosingTable(
        ages=np.array([1, 8]),
        closing=rng.uniform(0, 0.2, (2, 14)),
        won=np.array([0.2, 0.5, 0.8]),
        fiscal_year_start_month=2,
    )


def test_a_hazard_is_that_of_the_band_of_ages_and_week_of_the_quarter(table: ClosingTable) -> None:
    ages, days = np.array([1, 7, 8, 400]), ANY_DAY + np.array([0, 30, 60, 365])

    found = table.closing_hazard(ages, days)

    weeks = [week_of_quarter(int(day), fiscal_year_start_month=2) for day in days]
    assert found.tolist() == [
        table.closing[band, week] for band, week in zip((0, 0, 1, 1), weeks, strict=True)
    ]


@pytest.mark.parametrize("start_month", range(1, 13))
def test_the_share_won_is_that_of_the_month_of_the_fiscal_quarter(start_month: int) -> None:
    won = np.array([0.1, 0.2, 0.3])
    table = ClosingTable(np.array([1]), np.full((1, 14), 0.1), won, start_month)
    days = np.arange(ANY_DAY, ANY_DAY + 400, 7)

    found = table.share_won(days)

    months = [month_of_quarter(int(d), fiscal_year_start_month=start_month) for d in days]
    assert found.tolist() == [won[month - 1] for month in months]


def test_the_cumulative_hazard_is_that_of_a_loop_over_days(table: ClosingTable) -> None:
    engaged = np.array([ANY_DAY, ANY_DAY - 700, ANY_DAY, ANY_DAY + 9])
    days = np.array([ANY_DAY, ANY_DAY + 3, ANY_DAY + 100, ANY_DAY])

    (found,) = table.cumulative(engaged, days)

    for start, end, value in zip(engaged, days, found, strict=True):
        between = np.arange(start + 1, end + 1)
        expected = (
            -np.log1p(-table.closing_hazard(between - start, between)).sum() if len(between) else 0
        )
        assert value == pytest.approx(expected, rel=1e-12)


def test_the_cumulative_hazard_of_nobody_is_empty(table: ClosingTable) -> None:
    nobody = np.array([], dtype=np.int64)

    assert table.cumulative(nobody, nobody)[0].shape == (0,)


def test_a_table_survives_json(table: ClosingTable) -> None:
    again = ClosingTable.from_dict(json.loads(json.dumps(table.to_dict())))

    assert np.array_equal(again.ages, table.ages)
    assert np.array_equal(again.closing, table.closing)
    assert np.array_equal(again.won, table.won)
    assert again.fiscal_year_start_month == 2


@pytest.mark.parametrize("calendar", [False, True])
def test_constant_hazards_are_recovered(
    steady: pl.DataFrame, steady_until: date, *, calendar: bool
) -> None:
    days = known_by(steady, steady_until).person_days

    table = fit_closing_table(days, fiscal_year_start_month=1, calendar=calendar)

    young = table.closing[table.ages < 60]
    assert young == pytest.approx(np.full_like(young, 0.03), abs=0.03)
    assert young.mean() == pytest.approx(0.03, abs=0.001)
    assert table.won == pytest.approx(np.full(3, 2 / 3), abs=0.03)
    assert len(set(table.won)) == (3 if calendar else 1)
    assert bool(np.ptp(table.closing, axis=1).max() > 0) is calendar


def test_a_hazard_is_closes_over_person_days_drawn_to_that_of_all(
    steady: pl.DataFrame, steady_until: date
) -> None:
    days = known_by(steady, steady_until).person_days

    table = fit_closing_table(days, fiscal_year_start_month=1, calendar=False)

    in_band = (days.age >= table.ages[3]) & (days.age < table.ages[4])
    overall = days.closed.sum() / days.counts.at_risk.sum()
    closed, at_risk = days.closed[in_band].sum(), days.counts.at_risk[in_band].sum()
    expected = (closed + LEAN_ON_OVERALL * overall) / (at_risk + LEAN_ON_OVERALL)
    assert table.closing[3] == pytest.approx(np.full(14, expected))


def test_months_of_the_fiscal_quarter_are_told_apart() -> None:
    # Day by day 100 engage; ten of them close, the day after, in the second fiscal month only.
    days = np.arange(day_number(date(2024, 2, 1)), day_number(date(2024, 8, 1)))
    engaged = np.repeat(days, 100)
    second = month_of_quarter(engaged + 1, fiscal_year_start_month=2) == 2
    closes = second & (np.arange(len(engaged)) % 10 == 0)
    opportunities = pl.DataFrame(
        {
            "opportunity_id": [f"O{i}" for i in range(len(engaged))],
            "deal_stage": np.where(closes, "Won", "Engaging"),
            "engage_date": engaged.astype("datetime64[D]"),
            "close_date": pl.Series(engaged + 1, dtype=pl.Int32).cast(pl.Date),
        }
    ).with_columns(close_date=pl.when(pl.col("deal_stage") == "Won").then("close_date"))
    history = known_by(opportunities, date(2024, 7, 31))

    table = fit_closing_table(history.person_days, fiscal_year_start_month=2)

    at = quarter_start(ANY_DAY, fiscal_year_start_month=2) + np.array([20, 45, 80])
    hazards = table.closing_hazard(np.ones(3, dtype=np.int64), at)
    assert hazards[1] == pytest.approx(0.1, abs=0.01)
    assert hazards[[0, 2]].max() < 0.02
    assert (table.won > 0.95).all()


def test_those_older_than_any_that_closed_hardly_ever_will(
    steady: pl.DataFrame, steady_until: date
) -> None:
    never = steady.head(2_000).with_columns(
        opportunity_id=pl.lit("never-") + pl.col("opportunity_id"),
        deal_stage=pl.lit("Engaging"),
        close_date=pl.lit(None, pl.Date),
        engage_date=pl.col("engage_date").min(),
    )
    closes_early = pl.col("close_date") - pl.col("engage_date") <= pl.duration(days=60)
    days = known_by(pl.concat([steady.filter(closes_early), never]), steady_until).person_days

    table = fit_closing_table(days, fiscal_year_start_month=1)

    assert days.oldest_closed_age == 60
    assert table.ages[-1] == 61
    assert table.closing[-1].max() < 1e-4


def test_an_export_with_a_single_close_gives_a_table() -> None:
    one = pl.DataFrame(
        {
            "opportunity_id": ["A"],
            "deal_stage": ["Won"],
            "engage_date": [date(2024, 2, 28)],
            "close_date": [date(2024, 2, 29)],
        }
    )

    table = fit_closing_table(
        known_by(one, date(2024, 2, 29)).person_days, fiscal_year_start_month=12
    )

    assert table.ages.tolist() == [1, 2]
    assert table.closing.max() <= LARGEST_HAZARD
    assert table.won == pytest.approx([0.75] * 3, abs=0.02)


def test_half_as_many_at_risk_close_twice_as_fast(steady: pl.DataFrame, steady_until: date) -> None:
    days = known_by(steady, steady_until).person_days

    half = fit_closing_table(
        days, fiscal_year_start_month=1, at_risk=days.counts.at_risk / 2, calendar=False
    )

    assert half.closing[1:20].mean() == pytest.approx(0.06, abs=0.003)
