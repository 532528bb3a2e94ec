"""What a part of the report is made of. Text only: the template makes it HTML, and escapes it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from markupsafe import Markup

from dealcast.surfaces.charts.svg import NARROW, WIDE
from dealcast.surfaces.tables.shape import Table


@dataclass(frozen=True)
class Lead:
    """What the part comes to, in a sentence or two."""

    kind: ClassVar[str] = "lead"
    text: str


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    kind: ClassVar[str] = "prose"
    text: str


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    kind: ClassVar[str] = "points"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """A chart drawn for a page and for a telephone, and what it shows."""

    wide: Markup
    narrow: Markup
    title: str
    caption: str


@dataclass(frozen=True)
class Charts:
    """Figures side by side, where there is room."""

    kind: ClassVar[str] = "charts"
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class More:
    """What most readers can do without: folded, but printed."""

    kind: ClassVar[str] = "more"
    title: str
    blocks: tuple[Any, ...]


@dataclass(frozen=True)
class Nothing:
    """Why there is nothing to show, and what to do about it."""

    kind: ClassVar[str] = "nothing"
    why: str
    remedy: str


Block = Lead | Prose | Points | Charts | Table | More | Nothing


def figure(
    draw: Callable[..., Markup], *data: Any, title: str, caption: str, width: int = WIDE, **how: Any
) -> Figure:
    """A chart in both widths."""
    return Figure(
        wide=draw(*data, width=width, **how),
        narrow=draw(*data, width=NARROW, **how),
        title=title,
        caption=caption,
    )


def folded(table: Table) -> More:
    """A table that most readers can do without; its title is that of the fold."""
    return More(table.title, (replace(table, title=""),))
