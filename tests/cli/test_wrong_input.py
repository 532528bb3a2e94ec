"""Wrong input: one clear error, its exit code, and nothing written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value"


def lines(count: int, line: str) -> str:
    return "\n".join([HEADER, *(line.format(n=n) for n in range(count))]) + "\n"


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "header only": ((HEADER + "\n").encode(), "no rows"),
    "binary": (bytes(range(256)) * 64, "text"),
    "missing column": (
        lines(5, "o{n},a,p,c,Won,2024-01-01,2024-02-01,5")
        .replace("deal_stage", "dealstge")
        .encode(),
        "dealstge",
    ),
    "stages unknown": (
        lines(9, "o{n},a,p,c,Phase {n},2024-01-01,2024-02-01,5").encode(),
        "mapping",
    ),
    "ids duplicated": (lines(9, "same,a,p,c,Won,2024-01-0{n},2024-02-01,5").encode(), "same"),
    "ambiguous dates": (lines(9, "o{n},a,p,c,Won,01/02/2024,03/04/2024,5").encode(), "date"),
}


@pytest.mark.parametrize("kind", list(BAD_FILES))
def test_a_file_that_cannot_be_used_is_refused_and_nothing_is_written(
    call: Call, tmp_path: Path, kind: str
) -> None:
    content, says = BAD_FILES[kind]
    (tmp_path / "export.csv").write_bytes(content)

    refused = call("run", "--path", tmp_path / "export.csv", "--root", tmp_path / "store")

    assert refused.code == 3, refused.err
    assert says.lower() in refused.err.lower()
    assert "Try:" in refused.err
    assert "Traceback" not in refused.err
    assert not (tmp_path / "store").exists()


def test_a_missing_file_is_named(call: Call, tmp_path: Path) -> None:
    refused = call("run", "--path", "nowhere.csv", "--root", tmp_path / "store")

    assert refused.code == 3
    assert "nowhere.csv" in refused.err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "storge.root=x"], "storage.root"),
        (["--set", "model.seed"], "KEY=VALUE"),
        (["--set", "model.seed=x"], "integer"),
        (["--env", "prod"], "prod.yaml"),
        (["--from", "trian"], "train"),
        (["--from", "score", "--to", "clean"], "comes after"),
        (["--source", "ftp"], "files"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_would_be_right(
    call: Call, tmp_path: Path, arguments: list[str], says: str
) -> None:
    refused = call("run", "--root", tmp_path / "store", *arguments)

    assert refused.code == 2, refused.err
    assert says in refused.err
    assert not (tmp_path / "store").exists()


def test_an_unknown_command_offers_the_nearest(call: Call) -> None:
    refused = call("exprot")

    assert refused.code == 2
    assert "'export'" in refused.err


def test_a_score_under_the_threshold_stops_the_run_with_the_worst_checks(
    call: Call, tmp_path: Path
) -> None:
    arguments = ["--source", "sample", "--root", tmp_path / "store", "--set", "quality.min_score=1"]

    refused = call("run", *arguments)

    assert refused.code == 4
    assert "DQ" in refused.err
    shown = call("validate", "--root", tmp_path / "store", "--set", "quality.min_score=1", "--json")
    assert shown.code == 4
    assert shown.json["score"] < 1
    assert [r["status"] for r in call("runs", "--root", tmp_path / "store", "--json").json] == [
        "failed",
        "failed",
    ]


def test_too_little_to_learn_from_says_how_much_is_needed(call: Call, tmp_path: Path) -> None:
    content = lines(9, "o{n},a,p,c,Won,2024-01-01,2024-02-0{n},5").replace("02-00", "02-10")
    (tmp_path / "small.csv").write_text(content)

    refused = call("run", "--path", tmp_path / "small.csv", "--root", tmp_path / "store")

    assert refused.code == 6, refused.err
    assert "200" in refused.err
    # What could be made is there.
    assert call("export", "crm_features", "--root", tmp_path / "store", "--json").json["rows"] == 9


BAD_ROWS = {
    "an unknown stage": ",a,p,c,Perhaps,2024-01-05,,",
    "an unreadable date": ",a,p,c,Won,2024-01-05,someday,5",
    "an unreadable amount": ",a,p,c,Won,2024-01-05,2024-02-01,much",
    "a close before engaging": ",a,p,c,Won,2024-01-05,2023-12-01,5",
    "a won one without a date": ",a,p,c,Won,2024-01-05,,5",
}


def test_a_few_bad_rows_are_set_aside_with_their_reason(call: Call, tmp_path: Path) -> None:
    good = lines(60, "o{n},a,p,c,Won,2024-01-05,2024-02-01,5")
    bad = [f"bad{n}{rest}" for n, rest in enumerate(BAD_ROWS.values())]
    missing_id = ",a,p,c,Won,2024-01-05,2024-02-01,5"
    exact = ["o1,a,p,c,Won,2024-01-05,2024-02-01,5"]
    conflict = ["o2,a,p,c,Lost,2024-01-05,2024-02-01,0"]
    (tmp_path / "export.csv").write_text(good + "\n".join([*bad, missing_id, *exact, *conflict]))
    root = tmp_path / "store"

    done = call(
        "run", "--path", tmp_path / "export.csv", "--root", root, "--to", "clean", "--json"
    ).json

    # o2 stands twice and differs: both rows are set aside. o1 stands twice alike: one stays.
    assert done["rows_in"] == 68
    assert done["rows_quarantined"] == len(bad) + 1 + 1 + 2
    assert done["rows_clean"] == 59
    rows = call("quarantine", "list", "--root", root, "--json").json
    assert all(r["explanation"] and r["source_row"] > 1 for r in rows)
    assert len({r["reason"] for r in rows}) >= 7
