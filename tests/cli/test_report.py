"""dealcast report, and the path that a run ends with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
ROWS = (
    "opportunity_id,deal_stage,engage_date,close_date,close_value\nA1,Won,2024-01-02,2024-02-01,9\n"
)


@pytest.fixture
def root(call: Call, tmp_path: Path) -> Path:
    """A store with one run, as far as cleaning."""
    (tmp_path / "opportunities.csv").write_text(ROWS, encoding="utf-8")
    root = tmp_path / "store"
    done = call("run", "--path", tmp_path / "opportunities.csv", "--to", "clean", "--root", root)
    assert done.code == 0, done.err
    (drawn,) = root.glob("runs/*/report.html")
    assert done.out.splitlines()[-1].split() == ["Report", str(drawn)]
    return root


def test_the_newest_run_is_drawn_again_where_it_was(call: Call, root: Path) -> None:
    (drawn,) = root.glob("runs/*/report.html")
    before = drawn.read_bytes()
    drawn.unlink()

    done = call("report", "--root", root)

    assert (done.code, done.out.strip()) == (0, str(drawn))
    assert drawn.read_bytes() == before


def test_a_run_is_drawn_to_a_file_and_told_as_json(call: Call, root: Path, tmp_path: Path) -> None:
    run_id = next(root.glob("runs/*/report.html")).parent.name
    file = tmp_path / "page.html"

    told = call("report", run_id, "--output", file, "--root", root, "--json").json

    size = len(file.read_bytes())
    assert told == {"run_id": run_id, "report": str(file), "bytes": size}


def test_a_run_tells_its_report_as_json_too(call: Call, root: Path) -> None:
    told = call("run", "--from", "clean", "--to", "clean", "--root", root, "--json").json

    assert Path(told["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_an_unknown_run_is_refused(call: Call, root: Path) -> None:
    done = call("report", "19990101T000000Z-0000", "--root", root)

    assert done.code == 5
    assert "There is no run '19990101T000000Z-0000'" in done.err
    assert "dealcast runs" in done.err


def test_a_file_that_cannot_be_written_is_refused(call: Call, root: Path, tmp_path: Path) -> None:
    done = call("report", "--output", tmp_path / "no" / "page.html", "--root", root)

    assert done.code == 5
    assert "could not be written" in done.err
    assert "--output" in done.err


def test_no_browser_opens_a_page_on_s3(call: Call) -> None:
    done = call("report", "--open", "--root", "s3://bucket/prefix")

    assert done.code == 2
    assert "--output report.html" in done.err
