"""Looks for words in every byte of a store, also in what is compressed or encoded there."""

import io
from collections.abc import Iterator
from html import unescape

import polars as pl

from dealcast.workflow.objects import ObjectStore


def named(store: ObjectStore, word: str) -> list[str]:
    """Keys of the objects that hold the word."""
    return [key for key in store.list_objects("") if any(word in t for t in texts(store, key))]


def texts(store: ObjectStore, key: str) -> Iterator[str]:
    content = store.get_object(key) or b""
    # Also of Parquet: dictionaries and statistics may lie there uncompressed.
    yield content.decode("latin-1")
    yield unescape(content.decode(errors="replace"))
    if content.startswith(b"PAR1"):
        frame = pl.read_parquet(io.BytesIO(content))
        yield "\n".join(str(row) for row in frame.iter_rows())
        yield str(pl.read_parquet_metadata(io.BytesIO(content)))
