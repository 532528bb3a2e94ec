import json
from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from dealcast.errors import ModelError
from dealcast.modeling.training import WinModel, train
from dealcast.settings import ModelSettings

Opportunity = Callable[..., pl.DataFrame]
SETTINGS = ModelSettings(horizons_days=(90, 30))


def trained(opportunities: pl.DataFrame, as_of: date, **changed: object) -> WinModel:
    arguments = {"fiscal_year_start_month": 1, "catalogue_fingerprint": "abc", **changed}
    return train(opportunities, SETTINGS, as_of=as_of, **arguments)


def test_a_model_says_what_it_learnt_from(steady: pl.DataFrame, steady_until: date) -> None:
    model = trained(steady, steady_until)

    cycle = (steady["close_date"] - steady["engage_date"]).dt.total_days()
    assert (model.won, model.lost) == tuple(
        (steady["deal_stage"] == stage).sum() for stage in ("Won", "Lost")
    )
    assert model.first_close == steady["close_date"].min()
    assert model.trained_until == steady_until
    assert model.oldest_closed_age_days == cycle.max()
    assert model.horizons_days == (30, 90)
    assert model.features == ("age_days", "month_of_quarter")


def test_a_model_survives_json(steady: pl.DataFrame, steady_until: date) -> None:
    model = trained(steady, steady_until)

    again = WinModel.from_dict(json.loads(json.dumps(model.to_dict())))

    assert again.to_dict() == model.to_dict()
    assert again.model_id == model.model_id


def test_a_model_that_was_changed_by_hand_is_refused(
    steady: pl.DataFrame, steady_until: date
) -> None:
    content = trained(steady, steady_until).to_dict()
    content["fitted"]["won"][5][0] = 0.9

    with pytest.raises(ModelError, match="was changed after training"):
        WinModel.from_dict(content)


def test_the_id_is_that_of_the_content(steady: pl.DataFrame, steady_until: date) -> None:
    model = trained(steady, steady_until)

    assert trained(steady.reverse(), steady_until).model_id == model.model_id
    assert trained(steady.drop("account"), steady_until).model_id == model.model_id
    for other in (
        trained(steady, steady_until - timedelta(1)),
        trained(steady, steady_until, fiscal_year_start_month=2),
        trained(steady, steady_until, catalogue_fingerprint="def"),
    ):
        assert other.model_id != model.model_id


def test_what_happens_after_the_last_day_changes_nothing(
    steady: pl.DataFrame, steady_until: date
) -> None:
    until = steady_until - timedelta(60)
    later = pl.col("close_date") > until
    erased = steady.filter(pl.col("engage_date") <= until).with_columns(
        deal_stage=pl.when(later).then(pl.lit("Engaging")).otherwise(pl.col("deal_stage")),
        close_date=pl.when(~later).then(pl.col("close_date")),
    )

    assert trained(erased, until).to_dict() == trained(steady, until).to_dict()


def test_too_few_closed_opportunities_are_refused_with_their_number(steady: pl.DataFrame) -> None:
    with pytest.raises(ModelError) as refusal:
        trained(steady.head(100), date(2024, 10, 1))

    closed = (steady.head(100)["close_date"] <= date(2024, 10, 1)).sum()
    assert refusal.value.problem == (
        f"Only {closed} opportunities had closed by 2024-10-01; "
        "at least 200 are needed to train on."
    )
    assert "model.min_closed" in refusal.value.remedy


def test_a_single_outcome_is_refused(opportunities_of: Opportunity) -> None:
    start = date(2024, 1, 1)
    lost = opportunities_of([("Lost", start, start + timedelta(n)) for n in range(1, 260)])

    with pytest.raises(ModelError, match="All 259 closed opportunities were lost"):
        trained(lost, date(2024, 12, 1))
