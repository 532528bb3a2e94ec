from datetime import date
from pathlib import Path

import polars as pl
import pytest
from tests.surfaces.conftest import Ran
from tests.surfaces.crm.conftest import read_back

from dealcast.settings import ExportSettings
from dealcast.surfaces.crm.dynamics import ROW_ID
from dealcast.surfaces.crm.files import write_files
from dealcast.surfaces.crm.systems import CRMS
from dealcast.surfaces.crm.upload import upload

SETTINGS = ExportSettings()
SCORED = pl.DataFrame(
    {
        "opportunity_id": ["006x0000001AbCd", "006x0000001AbCe"],
        "p_won": [0.42754, 0.005],
        "grade": ["B", "D"],
        "reason_for": ["open for 29 days, when many close (+0.50)", None],
        "reason_against": ['=HYPERLINK("evil")', "-1 and more"],
        "scored_on": [date(2026, 11, 3)] * 2,
    }
)


def file_of(crm: str, folder: Path, columns: object = None) -> list[str]:
    made = CRMS[crm]
    rows = made.rows(SCORED, columns or made.columns(SETTINGS))
    ((file, _),) = write_files(rows, folder / "f.csv", made)
    return file.read_text(encoding="utf-8").splitlines()


def test_salesforce_has_api_names_per_cent_and_iso_dates(tmp_path: Path) -> None:
    assert file_of("salesforce", tmp_path) == [
        (
            "Id,Dealcast_Win_Probability__c,Dealcast_Grade__c,Dealcast_Reason_For__c,"
            "Dealcast_Reason_Against__c,Dealcast_Scored_On__c"
        ),
        (
            '006x0000001AbCd,42.75,B,"open for 29 days, when many close (+0.50)",'
            '"\'=HYPERLINK(""evil"")",2026-11-03'
        ),
        "006x0000001AbCe,0.5,D,,'-1 and more,2026-11-03",
    ]


def test_hubspot_has_labels(tmp_path: Path) -> None:
    heading, first, _ = file_of("hubspot", tmp_path)

    assert heading == (
        "Record ID,Dealcast win probability (%),Dealcast grade,Dealcast reason for,"
        "Dealcast reason against,Dealcast scored on"
    )
    assert first.startswith("006x0000001AbCd,42.75,B,")


def test_dynamics_has_whole_per_cent_and_a_mark_of_utf_8(tmp_path: Path) -> None:
    heading, first, second = file_of("dynamics", tmp_path)

    assert heading.startswith("\ufeffExternal ID,Probability,Dealcast Grade,")
    assert first.startswith("006x0000001AbCd,43,B,")
    assert second.startswith("006x0000001AbCe,0,D,")


def test_dynamics_by_its_own_row_ids_has_the_columns_of_its_own_exports(tmp_path: Path) -> None:
    columns = SETTINGS.dynamics.model_copy(update={"id": ROW_ID})

    heading, first, _ = file_of("dynamics", tmp_path, columns)

    assert heading.removeprefix("\ufeff").split(",")[:4] == [
        "(Do Not Modify) Opportunity",
        "(Do Not Modify) Row Checksum",
        "(Do Not Modify) Modified On",
        "Probability",
    ]
    assert first.startswith("006x0000001AbCd,,,43,B,")


@pytest.mark.parametrize("name", list(CRMS))
def test_a_file_says_what_the_table_of_scores_says(sample: Ran, tmp_path: Path, name: str) -> None:
    crm = CRMS[name]
    columns = crm.columns(SETTINGS).model_copy(update={"id": "Ref"})
    horizon = sample.manifest.figures["horizon_days"]

    made = upload(sample.store, crm, columns)
    ((file, height),) = write_files(made.rows, tmp_path / "f.csv", crm)

    scores = sample.store.load("scores").filter(pl.col(f"p_won_{horizon}").is_not_null())
    assert height == scores.height > 100
    said = {row["Ref"]: row for row in read_back(file)}
    places = 0 if name == "dynamics" else 2
    for row in scores.iter_rows(named=True):
        line = said.pop(row["opportunity_id"])
        assert float(line[columns.probability]) == pytest.approx(
            100 * row[f"p_won_{horizon}"], abs=0.51 * 10**-places
        )
        assert line[columns.grade] == row["grade"]
        assert line[columns.reason_for] == (row["reason_for"] or "")
        assert line[columns.reason_against] == (row["reason_against"] or "")
        assert line[columns.scored_on] == row["scored_on"].isoformat()
    assert said == {}
    assert made.unscored == sample.store.load("scores").height - height
