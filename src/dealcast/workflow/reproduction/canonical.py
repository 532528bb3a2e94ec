"""One form for what says the same: its hash is equal exactly where every cell is, bit by bit.

Of a table the order of its rows and how they lie in files do not matter, nor which run wrote them.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import polars as pl

# Ids of release 0.1.0 end in four digits, later ones in six.
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4,6}")
OF_RUN = "RUN"  # stands where the id of a run did


def canonical_table(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows in the order of what names them, then of their measures; without the run's id.

    >>> rows = pl.DataFrame({"share": [0.5, 0.25], "run_id": "r", "id": ["b", "a"]})
    >>> canonical_table(rows).rows()
    [(0.25, 'a'), (0.5, 'b')]
    """
    frame = frame.drop("run_id", strict=False)
    names = sorted(frame.columns, key=lambda name: frame.schema[name].is_float())
    return frame.sort(names, nulls_last=True) if names else frame


def table_hash(frame: pl.DataFrame) -> str:
    """The hash of a table: of the names and types of its columns in order, and of every cell."""
    hashed = hashlib.sha256()
    for column in canonical_table(frame):
        hashed.update(f"{column.name} {column.dtype} {len(column)}\n".encode())
        for part in _bytes(column):
            hashed.update(part)
    return hashed.hexdigest()


def canonical_document(content: Any) -> Any:
    """JSON-ready content without the ids of runs, which are never the same.

    >>> canonical_document({"key": "runs/20261130T122048Z-390a1c/drift.json"})
    {'key': 'runs/RUN/drift.json'}
    """
    return json.loads(RUN_ID.sub(OF_RUN, json.dumps(content, default=str)))


def document_hash(content: Any) -> str:
    """The hash of JSON-ready content; the order of the keys of an object does not matter."""
    text = json.dumps(canonical_document(content), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _bytes(column: pl.Series) -> Iterator[bytes]:
    """Which cells are blank, and what the others hold: numbers as the bytes of them."""
    yield column.is_null().to_numpy().tobytes()
    kind = column.dtype
    if kind.is_numeric() or kind.is_temporal() or kind == pl.Boolean:
        # What lies under a blank cell is anything.
        yield column.to_physical().fill_null(strategy="zero").to_numpy().tobytes()
    else:
        yield json.dumps(column.to_list(), default=str).encode()
