"""A run recorded as plain files in its folder: the default, and what to read without any tool."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dealcast.errors import ModelError, nearest, refuse_newer
from dealcast.settings import TrackingSettings
from dealcast.tracking.base import (
    DataSet,
    LogItem,
    Metric,
    ModelVersion,
    Objects,
    Param,
    Promotion,
    Status,
    Table,
)

PARAMS, METRICS, FOLDS, DATASETS = "params.json", "metrics.json", "folds.json", "datasets.json"


class LocalTracker:
    """params.json, metrics.json, folds.json, datasets.json and tables/NAME.csv.

    folds.json: by name, the figure of each step.
    """

    def __init__(self, settings: TrackingSettings, objects: Objects, run_id: str) -> None:
        self._settings, self._objects, self._run_id = settings, objects, run_id

    def start(self, started: datetime) -> None:
        """Nothing to say: the manifest does."""

    def log(self, items: Iterable[LogItem]) -> None:
        """Write the items into the run's folder."""
        files: dict[str, dict[str, Any]] = {}

        def content(name: str) -> dict[str, Any]:
            # What was logged before, perhaps by another process, stays.
            return files.setdefault(name, self._read(name))

        for item in items:
            match item:
                case Param():
                    content(PARAMS)[item.name] = item.value
                case Metric(step=None):
                    content(METRICS)[item.name] = item.value
                case Metric():
                    content(FOLDS).setdefault(item.name, {})[str(item.step)] = item.value
                case DataSet():
                    content(DATASETS)[item.name] = asdict(item)
                case Table():
                    self._put(f"tables/{item.name}.csv", item.frame.write_csv().encode())
        for name, values in files.items():
            self._put(name, _json(values))

    def finish(self, status: Status, finished: datetime, error: str | None = None) -> None:
        """Nothing to say: the manifest does."""

    def _read(self, name: str) -> dict[str, Any]:
        content = self._objects.get_object(f"runs/{self._run_id}/{name}")
        read: dict[str, Any] = json.loads(content) if content else {}
        return read

    def _put(self, name: str, content: bytes) -> None:
        self._objects.put_object(f"runs/{self._run_id}/{name}", content)


class LocalRegistry:
    """models/registry.json: written whole, and by several at once without loss."""

    KEY = "models/registry.json"
    SCHEMA = 1  # raised with every change of what is written there

    def __init__(self, settings: TrackingSettings, objects: Objects) -> None:
        self._settings, self._objects = settings, objects

    def versions(self) -> tuple[ModelVersion, ...]:
        """Every registered model, oldest first."""
        return tuple(ModelVersion(**v) for v in self._content()["versions"])

    def champion(self) -> ModelVersion | None:
        """The model that scores; None where none was ever promoted."""
        promotions = self.promotions()
        if not promotions:
            return None
        return next(v for v in self.versions() if v.model_id == promotions[-1].model_id)

    def promotions(self) -> tuple[Promotion, ...]:
        """Every change of champion, oldest first."""
        return tuple(Promotion(**p) for p in self._content()["promotions"])

    def register(self, version: ModelVersion) -> None:
        """Add a model; the same id again changes nothing."""
        if version.model_id in [v.model_id for v in self.versions()]:
            return

        def registered(content: Any) -> Any:
            content = {"schema_version": self.SCHEMA, **(content or _empty())}
            if version.model_id not in [v["model_id"] for v in content["versions"]]:
                content["versions"].append(asdict(version))
            return content

        self._objects.update_json(self.KEY, registered)

    def promote(self, promotion: Promotion) -> None:
        """Make a registered model the champion. Raises ModelError where it is not registered."""
        known = [v.model_id for v in self.versions()]
        if promotion.model_id not in known:
            near = nearest(promotion.model_id, known)
            raise ModelError(
                f"There is no registered model '{promotion.model_id}'.",
                remedy=f"did you mean '{near}'?" if near else "`dealcast models` lists them",
            )

        def promoted(content: Any) -> Any:
            content["promotions"].append(asdict(promotion))
            return content

        self._objects.update_json(self.KEY, promoted)

    def refresh(self) -> None:
        """Nothing can have been changed elsewhere."""

    def _content(self) -> dict[str, list[dict[str, str]]]:
        content = self._objects.get_object(self.KEY)
        if content is None:
            return _empty()
        try:
            read = json.loads(content)
            found = {name: list(read[name]) for name in ("versions", "promotions")}
            written_in = int(read.get("schema_version", self.SCHEMA))
        except (ValueError, TypeError, KeyError):
            raise ModelError(
                f"The model registry {self.KEY} is not what was written there.",
                remedy="restore it from a copy, or delete it: the next `dealcast run` begins a new "
                "one, and models/ keeps every model",
            ) from None
        refuse_newer(f"The model registry {self.KEY}", written_in, self.SCHEMA)
        return found


def _empty() -> dict[str, list[dict[str, str]]]:
    return {"versions": [], "promotions": []}


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
