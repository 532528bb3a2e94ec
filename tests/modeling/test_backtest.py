from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import BacktestPredictions
from dealcast.errors import ModelError
from dealcast.modeling import backtest as module
from dealcast.modeling.backtest import backtest
from dealcast.modeling.estimators import ESTIMATORS
from dealcast.settings import ModelSettings

SnapshotsOf = Callable[[pl.DataFrame, date], pl.DataFrame]
SETTINGS = ModelSettings(horizons_days=(60, 30))


@pytest.fixture(scope="module")
def predictions(
    steady: pl.DataFrame, steady_until: date, snapshots_of: SnapshotsOf
) -> pl.DataFrame:
    return backtest(
        steady,
        snapshots_of(steady, steady_until),
        SETTINGS,
        as_of=steady_until,
        fiscal_year_start_month=1,
    )


def test_predictions_meet_their_contract(predictions: pl.DataFrame) -> None:
    BacktestPredictions.validate(predictions)

    assert set(predictions["estimator"]) == set(ESTIMATORS)
    assert set(predictions["horizon_days"]) == {30, 60}


def test_outcomes_are_what_the_opportunities_came_to_within_the_horizon(
    predictions: pl.DataFrame, steady: pl.DataFrame
) -> None:
    days = (pl.col("close_date") - pl.col("snapshot_date")).dt.total_days()

    checked = predictions.join(steady, on="opportunity_id").select(
        "outcome",
        "age_days",
        expected=pl.when(days <= pl.col("horizon_days"))
        .then(pl.col("deal_stage").str.to_lowercase())
        .otherwise(pl.lit("open")),
        age=(pl.col("snapshot_date") - pl.col("engage_date")).dt.total_days(),
    )

    assert checked.height == predictions.height
    assert set(checked["outcome"]) == {"won", "lost", "open"}
    assert (checked["outcome"] == checked["expected"]).all()
    assert (checked["age_days"] == checked["age"]).all()


def test_every_outcome_is_known_and_every_prediction_is_later_than_its_origin(
    predictions: pl.DataFrame, steady_until: date
) -> None:
    ends = pl.col("snapshot_date") + pl.duration(days=pl.col("horizon_days"))

    assert predictions.select((ends <= steady_until).all()).item()
    assert predictions.select((pl.col("snapshot_date") >= pl.col("origin")).all()).item()
    assert predictions.select((pl.col("origin").dt.day() == 1).all()).item()


def test_a_prediction_does_not_depend_on_what_happened_from_its_origin_on(
    predictions: pl.DataFrame, steady: pl.DataFrame, steady_until: date, snapshots_of: SnapshotsOf
) -> None:
    origin = predictions["origin"].sort()[0]
    last = predictions.filter(pl.col("origin") == origin)["snapshot_date"].max()
    turned = steady.with_columns(
        deal_stage=pl.when(pl.col("close_date") >= origin)
        .then(pl.lit("Won"))
        .otherwise(pl.col("deal_stage")),
        close_date=pl.when(pl.col("close_date") > last)
        .then(pl.lit(steady_until))
        .otherwise(pl.col("close_date")),
    )

    changed = backtest(
        turned,
        snapshots_of(turned, steady_until),
        SETTINGS,
        as_of=steady_until,
        fiscal_year_start_month=1,
    )

    at_origin = pl.col("origin") == origin
    assert_frame_equal(
        changed.filter(at_origin).drop("outcome"), predictions.filter(at_origin).drop("outcome")
    )
    assert not changed.filter(at_origin)["outcome"].equals(predictions.filter(at_origin)["outcome"])


def test_accounts_are_not_read(
    predictions: pl.DataFrame, steady: pl.DataFrame, steady_until: date, snapshots_of: SnapshotsOf
) -> None:
    without = steady.drop("account", "sales_agent", "product", "close_value")

    found = backtest(
        without,
        snapshots_of(steady, steady_until),
        SETTINGS,
        as_of=steady_until,
        fiscal_year_start_month=1,
    )

    assert_frame_equal(found, predictions)


def test_progress_is_told_origin_by_origin(
    steady: pl.DataFrame, steady_until: date, snapshots_of: SnapshotsOf
) -> None:
    told: list[tuple[str, float]] = []

    backtest(
        steady,
        snapshots_of(steady, steady_until),
        SETTINGS,
        as_of=steady_until,
        fiscal_year_start_month=1,
        progress=lambda note, share: told.append((note, share)),
    )

    assert told[0] == ("origin 2024-05-01", 0.0)
    assert [share for _, share in told] == sorted({share for _, share in told})
    assert told[-1][1] < 1


def test_of_very_many_opportunities_an_even_share_is_tested(
    steady: pl.DataFrame,
    steady_until: date,
    snapshots_of: SnapshotsOf,
    monkeypatch: pytest.MonkeyPatch,
    predictions: pl.DataFrame,
) -> None:
    monkeypatch.setattr(module, "OPPORTUNITIES_TESTED", 1_000)

    found = backtest(
        steady,
        snapshots_of(steady, steady_until),
        SETTINGS,
        as_of=steady_until,
        fiscal_year_start_month=1,
    )

    assert found.height == pytest.approx(predictions.height / 10, rel=0.1)
    assert_frame_equal(
        found, predictions.join(found, on=BacktestPredictions.primary_key(), how="semi")
    )


def test_too_short_a_history_is_refused(steady: pl.DataFrame, snapshots_of: SnapshotsOf) -> None:
    as_of = date(2024, 1, 1) + timedelta(100)

    with pytest.raises(ModelError, match="is too short to test a model"):
        backtest(
            steady,
            snapshots_of(steady, as_of),
            SETTINGS,
            as_of=as_of,
            fiscal_year_start_month=1,
        )


def test_stale_is_older_than_any_that_had_closed_by_the_origin(
    steady: pl.DataFrame, steady_until: date, snapshots_of: SnapshotsOf
) -> None:
    never = steady.unique("engage_date", keep="first").with_columns(
        opportunity_id=pl.lit("never-") + pl.col("opportunity_id"),
        deal_stage=pl.lit("Engaging"),
        close_date=pl.lit(None, pl.Date),
    )
    some = pl.concat([steady.head(1_000), never])

    found = backtest(
        some,
        snapshots_of(some, steady_until),
        SETTINGS,
        as_of=steady_until,
        fiscal_year_start_month=1,
    )

    cycle = (pl.col("close_date") - pl.col("engage_date")).dt.total_days()
    for (origin,), rows in found.group_by("origin"):
        oldest = some.filter(pl.col("close_date") < origin).select(cycle.max()).item()
        assert (rows["is_stale"] == (rows["age_days"] > oldest)).all()
    assert 0 < found["is_stale"].sum() < found.height
