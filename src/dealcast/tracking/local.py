"""A run recorded as plain files in its folder: the default, and what to read without any tool."""

import json
from collections.abc import Iterable
from dataclasses import asdict

from dealcast.errors import ModelError, nearest
from dealcast.tracking.base import (
    Get,
    LogItem,
    Metric,
    ModelVersion,
    Param,
    Promotion,
    Put,
    Table,
)


class LocalTracker:
    """params.json, metrics.json and tables/NAME.csv."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._params: dict[str, str] = {}
        self._metrics: dict[str, float] = {}

    def log(self, items: Iterable[LogItem]) -> None:
        """Write the items into the run's folder."""
        for item in items:
            match item:
                case Param():
                    self._params[item.name] = item.value
                case Metric():
                    self._metrics[item.name] = item.value
                case Table():
                    self._put(f"tables/{item.name}.csv", item.frame.write_csv().encode())
        self._put("params.json", _json(self._params))
        self._put("metrics.json", _json(self._metrics))


class LocalRegistry:
    """models/registry.json: written whole, so that a killed run leaves the former one."""

    KEY = "models/registry.json"

    def __init__(self, get: Get, put: Put) -> None:
        self._get, self._put = get, put

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
        content = self._content()
        if all(v["model_id"] != version.model_id for v in content["versions"]):
            content["versions"].append(asdict(version))
            self._put(self.KEY, _json(content))

    def promote(self, promotion: Promotion) -> None:
        """Make a registered model the champion. Raises ModelError where it is not registered."""
        known = [v.model_id for v in self.versions()]
        if promotion.model_id not in known:
            near = nearest(promotion.model_id, known)
            raise ModelError(
                f"There is no registered model '{promotion.model_id}'.",
                remedy=f"did you mean '{near}'?" if near else "`dealcast models` lists them",
            )
        content = self._content()
        content["promotions"].append(asdict(promotion))
        self._put(self.KEY, _json(content))

    def _content(self) -> dict[str, list[dict[str, str]]]:
        content = self._get(self.KEY)
        if content is None:
            return {"versions": [], "promotions": []}
        try:
            read = json.loads(content)
            return {name: list(read[name]) for name in ("versions", "promotions")}
        except (ValueError, TypeError, KeyError):
            raise ModelError(
                f"The model registry {self.KEY} is not what was written there.",
                remedy="restore it from a copy, or delete it: the next `dealcast run` begins a new "
                "one, and models/ keeps every model",
            ) from None


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
