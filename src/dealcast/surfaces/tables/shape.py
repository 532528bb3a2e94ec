"""What a table is, before the terminal or a page draws it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

# A record of what a run kept, by column.
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """What stands in a table, and by what it is sorted; a bar behind it for a share (0-1)."""

    text: str
    by: float | str | None = None
    share: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows in columns; one whose name begins with '>' holds numbers. `rest`: what is not shown.

    `is_stacked`: on a telephone each row becomes a card of its own.
    """

    kind: ClassVar[str] = "table"
    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell | str]]
    rest: str = ""
    is_stacked: bool = False


def number(value: float | None, told: Callable[[float | None], str]) -> Cell:
    """A number as people read it, sorted by its value."""
    return Cell(told(value), by=value)
