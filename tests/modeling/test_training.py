import json
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.errors import ModelError, OtherVersionError
from dealcast.modeling.estimators import ESTIMATORS, Context
from dealcast.modeling.history import known_by
from dealcast.modeling.recalibration import Recalibration
from dealcast.modeling.training import WinModel, train
from dealcast.modeling.traits import ENTITIES, traits_of
from dealcast.settings import ModelSettings
from dealcast.snapshots import day_number

Opportunity = Callable[..., pl.DataFrame]
CONTEXT = Context(ModelSettings(horizons_days=(90, 30, 30)), entities=ENTITIES)
MOVED = Recalibration(0.1, 0.95, -0.05)


@pytest.fixture(scope="module")
def some(sample_of: Opportunity) -> pl.DataFrame:
    return sample_of(500, 1)


@pytest.fixture(scope="module")
def as_of(some: pl.DataFrame) -> date:
    return some.select(pl.max_horizontal(pl.col("engage_date", "close_date").max())).item()


def trained(
    opportunities: pl.DataFrame, as_of: date, context: Context = CONTEXT, **changed: object
) -> WinModel:
    arguments = {"catalogue_fingerprint": "abc", **changed}
    return train(opportunities, context, as_of=as_of, **arguments)


def test_a_model_says_what_it_learnt_from(some: pl.DataFrame, as_of: date) -> None:
    model = trained(some, as_of)

    cycle = (some["close_date"] - some["engage_date"]).dt.total_days()
    assert (model.won, model.lost) == tuple(
        (some["deal_stage"] == stage).sum() for stage in ("Won", "Lost")
    )
    assert model.estimator == "never_close"
    assert model.first_close == some["close_date"].min()
    assert model.trained_until == as_of
    assert model.oldest_closed_age_days == cycle.max()
    assert model.horizons_days == (30, 90)
    assert model.features == ("age_days", "week_of_quarter", "month_of_quarter")


@pytest.mark.parametrize(
    ("name", "entities"),
    [
        ("calendar", ()),
        ("never_close", ("sales_agent",)),
        ("entities", ("account", "product", "sales_agent")),
    ],
)
def test_a_model_names_what_tells_groups_apart(
    some: pl.DataFrame, as_of: date, name: str, entities: tuple[str, ...]
) -> None:
    assert trained(some, as_of, estimator=name).entities == entities


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "climatology"])
def test_a_model_survives_json_to_the_bit(some: pl.DataFrame, as_of: date, name: str) -> None:
    model = trained(some, as_of, estimator=name, recalibration=MOVED)
    days = np.full(some.height, day_number(as_of))

    again = WinModel.from_dict(json.loads(json.dumps(model.to_dict())))

    assert again.to_dict() == model.to_dict()
    assert again.model_id == model.model_id
    for found, expected in zip(
        again.incidence(traits_of(some), days), model.incidence(traits_of(some), days), strict=True
    ):
        assert found.shape == (some.height, 2)
        assert np.array_equal(found, expected)


def tampered(content: dict[str, object], *path: str | int, value: object) -> dict[str, object]:
    changed = json.loads(json.dumps(content))
    part = changed
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("fitted", "table", "closing", 3, 0), 0.9),
        (("fitted", "never_close", "intercept"), 1.0),
        (("fitted", "recalibration", "shift"), 0.5),
        (("base_rates", "rates", 0, 1), 0.5),
        (("trained_until",), "2020-01-01"),
        (("won",), 7),
        (("model_id",), "0123456789ab"),
    ],
)
def test_a_model_that_was_changed_by_hand_is_refused(
    some: pl.DataFrame, as_of: date, path: tuple[str | int, ...], value: object
) -> None:
    content = tampered(trained(some, as_of).to_dict(), *path, value=value)

    with pytest.raises(ModelError, match="was changed after training"):
        WinModel.from_dict(content)


def test_a_model_of_another_version_is_refused_with_what_differs(
    some: pl.DataFrame, as_of: date
) -> None:
    content = trained(some, as_of).to_dict()
    del content["entities"]
    content["penalty"] = 10

    with pytest.raises(ModelError, match=r"another version .* differs in 'entities', 'penalty'"):
        WinModel.from_dict(content)


def test_a_model_whose_fitted_parts_are_of_another_version_is_refused(
    some: pl.DataFrame, as_of: date
) -> None:
    content = trained(some, as_of).to_dict()
    del content["fitted"]["speed"]

    with pytest.raises(OtherVersionError, match=r"its parts differ \('speed'\)"):
        WinModel.from_dict(content)


def test_the_id_is_that_of_the_content(some: pl.DataFrame, as_of: date) -> None:
    model = trained(some, as_of)

    assert trained(some.reverse(), as_of).model_id == model.model_id
    assert trained(some.drop("account"), as_of).model_id == model.model_id
    for other in (
        trained(some, as_of - timedelta(1)),
        trained(some, as_of, Context(CONTEXT.settings, 2, ENTITIES)),
        trained(some, as_of, catalogue_fingerprint="def"),
        trained(some, as_of, recalibration=MOVED),
        trained(some, as_of, estimator="calendar"),
    ):
        assert other.model_id != model.model_id


@pytest.mark.parametrize("name", ["never_close", "entities"])
def test_what_happens_after_the_last_day_changes_nothing(
    some: pl.DataFrame, as_of: date, name: str
) -> None:
    until = as_of - timedelta(60)
    later = pl.col("close_date") > until
    erased = some.filter(pl.col("engage_date") <= until).with_columns(
        deal_stage=pl.when(later).then(pl.lit("Engaging")).otherwise("deal_stage"),
        close_date=pl.when(~later).then("close_date"),
    )

    one_way, other_way = (trained(rows, until, estimator=name) for rows in (some, erased))

    assert one_way.to_dict() == other_way.to_dict()


def test_a_model_of_today_is_what_an_update_today_would_make_of_it(
    some: pl.DataFrame, as_of: date
) -> None:
    model = trained(some, as_of, recalibration=MOVED)

    assert model.updated(known_by(some, as_of)).model_id == model.model_id


def test_an_update_follows_the_day_and_keeps_the_rest(some: pl.DataFrame, as_of: date) -> None:
    model = trained(some, as_of - timedelta(60), recalibration=MOVED)

    updated = model.updated(known_by(some, as_of))

    before, after = model.to_dict(), updated.to_dict()
    assert after["fitted"]["never_close"] != before["fitted"]["never_close"]
    assert (after["won"], after["lost"]) > (before["won"], before["lost"])
    for content in (before, after):
        del content["fitted"]["never_close"], content["model_id"]
        del content["won"], content["lost"], content["oldest_closed_age_days"]
    assert after == before
    assert updated.trained_until == as_of - timedelta(60)


def test_climatology_is_no_win_model(some: pl.DataFrame, as_of: date) -> None:
    with pytest.raises(ModelError, match="'climatology' says the same of every opportunity"):
        trained(some, as_of, estimator="climatology")


@pytest.mark.parametrize("at_least", [None, 300])
def test_too_few_closed_opportunities_are_refused_with_their_number(
    steady: pl.DataFrame, at_least: int | None
) -> None:
    with pytest.raises(ModelError) as refusal:
        trained(steady.head(100), date(2024, 10, 1), min_closed=at_least)

    closed = (steady.head(100)["close_date"] <= date(2024, 10, 1)).sum()
    assert refusal.value.problem == (
        f"Only {closed} opportunities had closed by 2024-10-01; "
        f"at least {at_least or 200} are needed to train on."
    )
    assert "model.min_closed" in refusal.value.remedy


@pytest.mark.parametrize("stage", ["Won", "Lost"])
def test_a_single_outcome_is_refused(opportunities_of: Opportunity, stage: str) -> None:
    start = date(2024, 1, 1)
    alike = opportunities_of([(stage, start, start + timedelta(n)) for n in range(1, 260)])

    with pytest.raises(ModelError, match=f"All 259 closed opportunities were {stage.lower()}"):
        trained(alike, date(2024, 12, 1))
