"""What a tracker is, what can be logged, and which trackers there are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import polars as pl

from dealcast.errors import ModelError
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
# Reads the bytes of a name; None where there are none.
Get = Callable[[str], bytes | None]


class Tracker(Protocol):
    """Records what a run was made with and came to."""

    def log(self, items: Iterable[LogItem]) -> None:
        """Record the items; a name logged again replaces the former value."""
        ...


@dataclass(frozen=True)
class ModelVersion:
    """A registered model: its id, the object that holds it, and what it comes from.

    `source`: what export it was trained on, in words; a model of another one is no champion here.
    """

    model_id: str
    key: str
    run_id: str
    estimator: str
    trained_until: str
    source: str


@dataclass(frozen=True)
class Promotion:
    """Who became champion, in which run, and why."""

    model_id: str
    run_id: str
    reason: str


class Registry(Protocol):
    """Which models there are, which of them is the champion, and who was before."""

    def versions(self) -> tuple[ModelVersion, ...]:
        """Every registered model, oldest first."""
        ...

    def champion(self) -> ModelVersion | None:
        """The model that scores; None where none was ever promoted."""
        ...

    def promotions(self) -> tuple[Promotion, ...]:
        """Every change of champion, oldest first."""
        ...

    def register(self, version: ModelVersion) -> None:
        """Add a model; the same id again changes nothing."""
        ...

    def promote(self, promotion: Promotion) -> None:
        """Make a registered model the champion. Raises ModelError where it is not registered."""
        ...


# How the reason of a promotion begins that goes back to a former champion.
ROLLED_BACK = "rolled back from"
# kind -> class taking `put`; imported only when chosen.
TRACKERS: dict[str, str] = {"local": "dealcast.tracking.local:LocalTracker"}
# kind -> class taking `get` and `put` of the store's own objects.
REGISTRIES: dict[str, str] = {"local": "dealcast.tracking.local:LocalRegistry"}


def open_tracker(settings: TrackingSettings, put: Put) -> Tracker:
    """The tracker that the settings choose."""
    tracker: Tracker = _named(TRACKERS[settings.kind])(put)
    return tracker


def open_registry(settings: TrackingSettings, get: Get, put: Put) -> Registry:
    """The model registry that the settings choose."""
    registry: Registry = _named(REGISTRIES[settings.kind])(get, put)
    return registry


def rollback(registry: Registry, run_id: str) -> Promotion:
    """Make the former champion champion again; once more, the one before it.

    Raises ModelError where there is no former one.
    """
    *former, now = _champions(registry.promotions()) or [""]
    if not former:
        raise ModelError(
            "There is no former champion to go back to.",
            remedy="`dealcast models` lists what there is; `dealcast models promote MODEL` chooses",
        )
    back = Promotion(former[-1], run_id, f"{ROLLED_BACK} {now}")
    registry.promote(back)
    return back


def _champions(promotions: Iterable[Promotion]) -> list[str]:
    """The champions in order, without those that were rolled back and repetitions."""
    champions: list[str] = []
    for promotion in promotions:
        if promotion.reason.startswith(ROLLED_BACK):
            del champions[-1:]
        elif champions[-1:] != [promotion.model_id]:
            champions.append(promotion.model_id)
    return champions


def _named(path: str) -> Callable[..., Any]:
    module, name = path.split(":")
    named: Callable[..., Any] = getattr(import_module(module), name)
    return named
