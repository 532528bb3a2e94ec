"""A table that fits the terminal: side by side where there is room, else row by row.

A column without a heading is a picture of the figures beside it, and goes first.
"""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table

BETWEEN = 2  # columns that Rich leaves between two of a table without a box
READABLE = 16  # a column of words is not made narrower, unless its longest word is


class FittingTable(Table):
    """As Rich's; where names or figures would be cut, a row becomes lines of heading and cell."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, or its rows one under another."""
        if _fits(self.columns, options):
            yield from super().__rich_console__(console, options)
            return
        self.columns = [c for c in self.columns if c.header]
        if _fits(self.columns, options):
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield console.render_str(str(self.title), style="bold")
        headings = [c.header for c in self.columns]
        for cells in zip(*(c.cells for c in self.columns), strict=True):
            record = Table.grid(padding=(0, BETWEEN, 0, 0))
            record.add_column(style="dim")
            record.add_column(overflow="fold")
            for heading, cell in zip(headings, cells, strict=True):
                if str(cell):
                    record.add_row(heading, cell)
            yield record
            yield ""


def _fits(columns: Sequence[Column], options: ConsoleOptions) -> bool:
    return sum(map(_needed, columns)) + BETWEEN * (len(columns) - 1) <= options.max_width


def _needed(column: Column) -> int:
    """The least columns of the terminal that it can be read in."""
    cells = [str(column.header), *map(str, column.cells)]
    if column.no_wrap:
        return max(map(cell_len, cells))
    return min(READABLE, max((cell_len(w) for c in cells for w in c.split()), default=0))
