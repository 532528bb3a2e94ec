import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables, ScoreReasons, most_valuable, scores_contract
from dealcast.errors import ModelError
from dealcast.modeling import risks
from dealcast.modeling.estimators import Context
from dealcast.modeling.figures import ENGAGED_LATER, NOT_ENGAGED
from dealcast.modeling.recalibration import Recalibration
from dealcast.modeling.scoring import score
from dealcast.modeling.training import WinModel, train
from dealcast.modeling.traits import Traits
from dealcast.settings import ModelSettings
from dealcast.snapshots import day_number

LAST_DAY = date(2024, 10, 26)
CONTEXT = Context(ModelSettings(horizons_days=(30, 60)))


def trained(opportunities: pl.DataFrame, as_of: date = LAST_DAY, **changed: object) -> WinModel:
    arguments = {"estimator": "calendar", "catalogue_fingerprint": "abc", **changed}
    return train(opportunities, CONTEXT, as_of=as_of, **arguments)


@pytest.fixture(scope="module")
def model(steady: pl.DataFrame) -> WinModel:
    return trained(steady)


def ago(days: int) -> date:
    return LAST_DAY - timedelta(days)


def row(name: str, stage: str, days_ago: int | None = None, **known: object) -> dict[str, object]:
    return {
        "opportunity_id": name,
        "sales_agent": "Ann",
        "product": None,
        "account": None,
        "deal_stage": stage,
        "engage_date": None if days_ago is None else ago(days_ago),
        "close_date": None,
        "close_value": None,
        **known,
    }


def tables(*rows: dict[str, object], **members: pl.DataFrame) -> CrmTables:
    types = {"close_value": pl.Float64, "product": pl.String, "account": pl.String}
    opportunities = pl.DataFrame([*rows, LOST], schema_overrides=types)
    return CrmTables.cast({"opportunities": opportunities, **members})


def scored(
    model: WinModel, crm: CrmTables, as_of: date = LAST_DAY, **grades: tuple[float, ...]
) -> pl.DataFrame:
    found = score(model, crm, as_of=as_of, catalogue_fingerprint="abc", **grades)
    scores_contract(model.horizons_days).validate(found.scores)
    ScoreReasons.validate(found.reasons)
    return found.scores


# What a model learns anew on the day of scoring needs one that has closed.
LOST = row("L0", "Lost", 200, close_date=ago(120), close_value=0.0)
WON_ALPHA = row("W1", "Won", 50, product="Alpha", close_date=ago(9), close_value=90.0)
WON_BETA = row("W2", "Won", 50, product="Beta", close_date=ago(9), close_value=400.0)
PRICES = pl.DataFrame({"product": ["Alpha", "Free"], "series": "S", "sales_price": [100.0, 0.0]})


def test_each_open_opportunity_has_its_chances_and_no_closed_one_is_there(model: WinModel) -> None:
    found = scored(model, tables(row("A", "Engaging", 10), WON_ALPHA, row("P", "Prospecting")))

    assert found["opportunity_id"].to_list() == ["A", "P"]
    today = np.array([day_number(LAST_DAY)])
    by_age = model.incidence(Traits(today - 10), today)
    first = found.row(0, named=True)
    assert first["age_days"] == 10
    assert (first["p_won_30"], first["p_won_60"]) == tuple(by_age.won[0])
    assert (first["p_lost_30"], first["p_lost_60"]) == tuple(by_age.lost[0])
    assert first["note"] is None
    assert first["model_id"] == model.model_id


def test_without_an_engage_date_there_is_no_probability_and_a_note_says_why(
    model: WinModel,
) -> None:
    found = scored(model, tables(row("P", "Prospecting"), row("L", "Engaging", -3), WON_ALPHA))

    assert dict(found.select("opportunity_id", "note").rows()) == {
        "P": NOT_ENGAGED,
        "L": ENGAGED_LATER,
    }
    assert found["p_won_30"].null_count() == found["expected_value"].null_count() == 2
    assert found["age_days"].null_count() == 2
    assert not found["is_stale"].any()


@pytest.mark.parametrize(
    ("product", "stated", "amount", "origin"),
    [
        ("Alpha", 77.0, 77.0, "stated"),
        ("Alpha", None, 90.0, "list price"),
        ("Beta", None, 400.0, "mean won value"),
        ("Gamma", None, 245.0, "mean won value"),
        ("Free", None, 245.0, "mean won value"),
        (None, None, 245.0, "mean won value"),
    ],
)
def test_the_amount_is_the_best_that_is_known(
    model: WinModel, product: str | None, stated: float | None, amount: float, origin: str
) -> None:
    plans = pl.DataFrame(
        {"opportunity_id": ["A"], "expected_close_date": [None], "amount": [stated]}
    )

    (found,) = scored(
        model,
        tables(
            row("A", "Engaging", 10, product=product),
            WON_ALPHA,
            WON_BETA,
            products=PRICES,
            plans=plans,
        ),
    ).to_dicts()

    assert found["amount"] == pytest.approx(amount)
    assert found["amount_from"] == origin
    assert found["expected_value"] == pytest.approx(amount * found["p_won_60"])


def test_where_nothing_is_known_of_amounts_there_is_none(model: WinModel) -> None:
    (found,) = scored(model, tables(row("A", "Engaging", 10))).to_dicts()

    assert found["amount"] is found["amount_from"] is found["expected_value"] is None
    assert found["p_won_60"] > 0


def test_without_wins_the_list_price_is_not_discounted(model: WinModel) -> None:
    (found,) = scored(
        model, tables(row("A", "Engaging", 10, product="Alpha"), products=PRICES)
    ).to_dicts()

    assert (found["amount"], found["amount_from"]) == (100.0, "list price")


def test_older_than_any_that_closed_is_stale(model: WinModel) -> None:
    oldest = model.oldest_closed_age_days

    found = scored(model, tables(row("A", "Engaging", oldest), row("B", "Engaging", oldest + 1)))

    assert dict(found.select("opportunity_id", "is_stale").rows()) == {"A": False, "B": True}


def test_the_most_valuable_come_first_and_those_without_value_last(model: WinModel) -> None:
    found = scored(
        model,
        tables(
            row("P", "Prospecting"),
            row("A", "Engaging", 10, product="Alpha"),
            row("B", "Engaging", 10, product="Beta"),
            row("C", "Engaging", 10, product="Beta"),
            WON_ALPHA,
            WON_BETA,
        ),
    )

    assert found["opportunity_id"].to_list() == ["B", "C", "A", "P"]
    in_parts = pl.concat([found[[3, 0]], found[[2, 1]]])  # as a cluster writes them
    assert_frame_equal(most_valuable(in_parts), found)


def test_an_earlier_day_sees_who_was_open_then(steady: pl.DataFrame) -> None:
    early = LAST_DAY - timedelta(30)

    found = scored(
        trained(steady, early),
        tables(
            row("open then", "Won", 40, close_date=ago(9), close_value=10.0),
            row("closed then", "Won", 80, close_date=ago(30), close_value=20.0),
            row("not there yet", "Lost", 20, close_date=ago(9), close_value=0.0),
        ),
        as_of=early,
    )

    (only,) = found.to_dicts()
    assert only["opportunity_id"] == "open then"
    assert (only["deal_stage"], only["age_days"], only["amount"]) == ("Engaging", 10, 20.0)


def test_who_sells_what_to_whom_changes_nothing_in_a_model_without_entities(
    model: WinModel,
) -> None:
    crm = tables(row("A", "Engaging", 10), row("B", "Engaging", 20), WON_ALPHA)
    names = ["account", "sales_agent"]
    named = crm.opportunities.with_columns(pl.col("opportunity_id").alias(n) for n in names)

    found = scored(model, CrmTables.cast({"opportunities": named}))

    assert_frame_equal(found.drop(names), scored(model, crm).drop(names))


@pytest.mark.parametrize("estimator", ["age", "never_close", "entities"])
def test_a_reloaded_model_scores_the_same(steady: pl.DataFrame, estimator: str) -> None:
    few = steady.head(600)
    crm = CrmTables.cast({"opportunities": few})
    model = trained(few, estimator=estimator, recalibration=Recalibration(0.1, 0.9, -0.1))
    again = WinModel.from_dict(json.loads(json.dumps(model.to_dict())))

    assert_frame_equal(scored(again, crm), scored(model, crm), check_exact=True)


def test_chances_add_up_to_at_most_one_and_grow_with_the_horizon(model: WinModel) -> None:
    found = scored(model, tables(*(row(f"A{n:03}", "Engaging", n) for n in range(0, 300, 5))))

    won, lost = ([pl.col(f"p_{o}_{h}") for h in (30, 60)] for o in ("won", "lost"))
    for shorter, longer in (won, lost):
        assert found.select((shorter <= longer).all()).item()
    assert found.select((won[1] + lost[1] <= 1).all()).item()
    assert found.select((won[1] <= pl.col("p_ever_won") + 1e-12).all()).item()


def test_the_close_window_holds_most_of_the_days_on_which_it_may_close(model: WinModel) -> None:
    (found,) = scored(model, tables(row("A", "Engaging", 10))).to_dicts()

    # Closing on 3 days of 100: one in ten has closed after 4 days, nine of ten after 76.
    assert ago(-3) <= found["closes_from"] <= ago(-5)
    assert ago(-65) <= found["closes_until"] <= ago(-85)
    assert found["p_ever_won"] == pytest.approx(2 / 3, abs=0.03)


def test_one_that_hardly_ever_closes_has_no_close_window() -> None:
    rows = [row(f"C{n:03}", "Won", 100 + n, close_date=ago(90 + n)) for n in range(60)]
    rows += [row(f"D{n:03}", "Lost", 100 + n, close_date=ago(90 + n)) for n in range(60)]
    rows += [row(f"O{n:03}", "Engaging", 50 + n) for n in range(120)]
    crm = tables(*rows)
    model = trained(crm.opportunities.collect(), estimator="never_close", min_closed=1)

    found = scored(model, crm)

    oldest = found.filter(pl.col("age_days") == pl.col("age_days").max()).row(0, named=True)
    assert oldest["p_won_60"] + oldest["p_lost_60"] < 0.01
    assert oldest["closes_from"] is oldest["closes_until"] is None


def test_the_grade_is_by_the_chance_within_the_longest_horizon(model: WinModel) -> None:
    crm = tables(row("A", "Engaging", 10), row("P", "Prospecting"))
    chance = scored(model, crm)["p_won_60"][0]

    def graded(*least: float) -> list[str | None]:
        return scored(model, crm, grades=least)["grade"].to_list()

    assert graded(chance, 0.25, 0.1) == ["A", None]
    assert graded(chance + 0.01, chance, 0.1) == ["B", None]
    assert graded(0.99, 0.98, chance) == ["C", None]
    assert graded(0.99, 0.98, 0.97) == ["D", None]


def test_the_young_are_marked_and_what_is_stale_has_its_evidence(model: WinModel) -> None:
    oldest = model.oldest_closed_age_days
    crm = tables(
        *(row(f"A{n}", "Engaging", n) for n in (0, 6, 7, oldest + 1)), row("P", "Prospecting")
    )

    found = {r["opportunity_id"]: r for r in scored(model, crm).iter_rows(named=True)}

    assert [n for n, r in found.items() if r["is_low_information"]] == ["A0", "A6"]
    closed = f"{model.won + model.lost:,}"
    assert [r["stale_evidence"] for r in found.values() if r["stale_evidence"]] == [
        f"older than all {closed} that ever closed (at most {oldest} days)"
    ]


def test_the_model_that_scored_knows_what_was_known_on_the_day(steady: pl.DataFrame) -> None:
    early = LAST_DAY - timedelta(60)
    few = steady.head(1_000)
    model = trained(few, early, estimator="never_close")

    found = score(
        model,
        CrmTables.cast({"opportunities": few}),
        as_of=LAST_DAY,
        catalogue_fingerprint="abc",
    )

    assert found.model.fitted.table == model.fitted.table
    assert found.model.fitted.never_close != model.fitted.never_close
    assert set(found.scores["model_id"]) == {model.model_id}


def test_where_nothing_is_open_there_are_no_scores(model: WinModel) -> None:
    assert scored(model, tables(WON_ALPHA)).is_empty()


def test_a_changed_catalogue_is_refused(model: WinModel) -> None:
    with pytest.raises(ModelError) as refusal:
        score(model, tables(row("A", "Engaging", 1)), as_of=LAST_DAY, catalogue_fingerprint="other")

    assert "trained with feature catalogue abc, the present one is other" in refusal.value.problem
    assert "dealcast train" in refusal.value.remedy


def test_a_model_that_knows_the_future_is_refused(model: WinModel) -> None:
    with pytest.raises(ModelError, match="would know the future"):
        score(
            model,
            tables(row("A", "Engaging", 1)),
            as_of=LAST_DAY - timedelta(1),
            catalogue_fingerprint="abc",
        )


def test_how_many_are_in_memory_at_a_time_does_not_matter(
    model: WinModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = tables(
        *(row(f"O{days}", "Engaging", days) for days in range(1, 8)), row("P", "Prospecting")
    )
    whole = scored(model, crm)
    monkeypatch.setattr(risks, "BLOCK", 3)

    assert_frame_equal(scored(model, crm), whole)
