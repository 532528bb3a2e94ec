"""Tables at any width of the terminal: nothing is cut, nothing sticks out."""

import io

import pytest
from rich.console import Console

from dealcast.cli.render import table

COLUMNS = ("opportunity", "agent", ">days", ">expected", "what is to be done")
ROWS = [
    ("0QXN656L", "Ann Accountmanager", "29", "1,234,567", "open for 29 days, when many close"),
    ("88ECRQ4X", "Bob", "5", "12", "[bold]nothing[/]"),
    ("3GC7SYAH", "", "138", "-", "a/very/long/path/without/any/place/to/break/it/that/is/fine"),
]
# fmt: off
WORDS = {"0QXN656L", "88ECRQ4X", "3GC7SYAH", "1,234,567", "29", "138", "Accountmanager", "nothing",
         "close"}
# fmt: on


def shown(width: int) -> list[str]:
    out = Console(file=io.StringIO(), width=width, highlight=False)
    out.print(table("Open opportunities", COLUMNS, ROWS))
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [40, 60, 80, 110, 200])
def test_a_table_fits_and_every_name_and_figure_is_whole(width: int) -> None:
    lines = shown(width)

    assert all(len(line) <= width for line in lines)
    assert {w for line in lines for w in line.split()} >= WORDS
    assert not any("…" in line for line in lines)
    assert lines[0].strip() == "Open opportunities"


def test_with_room_a_row_is_a_line() -> None:
    heading = shown(200)[1]

    assert heading.split() == " ".join(COLUMNS).replace(">", "").split()
    assert len(shown(200)) == 2 + len(ROWS)


def test_a_picture_goes_before_figures_do() -> None:
    out = Console(file=io.StringIO(), width=30, highlight=False)
    out.print(table("Bookings", ("month from", ">USD", ""), [("2025-01-01", "90,000", "█" * 20)]))

    lines = [line.rstrip() for line in out.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert lines[1:] == ["month from     USD", "2025-01-01  90,000"]


def test_without_room_a_row_becomes_lines_of_heading_and_cell() -> None:
    lines = [line.rstrip() for line in shown(50)]

    at = lines.index("opportunity         88ECRQ4X")
    assert lines[at + 1 : at + 5] == [
        "agent               Bob",
        "days                5",
        "expected            12",
        "what is to be done  nothing",
    ]
