from collections.abc import Callable
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables, ScoreReasons
from dealcast.modeling.estimators import ESTIMATORS, Context
from dealcast.modeling.reasons import BASE, PARTS, WORTH_TELLING, Explained, log_odds_of, told
from dealcast.modeling.recalibration import UNCHANGED, Recalibration
from dealcast.modeling.risks import Kinds
from dealcast.modeling.scoring import Scored, score
from dealcast.modeling.training import train
from dealcast.modeling.traits import ENTITIES, Traits
from dealcast.settings import ModelSettings
from dealcast.snapshots import day_number

MOVED = Recalibration(0.3, 0.9, -0.2)
MODELS = [name for name in ESTIMATORS if name != "climatology"]
DAY = date(2024, 6, 3)


class Past(NamedTuple):
    opportunities: pl.DataFrame
    as_of: date


@pytest.fixture(scope="module")
def past(sample_of: Callable[..., pl.DataFrame]) -> Past:
    """1,500 opportunities whose agents and products differ much."""
    sample = sample_of(1_500, 3)
    as_of = sample.select(pl.max_horizontal(pl.col("engage_date", "close_date").max())).item()
    return Past(sample.with_columns(close_value=pl.lit(0.0)), as_of)


@pytest.fixture(scope="module")
def issued(past: Past) -> Callable[[str, Recalibration], Scored]:
    known: dict[tuple[str, Recalibration], Scored] = {}

    def of(estimator: str, recalibration: Recalibration = UNCHANGED) -> Scored:
        if (estimator, recalibration) not in known:
            model = train(
                past.opportunities,
                Context(ModelSettings(horizons_days=(30, 90)), entities=ENTITIES),
                as_of=past.as_of,
                catalogue_fingerprint="abc",
                estimator=estimator,
                recalibration=recalibration,
            )
            known[estimator, recalibration] = score(
                model,
                CrmTables.cast({"opportunities": past.opportunities}),
                as_of=past.as_of,
                catalogue_fingerprint="abc",
            )
        return known[estimator, recalibration]

    return of


@pytest.mark.parametrize("recalibration", [UNCHANGED, MOVED], ids=["raw", "recalibrated"])
@pytest.mark.parametrize("estimator", MODELS)
def test_parts_add_up_to_the_log_odds_of_every_score(
    issued: Callable[..., Scored], estimator: str, recalibration: Recalibration
) -> None:
    found = issued(estimator, recalibration)

    ScoreReasons.validate(found.reasons)
    summed = found.reasons.group_by("opportunity_id").agg(pl.col("log_odds").sum())
    both = found.scores.drop_nulls("age_days").join(summed, on="opportunity_id", how="full")
    assert both.height == summed.height > 200
    assert np.allclose(both["log_odds"], log_odds_of(both["p_won_90"].to_numpy()), atol=1e-9)


@pytest.mark.parametrize(
    ("estimator", "parts"),
    [
        ("age", ["age"]),
        ("calendar", ["age", "calendar"]),
        ("never_close", ["age", "calendar", *[p for p in PARTS if "never" in p]]),
        ("entities", [p for p in PARTS if p not in ("recalibration", "together")]),
        ("boosting", [p for p in PARTS if p != "recalibration"]),
    ],
)
def test_a_model_has_the_parts_that_it_takes_into_account(
    issued: Callable[..., Scored], estimator: str, parts: list[str]
) -> None:
    found = issued(estimator, UNCHANGED).reasons

    first = found.filter(pl.col("opportunity_id") == found["opportunity_id"][0])
    assert set(first["part"]) == {BASE, *parts, "recalibration"}
    assert first["part"][0] == BASE
    assert set(found["horizon_days"]) == {90}


def test_the_base_rate_is_the_same_for_all(issued: Callable[..., Scored]) -> None:
    found = issued("entities", MOVED)

    base = found.reasons.filter(pl.col("part") == BASE)["log_odds"]
    rate, _ = found.model.base_rates.rates[90]
    assert base.unique().to_list() == pytest.approx([np.log(rate / (1 - rate))])


def test_a_model_that_was_not_recalibrated_has_no_such_reason(
    issued: Callable[..., Scored],
) -> None:
    recalibrated = pl.col("part") == "recalibration"

    plain, moved = (issued("calendar", r).reasons.filter(recalibrated) for r in (UNCHANGED, MOVED))

    assert plain["log_odds"].abs().max() == 0
    assert moved["log_odds"].abs().min() > 0


def test_what_raises_and_what_lowers_a_score_most_is_told(issued: Callable[..., Scored]) -> None:
    found = issued("entities", UNCHANGED)

    part = found.reasons.filter(pl.col("part") != BASE)
    largest = part.group_by("opportunity_id").agg(pl.col("log_odds").max())
    row = found.scores.drop_nulls("reason_for").join(largest, on="opportunity_id")
    assert row.height > 100
    for text, size in row.select("reason_for", "log_odds").iter_rows():
        assert text.endswith(f" ({size:+.2f})")


def test_reasons_name_whom_they_are_about(issued: Callable[..., Scored]) -> None:
    scores = issued("entities", UNCHANGED).scores

    about = scores.filter(pl.col("reason_against").str.starts_with("the agent"))
    assert about.height > 10
    for agent, text in about.select("sales_agent", "reason_against").iter_rows():
        assert text.startswith(f"the agent ({agent}) closes later or wins less often (-")


NAMED = {"sales_agent": "Ann", "product": "Alpha", "account": None}


def told_of(named: dict[str, float], age_days: int = 12) -> tuple[str | None, str | None]:
    only, engaged = np.zeros(1, dtype=np.int64), np.array([day_number(DAY)])
    names = {entity: pl.Series([name], dtype=pl.String) for entity, name in NAMED.items()}
    explained = Explained(tuple(named), np.array([list(named.values())]), only)
    lines = told(explained, Kinds(Traits(engaged, names), engaged + age_days, only))
    (raises,), (lowers,) = (lines[n].listed() for n in ("reason_for", "reason_against"))
    return raises, lowers


@pytest.mark.parametrize(
    ("part", "size", "text"),
    [
        ("age", 1.0, "open for 12 days, when many close (+1.00)"),
        ("calendar", 0.5, "this time of the quarter is good for closing and winning (+0.50)"),
        ("sales_agent never closes", 0.1, "few opportunities of Ann are never closed (+0.10)"),
        (
            "sales_agent and cohort never closes",
            0.1,
            "few that Ann engaged in the same fortnight stay open (+0.10)",
        ),
        ("product", 0.2, "the product (Alpha) closes sooner or wins more often (+0.20)"),
        ("account", 0.2, "the account (unknown) closes sooner or wins more often (+0.20)"),
        ("recalibration", 0.3, "the model has lately said too little (+0.30)"),
    ],
)
def test_a_reason_is_told_in_words(part: str, size: float, text: str) -> None:
    assert told_of({BASE: -9.0, part: size}) == (text, None)


def test_what_lowers_the_score_is_told_beside_what_raises_it() -> None:
    named = {BASE: 9.0, "age": -0.7, "sales_agent": 0.4, "calendar": 0.3, "product": -0.2}

    assert told_of(named) == (
        "the agent (Ann) closes sooner or wins more often (+0.40)",
        "open for 12 days, when few close (-0.70)",
    )


def test_what_is_too_small_is_not_told() -> None:
    assert told_of({BASE: 3.0, "age": WORTH_TELLING, "product": -WORTH_TELLING}) == (None, None)


def test_one_engaged_today_is_open_for_no_day() -> None:
    reason, _ = told_of({"age": 1.0}, age_days=0)

    assert reason == "open for 0 days, when many close (+1.00)"


def test_every_part_can_be_told_both_ways() -> None:
    for name in PARTS:
        (raises, _), (_, lowers) = told_of({name: 1.0}), told_of({name: -1.0})
        assert raises is not None
        assert lowers is not None
        assert "{" not in raises + lowers
