"""Whether an object of a store names an id, whatever it is: every byte is read, decompressed."""

import io
import json
from typing import Any

import polars as pl
from polars import selectors as cs

from dealcast.cells import COLUMNS, words
from dealcast.workflow.erasure.words import Sought
from dealcast.workflow.store import Store
from dealcast.workflow.versions import LOG

# People, customers and products may be called as an opportunity is.
NAMES = {column for table in COLUMNS for column in words(table)}


def names(store: Store, key: str, sought: Sought) -> bool:
    """Whether an object names one of the ids: as a cell of a table, as a word of any other."""
    content = store.get_object(key) or b""
    if f"/{LOG}/" in key:
        return any(sought.is_keyed(entry) for entry in _entries(key, content))
    if key.endswith(".parquet"):
        return any(_is_cell(column, sought) for column in _texts(content))
    text = content.decode(errors="replace")
    if key.endswith(".json"):
        told = json.loads(text)
        return bool(sought.json_without(told) != told)
    return sought.is_in(text)


def log_names(store: Store, path: str, sought: Sought) -> bool:
    """Whether the log of a table names one, as the least or greatest text of files now gone."""
    return any(names(store, key, sought) for key in store.list_objects(f"{path}/{LOG}"))


def _entries(key: str, content: bytes) -> list[Any]:
    """What an object of a log tells."""
    if key.endswith(".parquet"):
        return pl.read_parquet(io.BytesIO(content)).to_dicts()
    return [json.loads(line) for line in content.splitlines() if line.startswith(b"{")]


def _texts(content: bytes) -> list[pl.Series]:
    frame = pl.read_parquet(io.BytesIO(content))
    texts = frame.select(cs.string() | cs.categorical() | cs.list(cs.string()))
    return texts.drop(NAMES, strict=False).get_columns()


def _is_cell(column: pl.Series, sought: Sought) -> bool:
    cells = column.explode() if column.dtype == pl.List else column
    return cells.cast(pl.String).is_in(list(sought.telling)).any()
