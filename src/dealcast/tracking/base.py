"""What a tracker is, what can be logged, and which trackers there are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Literal, Protocol

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
    """A figure that the run came to; of one fold of a test where `step` says which."""

    name: str
    value: float
    step: int | None = None


@dataclass(frozen=True)
class Table:
    """A small table, such as the reliability table."""

    name: str
    frame: pl.DataFrame


@dataclass(frozen=True)
class DataSet:
    """The rows that the run learnt from: a table of the store in one version.

    `digest`: of the raw export that it was made from. `schema`: type by column.
    """

    name: str
    table: str
    version: int
    digest: str
    rows: int
    schema: Mapping[str, str]


LogItem = Param | Metric | Table | DataSet
# How a run ended, or has not yet.
Status = Literal["running", "done", "failed", "interrupted"]


class Objects(Protocol):
    """Plain objects by key, and where they are: the store, as far as a tracker needs it."""

    root: str

    def get_object(self, key: str) -> bytes | None:
        """An object's bytes, or None where there is none."""
        ...

    def put_object(self, key: str, content: bytes, /) -> None:
        """Write an object whole, or not at all."""
        ...

    def update_json(self, key: str, change: Callable[[Any], Any], /) -> Any:
        """Put what `change` makes of a JSON object's content (None where there is none).

        Of several writers none undoes another's change; `change` may be called more than once.
        """
        ...

    def list_objects(self, prefix: str) -> list[str]:
        """Keys under a prefix, in order."""
        ...


class Tracker(Protocol):
    """Records what a run was made with and came to."""

    def start(self, started: datetime) -> None:
        """Say that the run begins. Raises ServiceError where it could never be recorded."""
        ...

    def log(self, items: Iterable[LogItem]) -> None:
        """Record the items; a name logged again replaces the former value."""
        ...

    def finish(self, status: Status, finished: datetime, error: str | None = None) -> None:
        """Say how the run ended; its manifest and log lie in the store by now, if anything does."""
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

    def refresh(self) -> None:
        """Take over what people have changed elsewhere; where that is away, nothing changes."""
        ...


# How the reason of a promotion begins that goes back to a former champion.
ROLLED_BACK = "rolled back from"
# kind -> class taking the settings, the store's objects and a run id; imported only when chosen.
TRACKERS: dict[str, str] = {
    "local": "dealcast.tracking.local:LocalTracker",
    "mlflow": "dealcast.tracking.mlflow.tracker:MlflowTracker",
}
# kind -> class taking the settings and the store's objects.
REGISTRIES: dict[str, str] = {
    "local": "dealcast.tracking.local:LocalRegistry",
    "mlflow": "dealcast.tracking.mlflow.registry:MlflowRegistry",
}


def open_tracker(settings: TrackingSettings, objects: Objects, run_id: str) -> Tracker:
    """The tracker that the settings choose."""
    tracker: Tracker = _named(TRACKERS[settings.kind])(settings, objects, run_id)
    return tracker


def open_registry(settings: TrackingSettings, objects: Objects) -> Registry:
    """The model registry that the settings choose."""
    registry: Registry = _named(REGISTRIES[settings.kind])(settings, objects)
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
