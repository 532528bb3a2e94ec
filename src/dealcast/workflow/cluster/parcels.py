"""What a task sends home, as JSON and Parquet: nothing that would run when it is read."""

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import polars as pl

from dealcast import errors
from dealcast.errors import DealcastError, MissingExtraError
from dealcast.tracking.base import DataSet, LogItem, Metric, Param, Table
from dealcast.workflow.workspace import Made

MADE, OBJECT, LOGGED, FAILED, TABLE = "made", "object", "logged", "failed", "table"
LOGGED_TABLE = "logged table"
PARCELS = pl.Schema({"kind": pl.String, "name": pl.String, "content": pl.Binary})
ITEMS: dict[str, type[Param | Metric | DataSet]] = {
    kind.__name__: kind for kind in (Param, Metric, DataSet)
}

# Its kind, a name within the kind, and what it holds.
Parcel = tuple[str, str, bytes]


def of_made(made: Made) -> Parcel:
    """The objects and figures of a step; its tables go in parcels of their own."""
    return MADE, "", _json({"objects": made.objects, "figures": made.figures})


def of_table(name: str, frame: pl.DataFrame, kind: str = TABLE) -> Parcel:
    """A table, as Parquet."""
    content = io.BytesIO()
    frame.write_parquet(content)
    return kind, name, content.getvalue()


def of_error(error: DealcastError, remedy: str) -> Parcel:
    """An error that a step raised, with the remedy as it is to be told."""
    return FAILED, type(error).__name__, _json({**vars(error), "remedy": remedy})


def of_logged(items: Iterable[LogItem]) -> Iterator[Parcel]:
    """What a tracker was told, item by item."""
    for item in items:
        if isinstance(item, Table):
            yield of_table(item.name, item.frame, LOGGED_TABLE)
        else:
            yield LOGGED, type(item).__name__, _json(asdict(item))


def made_of(content: bytes) -> Made:
    """The objects and figures that `of_made` sent."""
    return Made(**json.loads(content))


def table_of(content: bytes) -> pl.DataFrame:
    """The table that `of_table` sent."""
    return pl.read_parquet(io.BytesIO(content))


def error_of(name: str, content: bytes) -> DealcastError:
    """The error that `of_error` sent."""
    told = json.loads(content)
    if name == MissingExtraError.__name__:
        return MissingExtraError(told["need"], extra=told["extra"])
    kind: type[DealcastError] = getattr(errors, name)
    return kind(told["problem"], remedy=told["remedy"])


def logged_of(parcels: Iterable[Parcel]) -> list[LogItem]:
    """The items that `of_logged` sent, among all parcels."""
    found: list[LogItem] = []
    for kind, name, content in parcels:
        if kind == LOGGED:
            found.append(ITEMS[name](**json.loads(content)))
        elif kind == LOGGED_TABLE:
            found.append(Table(name, table_of(content)))
    return found


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()
