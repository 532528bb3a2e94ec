import json
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables, scores_contract
from dealcast.errors import ModelError
from dealcast.modeling.scoring import ENGAGED_LATER, NOT_ENGAGED, score
from dealcast.modeling.training import WinModel, train
from dealcast.settings import ModelSettings

LAST_DAY = date(2024, 10, 26)
SETTINGS = ModelSettings(horizons_days=(30, 60))


@pytest.fixture(scope="module")
def model(steady: pl.DataFrame) -> WinModel:
    return train(
        steady, SETTINGS, as_of=LAST_DAY, fiscal_year_start_month=1, catalogue_fingerprint="abc"
    )


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
    opportunities = pl.DataFrame(rows, schema_overrides=types)
    return CrmTables.cast({"opportunities": opportunities, **members})


def scored(model: WinModel, crm: CrmTables, as_of: date = LAST_DAY) -> pl.DataFrame:
    found = score(model, crm, as_of=as_of, catalogue_fingerprint="abc")
    scores_contract(model.horizons_days).validate(found)
    return found


WON_ALPHA = row("W1", "Won", 50, product="Alpha", close_date=ago(9), close_value=90.0)
WON_BETA = row("W2", "Won", 50, product="Beta", close_date=ago(9), close_value=400.0)
PRICES = pl.DataFrame({"product": ["Alpha", "Free"], "series": "S", "sales_price": [100.0, 0.0]})


def test_each_open_opportunity_has_its_chances_and_no_closed_one_is_there(model: WinModel) -> None:
    found = scored(model, tables(row("A", "Engaging", 10), WON_ALPHA, row("P", "Prospecting")))

    assert found["opportunity_id"].to_list() == ["A", "P"]
    by_age = model.fitted.incidence(*(pl.Series([n]).to_numpy() for n in (10, 20022)), (30, 60))
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


def test_an_earlier_day_sees_who_was_open_then(steady: pl.DataFrame) -> None:
    early = LAST_DAY - timedelta(30)
    model = train(
        steady, SETTINGS, as_of=early, fiscal_year_start_month=1, catalogue_fingerprint="abc"
    )

    found = scored(
        model,
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


def test_accounts_change_nothing(model: WinModel) -> None:
    crm = tables(row("A", "Engaging", 10), row("B", "Engaging", 20), WON_ALPHA)
    named = crm.opportunities.with_columns(account=pl.col("opportunity_id"))

    found = scored(model, CrmTables.cast({"opportunities": named}))

    assert_frame_equal(found, scored(model, crm))


def test_a_reloaded_model_scores_the_same(model: WinModel) -> None:
    crm = tables(row("A", "Engaging", 10), row("B", "Engaging", 200), WON_ALPHA)
    again = WinModel.from_dict(json.loads(json.dumps(model.to_dict())))

    assert_frame_equal(scored(again, crm), scored(model, crm), check_exact=True)


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
