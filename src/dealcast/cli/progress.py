"""How a run goes, shown on standard error while it goes; scripts and pipes see only the log."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from dealcast.workflow.manifest import StepRecord
    from dealcast.workflow.steps import Step


# step -> the figure that says how many rows it went through.
ROWS_OF = {
    "ingest": "rows_in",
    "clean": "rows_in",
    "features": "snapshot_rows",
    "score": "open_opportunities",
}


def rate(record: "StepRecord") -> str:
    """Rows per second of a step; empty where it was skipped or does not know its rows."""
    rows = record.figures.get(ROWS_OF.get(record.name, ""))
    return "" if rows is None or record.skipped else f"{rows / max(record.seconds, 0.001):,.0f}"


class Display:
    """A line that names the step, how much of it is done, and how many steps are."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=1, note="")

    def started(self, step: "Step") -> None:
        """Show the step's name and purpose."""
        self._progress.update(
            self._task, description=step.name, completed=0, total=1, note=step.about
        )

    def progressed(self, note: str, share: float) -> None:
        """Show what is done of the step."""
        self._progress.update(self._task, completed=share, note=note)

    def finished(self, record: "StepRecord") -> None:
        """Show that the step is done, or needed no doing."""
        note = "unchanged, skipped" if record.skipped else f"{record.seconds:.1f} s"
        speed = rate(record)
        self._progress.update(
            self._task, completed=1, note=f"{note}, {speed} rows/s" if speed else note
        )


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[Display]:
    """The display, drawn only on a terminal and only where nobody asked for JSON."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description:<9}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    hidden = quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        yield Display(bar)
