"""Whether an object of a store names an id: every byte is read, Parquet and logs too."""

import io
import json
from typing import Any

import polars as pl
from polars import selectors as cs

from dealcast.workflow.erasure.words import Sought
from dealcast.workflow.store import Store


def names(store: Store, key: str, sought: Sought) -> bool:
    """Whether an object names one of the ids."""
    content = store.get_object(key) or b""
    if key.endswith(".parquet"):
        return _parquet_names(content, sought)
    text = content.decode(errors="replace")
    if sought.is_in(text):
        return True
    # Where letters are written as numbers, only what is parsed shows them.
    return key.endswith(".json") and "\\u" in text and _json_names(text, sought)


def _json_names(text: str, sought: Sought) -> bool:
    return any(sought.is_in(json.dumps(one, ensure_ascii=False)) for one in _documents(text))


def _documents(text: str) -> list[Any]:
    """A log has a document on each line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line]


def _parquet_names(content: bytes, sought: Sought) -> bool:
    if not sought.telling:
        return False
    frame = pl.read_parquet(io.BytesIO(content))
    texts = frame.select(cs.string() | cs.categorical() | cs.nested())
    for column in texts.get_columns():
        cells = _as_text(column)
        # A quick look first: it finds the ids within other words too.
        near = cells.filter(cells.str.contains_any(list(sought.telling)))
        if any(sought.is_in(cell) for cell in near):
            return True
    return False


def _as_text(column: pl.Series) -> pl.Series:
    if column.dtype.is_nested():
        return (
            column.to_frame("nested").select(pl.struct("nested").struct.json_encode()).to_series()
        )
    return column.cast(pl.String)
