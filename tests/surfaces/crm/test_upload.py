from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from tests.surfaces.crm.conftest import SCORED_ON, scores_of

from dealcast.errors import StoreError
from dealcast.settings import ExportSettings
from dealcast.surfaces.crm.dynamics import DYNAMICS, ROW_ID
from dealcast.surfaces.crm.hubspot import HUBSPOT
from dealcast.surfaces.crm.salesforce import SALESFORCE
from dealcast.surfaces.crm.spec import Crm
from dealcast.surfaces.crm.upload import upload
from dealcast.workflow.manifest import load_latest_steps, save_latest_step
from dealcast.workflow.store import Store

StoreOf = Callable[[pl.DataFrame], Store]
SETTINGS = ExportSettings()
COLUMNS = SETTINGS.salesforce
OTHER = COLUMNS.model_copy(update={"id": "Ref__c"})


@pytest.mark.parametrize(
    ("crm", "heading", "fit", "unfit"),
    [
        (SALESFORCE, "Id", ["006x0000001AbCd", "006x0000001AbCdEAG"], ["006x0000001AbC", "A-1"]),
        (HUBSPOT, "Record ID", ["12", "98765432101"], ["12a", " 12", "1.2e9"]),
        (
            DYNAMICS,
            ROW_ID,
            ["3fa85f64-5717-4562-b3fc-2c963f66afa6", "3FA85F64-5717-4562-B3FC-2C963F66AFA6"],
            ["3fa85f64", "{x}"],
        ),
        (
            SALESFORCE,
            "Ref__c",
            ["A-1", "ü", " x", "'=1"],
            ["=1+1", "+1", "-1", "@x", "\tx", "\uff1d1"],
        ),
    ],
)
def test_only_ids_that_the_crm_can_find_go_in(
    store_of: StoreOf, crm: Crm, heading: str, fit: list[str], unfit: list[str]
) -> None:
    columns = crm.columns(SETTINGS).model_copy(update={"id": heading})

    made = upload(store_of(scores_of([*fit, *unfit])), crm, columns)

    assert made.rows[heading].to_list() == fit
    assert list(made.unfit_ids) == unfit
    (told,) = made.notes(SCORED_ON, 14)
    assert f"'{unfit[0]}'" in told


def test_where_no_id_fits_the_other_way_is_told(store_of: StoreOf) -> None:
    with pytest.raises(StoreError) as refused:
        upload(store_of(scores_of(["A1", "A2"])), SALESFORCE, COLUMNS)

    assert "'Id' of salesforce holds 15 or 18 letters and digits" in refused.value.problem
    assert "'A1', 'A2'" in refused.value.problem
    assert "--id-column" in refused.value.remedy


def test_opportunities_without_a_probability_are_left_out_and_counted(store_of: StoreOf) -> None:
    scores = pl.concat([scores_of(["A1"]), scores_of(["A2", "A3"], chance=None)])

    made = upload(store_of(scores), SALESFORCE, OTHER)

    assert made.rows["Ref__c"].to_list() == ["A1"]
    assert made.unscored == 2
    assert list(made.notes(SCORED_ON, 14)) == [
        (
            "Left out, as without a probability: 2 open opportunities (`note` of the table scores "
            "says why)."
        )
    ]


@pytest.mark.parametrize("scores", [scores_of([]), scores_of(["A1"], chance=None)])
def test_nothing_to_upload_is_said_with_a_remedy(store_of: StoreOf, scores: pl.DataFrame) -> None:
    with pytest.raises(StoreError, match="nothing to upload") as refused:
        upload(store_of(scores), SALESFORCE, OTHER)

    assert "dealcast export scores" in refused.value.remedy


def test_without_scores_the_step_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Store(str(tmp_path_factory.mktemp("empty")))

    with pytest.raises(StoreError, match="'score' has not been run"):
        upload(store, SALESFORCE, OTHER)


@pytest.mark.parametrize(
    ("step", "outdated"),
    [("ingest", "validate"), ("validate", "clean"), ("clean", "score"), ("train", "score")],
)
def test_scores_older_than_the_export_or_the_model_are_refused(
    store_of: StoreOf, step: str, outdated: str
) -> None:
    store = store_of(scores_of(["A1"]))
    record = load_latest_steps(store)[step]
    save_latest_step(store, replace(record, fingerprint="made anew"))

    with pytest.raises(StoreError, match="older than the newest export or model") as refused:
        upload(store, SALESFORCE, OTHER)

    assert f"--from {outdated} --to score" in refused.value.remedy


def test_the_age_of_the_scores_is_told_from_so_many_days_on(store_of: StoreOf) -> None:
    made = upload(store_of(scores_of(["A1"])), SALESFORCE, OTHER)

    assert list(made.notes(SCORED_ON + timedelta(days=14), 14)) == []
    (told,) = made.notes(SCORED_ON + timedelta(days=15), 14)
    assert told.startswith("The scores are of 23 Nov 2026, 15 days ago")
