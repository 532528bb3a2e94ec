"""docs/scale.md holds what was measured, and says how to measure what was not."""

import re
from pathlib import Path

import pytest

import scale
from plots import draw

STEPS = [
    {"opportunities": 100, "step": "clean", "seconds": 1.0},
    {"opportunities": 100, "step": "whole run", "seconds": 2.0, "gigabytes": 0.5},
    {"opportunities": 1_000, "step": "clean", "seconds": 10.0, "exponent": 1.0},
    {"opportunities": 1_000, "step": "whole run", "answer": "over 60 s"},
]
MACHINE = dict.fromkeys(("cores", "memory", "python", "polars", "duckdb", "numpy", "commit"), "1")


def measured(benchmark: str) -> dict[str, object] | None:
    """Only the runs were measured."""
    if benchmark != "runs":
        return None
    return {"command": "RUNS", "measured": "2026-11-30", "machine": MACHINE, "results": STEPS}


def emptied(page: str) -> str:
    """The page before anything was measured."""
    every = scale.BETWEEN.format(name=r"\w+")
    return re.sub(every, lambda m: m[1] + m[3], page, flags=re.DOTALL)


@pytest.fixture(autouse=True)
def only_runs_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scale.kept", measured)
    monkeypatch.setattr("plots.kept", measured)


def test_the_page_has_a_place_for_every_figure() -> None:
    page = scale.written(emptied(scale.PAGE.read_text(encoding="utf-8")))

    assert "| clean | 1.00 | 10.00 (^1.00) |" in page
    assert "| whole run | 2.00 | over 60 s |" in page
    assert "*Not measured yet:* `python benchmarks/scoring.py`." in page


def test_what_was_measured_elsewhere_stays() -> None:
    page = scale.PAGE.read_text(encoding="utf-8")
    elsewhere = page.replace("<!-- bench:scoring -->\n", "<!-- bench:scoring -->\nSCORED\n")

    assert "SCORED" in scale.written(elsewhere)


def test_writing_twice_changes_nothing() -> None:
    once = scale.written(scale.PAGE.read_text(encoding="utf-8"))

    assert scale.written(once) == once


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places for the figure 'peers'"):
        scale.written("# Scale\n")


def test_plots_are_drawn_of_what_was_measured(tmp_path: Path) -> None:
    [plot] = draw(tmp_path)

    assert plot.name == "scale_runs.svg"
    assert "opportunities" in plot.read_text(encoding="utf-8")
