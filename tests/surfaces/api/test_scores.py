"""The same opportunity through batch, API and MLflow's model: the same numbers."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dealcast.modeling.training import WinModel
from servers.api import Api

KNOWN = (
    "opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date", "amount",
)  # fmt: skip
NUMBERS = ("p_ever_won", "amount", "expected_value")
WORDS = (
    "scored_on", "model_id", "age_days", "grade", "closes_from", "closes_until", "is_stale",
    "stale_evidence", "is_low_information", "note",
)  # fmt: skip


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def chances(answer: dict[str, Any]) -> dict[str, float | None]:
    return {
        f"p_{way}_{c['horizon_days']}": c[f"p_{way}"]
        for c in answer["chances"]
        for way in ("won", "lost")
    }


@pytest.fixture(scope="module")
def batch(sample: Any) -> pl.DataFrame:
    """All scores that the run issued: some with a clock, some without."""
    scores: pl.DataFrame = sample.store.load("scores")
    assert 0 < scores["p_ever_won"].null_count() < scores.height
    return scores


@pytest.mark.parametrize("with_reasons", [False, True])
def test_the_api_scores_as_the_batch_did(
    api: Api, batch: pl.DataFrame, sample: Any, with_reasons: bool
) -> None:
    given = as_json(batch.select(KNOWN).to_dicts())
    parts = sample.store.load("score_reasons")

    answers = [
        answer
        for at in range(0, len(given), 500)
        for answer in api.score(*given[at : at + 500], reasons=with_reasons).json()["opportunities"]
    ]

    assert [a["opportunity_id"] for a in answers] == batch["opportunity_id"].to_list()
    for answer, row in zip(answers, batch.to_dicts(), strict=True):
        figures = chances(answer) | {n: answer[n] for n in NUMBERS}
        expected = {n: row[n] for n in figures}
        assert figures == pytest.approx(expected, abs=1e-12)
        assert {n: answer[n] for n in WORDS} == as_json({n: row[n] for n in WORDS})
        if with_reasons:
            assert answer["reason_for"] == row["reason_for"]
    if with_reasons:
        told = {
            (a["opportunity_id"], r["part"]): r["log_odds"] for a in answers for r in a["reasons"]
        }
        kept = {(i, p): v for i, p, v in parts.select("opportunity_id", "part", "log_odds").rows()}
        assert told == pytest.approx(kept, abs=1e-12)


def test_an_amount_left_out_is_the_one_that_the_run_took(api: Api, batch: pl.DataFrame) -> None:
    unstated = batch.filter(pl.col("amount_from") != "stated").head(500)
    assert unstated.height == 500
    known = [name for name in KNOWN if name != "amount"]

    answers = api.score(*as_json(unstated.select(known).to_dicts())).json()["opportunities"]

    for answer, row in zip(answers, unstated.to_dicts(), strict=True):
        assert (answer["amount"], answer["amount_from"]) == (row["amount"], row["amount_from"])
        assert answer["expected_value"] == pytest.approx(row["expected_value"], abs=1e-12)


def test_the_api_scores_as_the_model_in_mlflow(
    api: Api, batch: pl.DataFrame, sample: Any, tmp_path: Path
) -> None:
    mlflow = pytest.importorskip("mlflow")
    from dealcast.tracking.mlflow.client import quiet
    from dealcast.tracking.mlflow.models import write_model

    (record,) = (s for s in sample.manifest.steps if s.name == "train")
    content = sample.store.get_object(record.objects["model"])
    with quiet():
        write_model(tmp_path / "model", content)
        loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    rows = batch.head(300)

    there = pl.from_pandas(
        loaded.predict(rows.select(KNOWN[:-1]).to_pandas()), nan_to_null=True
    ).to_dicts()
    here = api.score(*as_json(rows.select(KNOWN).to_dicts())).json()["opportunities"]

    for ours, theirs in zip(here, there, strict=True):
        figures = chances(ours) | {"p_ever_won": ours["p_ever_won"]}
        assert figures == pytest.approx({n: theirs[n] for n in figures}, abs=1e-12)
        assert (ours["opportunity_id"], ours["is_stale"]) == (
            theirs["opportunity_id"],
            theirs["is_stale"],
        )


def test_listed_scores_are_those_of_the_batch_with_their_parts(
    api: Api, batch: pl.DataFrame, sample: Any
) -> None:
    row = batch.row(0, named=True)

    one = api.client.get(f"/v1/opportunities/{row['opportunity_id']}").json()

    assert chances(one) == {n: row[n] for n in chances(one)}
    parts = sample.store.load("score_reasons").filter(opportunity_id=row["opportunity_id"])
    assert one["reasons"] == parts.select("part", "log_odds").to_dicts()


def test_a_later_day_makes_it_older_and_an_earlier_one_is_refused(api: Api) -> None:
    known_until = api.client.get("/v1/model").json()["known_until"]
    one = {"opportunity_id": "N1", "engage_date": known_until}

    later = api.score(one, as_of="2099-01-01")
    earlier = api.score(one, as_of="2000-01-01")

    assert later.json()["opportunities"][0]["is_stale"]
    assert (earlier.status_code, earlier.json()["type"]) == (409, "urn:dealcast:conflict")
    assert "would know the future" in earlier.json()["detail"]


def test_what_is_not_known_may_be_left_out(api: Api) -> None:
    answer = api.score({"opportunity_id": "N1"}, reasons=True).json()["opportunities"][0]

    assert {c["p_won"] for c in answer["chances"]} == {None}
    assert answer["note"] == "not engaged yet: no clock to predict from"
    assert answer["reasons"] == []
    assert answer["expected_value"] is None


def test_the_model_told_is_the_champion(api: Api, sample: Any) -> None:
    (record,) = (s for s in sample.manifest.steps if s.name == "train")
    model = WinModel.from_dict(sample.store.require_json(record.objects["model"]))

    told = api.client.get("/v1/model").json()

    assert told["model_id"] == model.model_id == record.figures["champion"]
    assert told["horizons_days"] == list(model.horizons_days)
    assert told["promotion"] == "the first model"


def test_the_forecast_is_that_of_the_run(api: Api, sample: Any) -> None:
    kept = sample.store.load("forecast").filter(period_kind="month")

    told = api.client.get("/v1/forecast", params={"period_kind": "month"}).json()

    assert told["periods"] == as_json(kept.to_dicts())
    assert told["run_id"] == sample.manifest.run_id
