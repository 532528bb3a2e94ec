"""The truth table speaks of every open opportunity on every snapshot date, and of nothing else."""

from datetime import date

import polars as pl
import pytest

from dealcast.settings import SampleSource as SampleSettings
from dealcast.sources.sample import sales_pipeline
from dealcast.sources.sample.truth import truth_dates, truth_table
from dealcast.sources.sample.world import World

DATES = [date(2025, 6, 2), date(2025, 12, 31)]


def world_and_truth(**settings):
    clean = {"dirt": 0.0, "account_blank_while_open": False, "opportunities": 3_000}
    world = World(SampleSettings(**(clean | settings)))
    return world, truth_table(world, world.outcomes(0), DATES, (30, 90))


def test_dates_are_the_mondays_that_are_observed_and_the_last_day():
    settings = SampleSettings(start=date(2025, 1, 1), days=120, truncate_left_days=100)

    assert truth_dates(settings) == [date(2025, 4, 14), date(2025, 4, 21), date(2025, 4, 28),
                                     date(2025, 4, 30)]  # fmt: skip


@pytest.mark.parametrize("truncate", [119, 120, 500])
def test_the_last_day_is_there_even_where_nothing_else_is_observed(truncate):
    settings = SampleSettings(start=date(2025, 1, 1), days=120, truncate_left_days=truncate)

    assert truth_dates(settings) == [date(2025, 4, 30)]


def test_rows_are_the_open_opportunities_of_the_export_on_each_date_and_horizon():
    world, truth = world_and_truth()
    pipeline = sales_pipeline(world).with_columns(pl.col("engage_date", "close_date").str.to_date())
    expected = pl.concat(
        pipeline.filter(
            pl.col("engage_date") <= day,
            (pl.col("close_date") > day) | pl.col("close_date").is_null(),
        ).select(
            "opportunity_id",
            snapshot_date=pl.lit(day),
            age_days=(pl.lit(day) - pl.col("engage_date")).dt.total_days().cast(pl.Int32),
            horizon_days=pl.lit(horizon, dtype=pl.Int32),
        )
        for day in DATES
        for horizon in (30, 90)
    ).collect()

    keys = truth.select(expected.columns)
    assert keys.sort(pl.all()).equals(expected.sort(pl.all()))


def test_chances_are_complete_and_possible():
    _, truth = world_and_truth(signal=3.0)

    chances = truth.select("p_won", "p_lost", "p_won_ever")
    assert chances.null_count().sum_horizontal().item() == 0
    assert chances.select(pl.all().is_between(0, 1).all()).row(0) == (True, True, True)
    assert truth.select((pl.col("p_won") + pl.col("p_lost")).max()).item() <= 1


def test_the_chance_at_engage_does_not_change_with_the_date():
    _, truth = world_and_truth()

    assert truth.group_by("opportunity_id").n_unique()["p_won_ever"].max() == 1
