"""A run recorded as plain files in its folder: the default, and what to read without any tool."""

import json
from collections.abc import Iterable

from dealcast.tracking.base import LogItem, Metric, Param, Put, Table


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


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
