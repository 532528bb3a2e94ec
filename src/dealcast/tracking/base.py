"""What a tracker is, what can be logged, and which trackers there are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import polars as pl

from dealcast.settings import TrackingSettings


@dataclass(frozen=True)
class Param:
    """A choice that the run was made with."""

    name: str
    value: str


@dataclass(frozen=True)
class Metric:
    """A figure that the run came to."""

    name: str
    value: float


@dataclass(frozen=True)
class Table:
    """A small table, such as the reliability table."""

    name: str
    frame: pl.DataFrame


LogItem = Param | Metric | Table

# Writes bytes under a name in the run's own folder.
Put = Callable[[str, bytes], None]


class Tracker(Protocol):
    """Records what a run was made with and came to."""

    def log(self, items: Iterable[LogItem]) -> None:
        """Record the items; a name logged again replaces the former value."""
        ...


# kind -> class taking `put`; imported only when chosen.
TRACKERS: dict[str, str] = {"local": "dealcast.tracking.local:LocalTracker"}


def open_tracker(settings: TrackingSettings, put: Put) -> Tracker:
    """The tracker that the settings choose."""
    module, name = TRACKERS[settings.kind].split(":")
    tracker: Tracker = getattr(import_module(module), name)(put)
    return tracker
