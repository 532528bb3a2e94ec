from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from dealcast.contracts import CalibrationOverTime
from dealcast.monitoring import calibration_over_time

Draw = Callable[..., Any]
OpportunitiesOf = Callable[..., pl.DataFrame]
MONDAY = date(2024, 1, 1)


@pytest.fixture
def four_scored(opportunities_of: OpportunitiesOf) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Four opportunities scored each Monday of January: two won in time, one late, one open."""
    closes = [date(2024, 1, 20), date(2024, 1, 30), date(2024, 3, 1), None]
    rows = [("Won" if c else "Engaging", date(2023, 12, 1), c) for c in closes]
    opportunities = opportunities_of(rows)
    mondays = pl.DataFrame({"scored_on": [MONDAY + timedelta(7 * n) for n in range(5)]})
    scores = opportunities.select("opportunity_id").join(mondays, how="cross")
    return scores.with_columns(p_won_30=pl.lit(0.25)), opportunities


def test_each_opportunity_counts_once_a_month(
    four_scored: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    table = calibration_over_time(*four_scored, as_of=date(2024, 4, 1))

    row = table.row(0, named=True)
    assert table.height == 1
    assert (row["basis"], row["n"], row["expected_wins"], row["observed_wins"]) == (
        "matured",
        4,
        1.0,
        2,
    )
    assert row["ratio"] == 2
    assert row["brier"] == pytest.approx((0.75**2 + 0.25**2) / 2)
    assert row["ratio_low"] < 1 < row["ratio_high"]


def test_scores_that_are_not_matured_are_estimates_or_left_out(
    four_scored: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    table = calibration_over_time(*four_scored, as_of=date(2024, 1, 25))

    assert table.filter(pl.col("basis") == "matured").is_empty()
    assert CalibrationOverTime.validate(table).is_empty()


def test_true_chances_come_true_month_by_month_and_before_they_mature(generated: Draw) -> None:
    business = generated(1)
    opportunities = business.tables.opportunities.collect()

    table = calibration_over_time(
        business.scores,
        opportunities,
        as_of=business.as_of,
        trained_until=business.trained_until,
    )

    covered = (pl.col("ratio_low") <= 1) & (pl.col("ratio_high") >= 1)
    for basis in ("matured", "estimate"):
        rows = table.filter(pl.col("basis") == basis)
        assert rows.height >= 3
        assert rows.select(covered.mean()).item() >= 0.8
    assert table.filter(pl.col("basis") == "estimate")["log_loss"].null_count() > 0


def test_a_falling_win_rate_shows_before_the_scores_mature(generated: Draw) -> None:
    business = generated(1)
    hit = business.closed_since() & (pl.col("deal_stage") == "Won") & business.chosen(0.5)
    worse = business.tables.opportunities.with_columns(
        deal_stage=pl.when(hit).then(pl.lit("Lost")).otherwise("deal_stage")
    ).collect()

    table = calibration_over_time(
        business.scores, worse, as_of=business.as_of, trained_until=business.trained_until
    )

    early = table.filter(pl.col("basis") == "estimate", pl.col("horizon_days") == 90)
    assert early.height >= 2
    assert (early["ratio_high"] < 0.8).all()


def test_no_scores_give_no_rows(opportunities_of: OpportunitiesOf) -> None:
    scores = pl.DataFrame(
        schema={"opportunity_id": pl.String, "scored_on": pl.Date, "p_won_30": pl.Float64}
    )
    opportunities = opportunities_of([("Engaging", MONDAY, None)])

    assert calibration_over_time(scores, opportunities, as_of=MONDAY).is_empty()
