"""The main job on the generated export, as a user would do it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from servers.sample import FEW, MONTHLY, SAMPLE, SampleRun

Call = Callable[..., Any]
Finished = tuple[Path, dict[str, Any]]
STEPS = [
    "ingest",
    "validate",
    "clean",
    "features",
    "audit",
    "evaluate",
    "train",
    "score",
    "forecast",
    "monitor",
]


@pytest.fixture(scope="module")
def finished(sample_run: SampleRun, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root = sample_run.copy(tmp_path_factory.mktemp("finished") / "store")
    return root, sample_run.summary


def test_a_run_accounts_for_every_row(finished: Finished) -> None:
    _, summary = finished

    assert summary["status"] == "done"
    assert summary["rows_in"] == summary["rows_clean"] + summary["rows_quarantined"]
    assert summary["rows_quarantined"] > 0
    assert sum(summary["stages"].values()) == summary["rows_clean"]


def test_a_run_scores_the_quality_before_and_after(finished: Finished) -> None:
    _, summary = finished

    deducted = sum(d["deduction"] for d in summary["quality_deductions"])
    assert summary["quality_raw"] == pytest.approx(1 - deducted, abs=1e-3)
    assert summary["quality_raw"] < summary["quality_clean"] <= 1


def test_a_run_says_where_its_tables_are_in_which_version(call: Call, finished: Finished) -> None:
    root, summary = finished

    shown = call("runs", "show", "latest", "--root", root, "--json").json

    assert shown["run_id"] == summary["run_id"]
    assert [s["name"] for s in shown["steps"]] == STEPS
    assert {t: v for s in shown["steps"] for t, v in s["tables"].items()} == summary["tables"]
    assert shown["code"]["source_hash"]
    assert (root / "runs" / summary["run_id"] / "run.log").read_text().count(summary["run_id"]) >= 7


def test_a_second_run_skips_what_did_not_change(call: Call, finished: Finished) -> None:
    root, summary = finished

    again = call("run", *SAMPLE, "--root", root, "--json").json

    assert [n for n, s in again["steps"].items() if s == "skipped"] == STEPS[1:]
    assert again["tables"] == summary["tables"]
    assert again["top_opportunities"] == summary["top_opportunities"]


def test_a_run_resumes_at_a_step(call: Call, finished: Finished) -> None:
    root, summary = finished

    again = call("run", "--from", "train", "--to", "train", "--root", root, "--json").json

    assert list(again["steps"]) == ["train"]
    assert again["model_id"] == summary["model_id"]


def test_another_setting_reruns_only_the_steps_that_read_it(
    call: Call, sample_run: SampleRun, tmp_path: Path
) -> None:
    root = sample_run.copy(tmp_path / "store")
    other = ("--set", "quality.min_score=0.55", "--to", "features")

    again = call("run", *SAMPLE, "--root", root, "--json", *other).json

    done = [n for n, s in again["steps"].items() if s != "skipped"]
    assert done[:2] == ["ingest", "validate"]


def test_the_default_source_does_not_replace_a_chosen_export(call: Call, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    assert call("sample", "--to", exports, "--opportunities", 900).code == 0
    other = tmp_path / "other"
    assert call("ingest", "--path", exports, "--root", other).code == 0

    refused = call("run", "--root", other)

    assert refused.code == 5
    assert "--source files" in refused.err


def test_the_summary_is_readable(call: Call, finished: Finished) -> None:
    root, summary = finished

    shown = call("run", *SAMPLE, "--root", root, "--timings").out

    for word in ("quarantined", "Quality", "skill", "ever closed", "Blank by design", str(root)):
        assert word in shown
    assert f"{summary['rows_in']:,}" in shown


def test_each_step_is_a_command_of_its_own(call: Call, tmp_path: Path) -> None:
    for command in STEPS:
        given = ("--root", tmp_path / "store", *MONTHLY, *(FEW if command == "ingest" else ()))
        for_scripts = call(command, *given, "--json")
        for_people = call(command, *given)
        expected = {0, 10, 11} if command == "monitor" else {0}
        assert {for_people.code, for_scripts.code} <= expected, for_people.err
        assert for_people.out.strip()
        assert for_scripts.json


def test_a_step_does_not_mix_what_was_made_from_different_versions(
    call: Call, tmp_path: Path
) -> None:
    root = tmp_path / "store"
    assert call("run", *FEW, *MONTHLY, "--root", root, "--to", "audit").code == 0
    assert call("clean", "--root", root).code == 0

    refused = call("evaluate", "--root", root)

    assert refused.code == 5
    assert "--from features" in refused.err
    mended = call("run", "--from", "features", "--to", "evaluate", *MONTHLY, "--root", root)
    assert mended.code == 0


def test_a_lost_run_folder_is_made_again(call: Call, sample_run: SampleRun, tmp_path: Path) -> None:
    root, first = sample_run.copy(tmp_path / "store"), sample_run.summary
    (root / "models" / f"{first['model_id']}.json").unlink()

    refused = call("score", "--root", root)
    again = call("run", *SAMPLE, "--root", root, "--json").json

    assert refused.code == 5
    assert f"{first['model_id']}.json' is gone" in refused.err
    assert [n for n, took in again["steps"].items() if took != "skipped"][1] == "train"


def test_a_table_that_the_newest_export_lacks_is_not_taken_from_an_earlier_one(
    call: Call, tmp_path: Path
) -> None:
    root = ingested_with_typos(call, tmp_path)
    assert call("sample", "--to", tmp_path / "e", "--opportunities", 500).code == 0
    run = ["run", "--root", root, "--to", "clean", "--path"]
    assert call(*run, tmp_path / "e").code == 0
    assert call(*run, tmp_path / "export.csv").code == 0

    refused = call("export", "accounts", "--root", root)

    assert refused.code == 5
    assert call("export", "accounts", "--root", root, "--version", 0).code == 0


def test_a_sample_that_cannot_be_is_refused(call: Call, tmp_path: Path) -> None:
    refused = call("sample", "--to", tmp_path / "e", "--signal", 9)

    assert refused.code == 2
    assert "source.signal" in refused.err


def test_a_step_before_its_needs_says_what_to_run(call: Call, tmp_path: Path) -> None:
    refused = call("train", "--root", tmp_path / "new")

    assert refused.code == 5
    assert "dealcast clean" in refused.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_tables_are_exported_for_people(
    call: Call, finished: Finished, tmp_path: Path, kind: str
) -> None:
    root, summary = finished

    done = call("export", "crm_features", "--root", root, "--to", tmp_path / f"t.{kind}", "--json")

    assert done.json["rows"] == summary["rows_clean"]
    assert done.json["columns"] == 61
    assert (tmp_path / f"t.{kind}").stat().st_size > 0


def test_a_table_is_exported_as_it_was(call: Call, finished: Finished, tmp_path: Path) -> None:
    root, _ = finished

    versions = call("export", "scores", "--root", root, "--versions", "--json").json
    old = tmp_path / "old.parquet"

    assert call("export", "scores", "--root", root, "--version", 0, "--to", old).code == 0
    assert versions[-1]["version"] == 0
    assert pl.read_parquet(old).height > 0


def test_every_issued_score_is_kept(call: Call, finished: Finished) -> None:
    root, summary = finished
    before = call("export", "scores_issued", "--root", root, "--json").json["rows"]

    assert call("score", "--root", root).code == 0

    after = call("export", "scores_issued", "--root", root, "--json").json["rows"]
    assert after == before + summary["open_opportunities"]


def ingested_with_typos(call: Call, folder: Path) -> Path:
    """A store whose quarantine holds two misspelt stages, cleaned."""
    lines = [f"o{n},Won,2024-01-05,2024-02-01,5" for n in range(40)]
    lines += ["bad1,Wonn,2024-01-05,2024-02-01,5", "bad2,Losst,2024-01-05,2024-02-01,0"]
    header = "opportunity_id,deal_stage,engage_date,close_date,close_value"
    (folder / "export.csv").write_text("\n".join([header, *lines]))
    root = folder / "store"
    assert call("run", "--path", folder / "export.csv", "--root", root, "--to", "clean").code == 0
    return root


def test_a_quarantined_row_is_corrected_and_readmitted_for_good(call: Call, tmp_path: Path) -> None:
    root = ingested_with_typos(call, tmp_path)
    before = call("quarantine", "list", "--root", root, "--json").json
    assert {r["key"] for r in before} == {"bad1", "bad2"}

    done = call(
        "quarantine",
        "readmit",
        "--root",
        root,
        "--row",
        "bad1",
        "--cell",
        "deal_stage=Won",
        "--json",
    ).json

    assert done["readmitted"] == 1
    # The correction is applied every time the same row comes, also when it is ingested again.
    again = call(
        "run", "--path", tmp_path / "export.csv", "--root", root, "--to", "clean", "--json"
    ).json
    assert (again["rows_in"], again["rows_clean"], again["rows_quarantined"]) == (42, 41, 1)


def test_suggested_fixes_are_applied_at_once(call: Call, tmp_path: Path) -> None:
    root = ingested_with_typos(call, tmp_path)

    done = call("quarantine", "readmit", "--suggested", "--root", root, "--json").json

    assert done == {
        "corrected_cells": 2,
        "quarantined_before": 2,
        "quarantined_after": 0,
        "readmitted": 2,
    }
    assert "Nothing is in quarantine" in call("quarantine", "list", "--root", root).out


@pytest.mark.parametrize(
    "arguments",
    [[], ["--row", "bad1"], ["--row", "bad1", "--cell", "x"], ["--row", "no", "--cell", "a=b"]],
)
def test_a_correction_that_says_too_little_is_refused(
    call: Call, tmp_path: Path, arguments: list[str]
) -> None:
    root = ingested_with_typos(call, tmp_path)

    assert call("quarantine", "readmit", "--root", root, *arguments).code == 2


def test_runs_are_listed_newest_first(call: Call, finished: Finished) -> None:
    root, _ = finished

    listed = call("runs", "--root", root, "--json").json

    assert [r["run_id"] for r in listed] == sorted((r["run_id"] for r in listed), reverse=True)
    assert call("runs", "--root", root).out.count("done") >= 1


def test_a_generated_export_has_its_truth_beside_it(call: Call, tmp_path: Path) -> None:
    done = call("sample", "--to", tmp_path / "e", "--opportunities", 500, "--truth", "--json")

    files = [Path(f) for f in done.json]
    assert all(f.exists() for f in files)
    assert any("truth" in f.parts for f in files)


def test_settings_are_shown_with_their_origin(call: Call) -> None:
    shown = call("config", "show", "--root", "elsewhere", "--json").json

    row = next(r for r in shown["settings"] if r["key"] == "storage.root")
    assert row == {"key": "storage.root", "value": "elsewhere", "from": "flag"}
    assert "storage.root" in call("config", "show").out
