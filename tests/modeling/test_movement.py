from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables, ScoreChanges
from dealcast.modeling.estimators import Context
from dealcast.modeling.movement import Issued, score_changes
from dealcast.modeling.reasons import log_odds_of
from dealcast.modeling.scoring import score
from dealcast.modeling.training import WinModel, train
from dealcast.modeling.traits import ENTITIES
from dealcast.settings import ModelSettings

CONTEXT = Context(ModelSettings(horizons_days=(30, 90)), entities=ENTITIES)
WEEK = timedelta(days=7)
PARTS = ("clock", "crm_edit", "model")


@pytest.fixture(scope="module")
def past(sample_of: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    """1,500 opportunities whose agents and products differ much."""
    return sample_of(1_500, 3).with_columns(close_value=pl.lit(0.0))


@pytest.fixture(scope="module")
def today(past: pl.DataFrame) -> date:
    last: date = past.select(pl.max_horizontal(pl.col("engage_date", "close_date").max())).item()
    return last


@pytest.fixture(scope="module")
def model(past: pl.DataFrame, today: date) -> WinModel:
    """Knows what was known a week ago, and nothing later."""
    return trained(past, today - WEEK)


def trained(opportunities: pl.DataFrame, as_of: date, estimator: str = "entities") -> WinModel:
    return train(
        opportunities, CONTEXT, as_of=as_of, catalogue_fingerprint="abc", estimator=estimator
    )


def issued(model: WinModel, opportunities: pl.DataFrame, day: date) -> Issued:
    tables = CrmTables.cast({"opportunities": opportunities})
    found = score(model, tables, as_of=day, catalogue_fingerprint="abc")
    return Issued(found.model, found.scores)


def moved(changes: pl.DataFrame) -> set[str]:
    """The parts that are not zero for every opportunity."""
    return {part for part in PARTS if changes[part].abs().max() != 0}


def test_parts_add_up_to_the_change_of_every_score(
    past: pl.DataFrame, model: WinModel, today: date
) -> None:
    former = issued(model, past, today - WEEK)
    edited = past.with_columns(sales_agent=pl.col("sales_agent").reverse())
    now = issued(trained(past, today, "never_close"), edited, today)

    changes = score_changes(former, now)

    ScoreChanges.validate(changes)
    assert moved(changes) == set(PARTS)
    summed = changes.select("log_odds_before", *PARTS).sum_horizontal()
    assert np.allclose(changes["log_odds"], summed, atol=1e-9)
    for issue, column in ((former, "log_odds_before"), (now, "log_odds")):
        both = changes.join(issue.scores, on="opportunity_id")
        assert np.allclose(both[column], log_odds_of(both["p_won_90"].to_numpy()), atol=1e-9)


def test_on_the_same_day_by_the_same_model_nothing_moves(
    past: pl.DataFrame, model: WinModel, today: date
) -> None:
    changes = score_changes(issued(model, past, today), issued(model, past, today))

    assert changes.height > 200
    assert moved(changes) == set()


def test_where_only_the_date_moved_it_is_the_clock(
    past: pl.DataFrame, model: WinModel, today: date
) -> None:
    former = issued(model, past, today - WEEK)
    # Nothing has closed since, so nothing was learnt of others.
    later = former.scores.with_columns(scored_on=pl.lit(today))

    assert moved(score_changes(former, Issued(former.model, later))) == {"clock"}


def test_an_edit_in_the_crm_moves_the_edited_ones_alone(
    past: pl.DataFrame, model: WinModel, today: date
) -> None:
    former = issued(model, past, today)
    agent = former.scores["sales_agent"].mode().first()
    other = former.scores.filter(pl.col("sales_agent") != agent)["sales_agent"][0]
    is_edited = pl.col("sales_agent") == agent
    new = pl.when(is_edited).then(pl.lit(other)).otherwise(pl.col("sales_agent"))
    edited = former.scores.filter(is_edited)

    changes = score_changes(
        former, Issued(former.model, former.scores.with_columns(sales_agent=new))
    )

    assert moved(changes) == {"crm_edit"}
    found = set(changes.filter(pl.col("crm_edit") != 0)["opportunity_id"])
    # A stale one has next to no chance to lose, whoever sells it.
    assert set(edited.filter(~pl.col("is_stale"))["opportunity_id"]) <= found
    assert found <= set(edited["opportunity_id"])


def test_another_engage_date_is_an_edit_too(
    past: pl.DataFrame, model: WinModel, today: date
) -> None:
    former = issued(model, past, today)
    edited = former.scores.with_columns(pl.col("engage_date").dt.offset_by("-3d"))

    assert moved(score_changes(former, Issued(former.model, edited))) == {"crm_edit"}


def test_another_model_is_what_moves_the_rest(
    past: pl.DataFrame, model: WinModel, today: date
) -> None:
    other = trained(past, today - WEEK, "calendar")

    changes = score_changes(issued(model, past, today), issued(other, past, today))

    assert moved(changes) == {"model"}


def test_what_others_did_since_counts_as_the_model(
    past: pl.DataFrame, model: WinModel, today: date
) -> None:
    changes = score_changes(issued(model, past, today - WEEK), issued(model, past, today))

    assert moved(changes) == {"clock", "model"}


def test_those_that_are_new_or_gone_have_no_change(
    past: pl.DataFrame, model: WinModel, today: date
) -> None:
    former, now = issued(model, past, today - WEEK), issued(model, past, today)

    changes = score_changes(former, now)

    before, after = (set(i.scores.drop_nulls("age_days")["opportunity_id"]) for i in (former, now))
    assert before - after
    assert after - before
    assert changes["opportunity_id"].to_list() == sorted(before & after)
    assert set(changes["former_scored_on"]) == {today - WEEK}


@pytest.mark.parametrize("empty", ["former", "now"])
def test_where_nothing_was_open_nothing_moved(
    past: pl.DataFrame, model: WinModel, today: date, empty: str
) -> None:
    some = issued(model, past, today)
    none = Issued(some.model, some.scores.clear())

    changes = score_changes(none, some) if empty == "former" else score_changes(some, none)

    ScoreChanges.validate(changes)
    assert changes.is_empty()
