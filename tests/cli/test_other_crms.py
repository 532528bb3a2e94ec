"""Exports of other CRMs, from their files to scores, unchanged."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.sources.exports import (
    InventedCrm,
    hubspot_export,
    plain_export,
    salesforce_export,
    salesforce_report,
    utf16_export,
)

from servers.sample import MONTHLY

Call = Callable[..., Any]
# Enough of these exports to judge a model on; how good it is, is not the question here.
BRIEF = (*MONTHLY, "--set", "model.first_origin_after_days=300")


def without_dimensions(folder: Path, n: int, seed: int) -> InventedCrm:
    return plain_export(folder, n, seed, dimensions=False)


EXPORTS: dict[str, tuple[Callable[..., InventedCrm], list[str]]] = {
    "Salesforce objects": (salesforce_export, ["--mapping", "salesforce"]),
    "a Salesforce report": (salesforce_report, ["--mapping", "salesforce"]),
    "HubSpot": (hubspot_export, ["--mapping", "hubspot"]),
    "UTF-16, semicolons, decimal commas, D.M.YYYY": (utf16_export, []),
    "no dimension tables": (without_dimensions, []),
}


@pytest.fixture(scope="module")
def run_of(
    call_anywhere: Call, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[InventedCrm, Path, dict[str, Any]]]:
    """The export of that kind, the store of a whole run on it and what that told: made once."""

    @cache
    def run(kind: str) -> tuple[InventedCrm, Path, dict[str, Any]]:
        write, arguments = EXPORTS[kind]
        folder = tmp_path_factory.mktemp("crm")
        (folder / "export").mkdir()
        crm, root = write(folder / "export", 900, 3), folder / "store"
        given = ("--path", folder / "export", *arguments, *BRIEF, "--root", root)
        done = call_anywhere("run", *given, "--json")
        assert done.code == 0, done.err
        return crm, root, done.json

    return run


@pytest.mark.parametrize("kind", list(EXPORTS))
def test_an_export_of_another_crm_runs_end_to_end(
    call: Call, run_of: Callable[..., Any], tmp_path: Path, kind: str
) -> None:
    crm, root, summary = run_of(kind)

    stages = dict(crm.opportunities.group_by("deal_stage").len().iter_rows())
    assert summary["rows_in"] == summary["rows_clean"] == crm.opportunities.height
    assert summary["stages"] == stages
    assert summary["open_opportunities"] == stages.get("Engaging", 0) + stages.get("Prospecting", 0)
    assert summary["evaluation"]["n"] > 0
    # What the CRM hopes of open ones is kept apart from what happened.
    file = tmp_path / "clean.parquet"
    assert call("export", "crm_data_processed", "--root", root, "--to", file).code == 0
    clean = pl.read_parquet(file).sort("opportunity_id")
    truth = crm.opportunities.sort("opportunity_id")
    for column in ("close_date", "close_value", "engage_date"):
        assert clean[column].equals(truth[column].cast(clean[column].dtype)), column


def test_what_the_dimension_tables_would_tell_is_not_available(call: Call, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    without_dimensions(tmp_path / "export", 900, 3)

    summary = call(
        "run", "--path", tmp_path / "export", "--root", tmp_path / "s", "--to", "features", "--json"
    ).json

    assert "list_price" in summary["features_not_available"]
    assert "list_price" not in summary["point_in_time_features"]
    assert "age_days" in summary["point_in_time_features"]


def test_stated_amounts_of_open_opportunities_are_used(
    call: Call, run_of: Callable[..., Any]
) -> None:
    _, root, _ = run_of("Salesforce objects")

    rows = call("score", "--root", root, "--json").json["scores"]
    scores = pl.DataFrame(rows, infer_schema_length=None)

    assert "stated" in scores["amount_from"].to_list()
