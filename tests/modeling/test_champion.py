import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl
import pytest

from dealcast.modeling.backtest import backtest
from dealcast.modeling.champion import ENOUGH_OPPORTUNITIES, Contest, _predicted, contest
from dealcast.modeling.estimators import Context
from dealcast.modeling.training import WinModel, train
from dealcast.settings import ModelSettings

CONTEXT = Context(ModelSettings(horizons_days=(30,), first_origin_after_days=60))
UNTIL = date(2024, 10, 26)
CHAMPION_UNTIL = date(2024, 7, 31)


class Past(NamedTuple):
    """Opportunities, and the predictions of two ways to learn."""

    opportunities: pl.DataFrame
    by_estimator: dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def past(steady: pl.DataFrame, snapshots_of: Callable[..., pl.DataFrame]) -> Past:
    """Opportunities that close alike at whatever age and on whatever day."""
    some = steady.head(2_000)
    names = ("climatology", "age", "calendar")
    done = backtest(some, snapshots_of(some, UNTIL), CONTEXT, as_of=UNTIL, estimators=names)
    return Past(
        some,
        {n: done.candidates.filter(pl.col("estimator") == n).drop("estimator") for n in names},
    )


def trained(past: Past, as_of: date = CHAMPION_UNTIL, **changed: str) -> WinModel:
    arguments = {"estimator": "age", "catalogue_fingerprint": "abc", **changed}
    return train(past.opportunities, CONTEXT, as_of=as_of, **arguments)


def met(past: Past, predictions: pl.DataFrame, champion: WinModel | None = None) -> Contest:
    return contest(champion or trained(past), "challenger", predictions, past.opportunities)


def moved(predictions: pl.DataFrame, toward: float) -> pl.DataFrame:
    """Nearer to what happened (0 to 1), or farther from it (below 0)."""
    won = (pl.col("outcome") == "won").cast(pl.Float64)
    return predictions.with_columns(
        p_won=(pl.col("p_won") + toward * (won - pl.col("p_won"))).clip(0, 1)
    )


def test_a_better_challenger_is_promoted(past: Past) -> None:
    found = met(past, moved(past.by_estimator["age"], 0.1))

    assert found.promoted
    assert found.difference is not None
    assert found.difference.high < 0
    assert found.reason.startswith("log loss -0.")
    assert found.reason.endswith(f"against the champion on {found.rows:,} later snapshots")


def test_a_worse_challenger_is_not(past: Past) -> None:
    found = met(past, moved(past.by_estimator["age"], -0.1))

    assert not found.promoted
    assert found.difference is not None
    assert found.difference.low > 0
    assert found.reason.startswith("no evidence that it is better: log loss +0.")


@pytest.mark.parametrize("until", [date(2024, 4, 30), date(2024, 6, 30), CHAMPION_UNTIL], ids=str)
def test_a_champion_is_not_replaced_for_its_age(past: Past, until: date) -> None:
    found = met(past, past.by_estimator["age"], trained(past, until))

    assert found.opportunities > ENOUGH_OPPORTUNITIES
    assert found.difference is not None
    assert not found.promoted


def test_a_champion_that_knows_nothing_of_age_and_calendar_is_as_good_where_they_do_not_matter(
    past: Past,
) -> None:
    found = met(past, past.by_estimator["calendar"])

    assert not found.promoted


def test_only_what_came_after_the_training_of_the_champion_is_compared(past: Past) -> None:
    predictions = past.by_estimator["age"]

    found = met(past, predictions)

    later = predictions.filter(pl.col("snapshot_date") > CHAMPION_UNTIL)
    assert 0 < later.height < predictions.height
    assert (found.rows, found.opportunities) == (later.height, later["opportunity_id"].n_unique())


def test_the_shortest_horizon_decides(past: Past) -> None:
    better = moved(past.by_estimator["age"], 0.1)
    long = better.with_columns(horizon_days=pl.lit(90, pl.Int32))

    found = met(past, pl.concat([long, past.by_estimator["age"]]))

    assert found.horizon_days == 30
    assert not found.promoted


@pytest.mark.parametrize("count", [0, ENOUGH_OPPORTUNITIES - 1])
def test_too_few_later_opportunities_are_no_evidence(past: Past, count: int) -> None:
    perfect = moved(past.by_estimator["age"], 0.9)
    later = perfect.filter(pl.col("snapshot_date") > CHAMPION_UNTIL)
    few = later.filter(pl.col("opportunity_id").rank("dense") <= count)

    found = met(past, few)

    assert not found.promoted
    assert found.difference is None
    assert found.reason == (
        "too few opportunities with a known outcome since the champion was trained: "
        f"{count} (at least 100)"
    )


def test_the_champion_predicts_as_it_does_in_use(past: Past) -> None:
    """It follows the dates, so against itself there is no difference."""
    champion = trained(past, CHAMPION_UNTIL, estimator="never_close")
    first = CHAMPION_UNTIL + timedelta(days=1)
    rows = past.by_estimator["age"].filter(pl.col("snapshot_date") >= first)
    joined = rows.join(past.opportunities.drop("deal_stage", "close_date"), on="opportunity_id")
    own = joined.with_columns(p_won=_predicted(champion, joined, past.opportunities, 30))

    found = met(past, own.select(rows.columns), champion)

    assert found.difference is not None
    assert found.difference.mean == 0
    assert not found.promoted


def test_a_contest_is_ready_for_json(past: Past) -> None:
    found = met(past, moved(past.by_estimator["age"], 0.1))

    content = json.loads(json.dumps(found.to_dict()))

    assert content["promoted"] is True
    assert content["challenger"] == "challenger"
    assert content["reason"] == found.reason
