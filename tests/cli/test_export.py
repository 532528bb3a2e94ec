"""dealcast export scores --for CRM, called as a person or a script would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from servers.sample import SampleRun

Call = Callable[..., Any]


@pytest.fixture(scope="session")
def root(sample_run: SampleRun) -> Path:
    """A store with scores of the generated sample."""
    return sample_run.root


def test_a_file_for_the_crm_is_told_with_its_columns_and_what_is_left_out(
    call: Call, root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "upload.csv"

    told = call(
        "export", "scores", "--for", "salesforce", "--id-column", "Ref__c", "--to", file,
        "--root", root, "--json",
    ).json  # fmt: skip

    written = pl.read_csv(file)
    assert told["files"] == [{"file": str(file), "rows": written.height}]
    assert told["columns"] == written.columns
    assert told["columns"][:2] == ["Ref__c", "Dealcast_Win_Probability__c"]
    assert told["rows"] == written.height > 0
    assert told["left_out"]["unfit_ids"] == []
    assert any("days ago" in note for note in told["notes"])


def test_people_get_the_file_and_what_to_know_beside_it(call: Call, root: Path) -> None:
    done = call("export", "scores", "--for", "dynamics", "--root", root)

    rows = pl.read_csv("scores-dynamics.csv").height
    assert done.code == 0
    assert f"{rows} rows for dynamics in scores-dynamics.csv" in done.out
    assert "columns: External ID, Probability" in done.out
    assert "days ago" in done.err


def test_parts_of_an_earlier_export_are_removed_and_told(
    call: Call, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "u-2-of-2.csv").write_text("of yesterday")
    to = ("--to", tmp_path / "u.csv", "--root", root)

    done = call("export", "scores", "--for", "dynamics", *to)
    again = call("export", "scores", "--for", "dynamics", *to, "--json")

    assert f"removed, as of an earlier export: {tmp_path / 'u-2-of-2.csv'}" in done.out
    assert [f.name for f in tmp_path.iterdir()] == ["u.csv"]
    assert again.json["removed"] == []


def test_headings_come_from_the_settings(call: Call, root: Path) -> None:
    name = "export.hubspot.probability=Chance"

    done = call(
        "export", "scores", "--for", "hubspot", "--id-column", "Ref", "--set", name,
        "--root", root,
    )  # fmt: skip

    assert done.code == 0
    assert "Chance" in pl.read_csv("scores-hubspot.csv").columns


def test_ids_of_another_kind_are_refused_and_nothing_is_written(
    call: Call, root: Path, tmp_path: Path
) -> None:
    done = call("export", "scores", "--for", "salesforce", "--root", root)

    assert done.code == 5
    assert "No id of the export fits" in done.err
    assert "Try: --id-column" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("quarantine", "--for", "hubspot"), "Only scores can be exported for hubspot"),
        (("scores", "--for", "hubspot", "--format", "xlsx"), "newest scores, as CSV"),
        (("scores", "--for", "hubspot", "--version", 0), "newest scores, as CSV"),
        (("scores", "--for", "hubspot", "--versions"), "newest scores, as CSV"),
        (("scores", "--for", "hubspot", "--keep-formulas"), "no text that runs as a formula"),
        (("scores", "--id-column", "Ref"), "without a CRM"),
        (("scores", "--for", "hubspot", "--id-column", "Dealcast grade"), "of another thing"),
        (("scores", "--for", "salesforce", "--set", "export.salesforce.id=Dealcast_Grade__c"),
         "two columns are named 'Dealcast_Grade__c'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(
    call: Call, root: Path, arguments: tuple[object, ...], says: str
) -> None:
    done = call("export", *arguments, "--root", root)

    assert done.code == 2
    assert says in done.err


def test_without_scores_the_step_to_run_is_named(call: Call, tmp_path: Path) -> None:
    done = call("export", "scores", "--for", "hubspot", "--root", tmp_path / "none")

    assert done.code == 5
    assert "'score' has not been run" in done.err
    assert "dealcast score" in done.err
