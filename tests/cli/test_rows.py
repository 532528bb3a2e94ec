"""Tables as JSON, a batch at a time, say what the tables say."""

import json
from datetime import date

import click
import polars as pl
import pytest

from dealcast.cli import rows

FRAME = pl.DataFrame(
    {"id": ["a", 'b "ü"', "c"], "p": [0.5, None, 1.0], "on": [date(2026, 1, 31), None, None]}
)
SAID = [
    {"id": "a", "p": 0.5, "on": "2026-01-31"},
    {"id": 'b "ü"', "p": None, "on": None},
    {"id": "c", "p": 1.0, "on": None},
]


@pytest.mark.parametrize("batch", [1, 2, 3, 10])
def test_an_object_holds_the_figures_then_every_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(rows, "BATCH", batch)

    rows.as_json({"figure": 1, "more": {"x": [2]}}, {"rows": FRAME, "none": FRAME.clear()})

    said = capsys.readouterr().out
    assert json.loads(said) == {"figure": 1, "more": {"x": [2]}, "rows": SAID, "none": []}
    assert '{"id": "b \\"ü\\"", "p": null, "on": null},\n' in said


def test_without_figures_or_rows_it_is_still_json(capsys: pytest.CaptureFixture[str]) -> None:
    rows.as_json({}, {"none": pl.DataFrame()})

    assert json.loads(capsys.readouterr().out) == {"none": []}


def test_an_array_is_of_rows_alone(capsys: pytest.CaptureFixture[str]) -> None:
    rows.as_json_array(FRAME)

    assert json.loads(capsys.readouterr().out) == SAID


def test_so_many_rows_are_held_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []
    monkeypatch.setattr(click, "echo", lambda text="", **_: pieces.append(text))
    monkeypatch.setattr(rows, "BATCH", 2)

    rows.as_json_array(FRAME)

    assert max(piece.count('"id"') for piece in pieces) == 2
