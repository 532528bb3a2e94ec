"""The order of very many different texts, such as ids: by their first bytes as one number."""

import numpy as np
import polars as pl

BYTES = 8
SLICE_ROWS = 1_000_000


def order_of(texts: pl.Series) -> pl.Series:
    """Positions of the texts in their order (that of `Series.arg_sort`); no nulls, no two alike.

    Sorting numbers is about ten times as fast as sorting texts. Where the first bytes that differ
    are alike all the same, the texts decide.

    >>> order_of(pl.Series(["id-30", "id-4", "id-3"])).to_list()
    [2, 0, 1]
    """
    numbers = _first_bytes(texts)
    order = numbers.arg_sort()
    ordered = numbers.gather(order)
    alike = ordered == ordered.shift(1)
    tied = (alike | alike.shift(-1)).fill_null(value=False).arg_true()
    if len(tied):
        rows = order.gather(tied)
        order = order.scatter(tied, rows.gather(texts.gather(rows).arg_sort()))
    return order


def ranks(order: pl.Series) -> pl.Series:
    """The position of each text in the order, Int32: 0 for the first."""
    ranked = np.empty(len(order), dtype=np.int32)
    ranked[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
    return pl.Series(ranked)


def _first_bytes(texts: pl.Series) -> pl.Series:
    """The first bytes after those that all texts share, as a number in the order of the texts."""
    shared = _shared_bytes(str(texts.min() or ""), str(texts.max() or ""))
    # Zeros stand for what a short text lacks: it comes before those that go on.
    bytes_ = (pl.col("text") + "\0" * BYTES).cast(pl.Binary).bin.slice(shared, BYTES)
    numbers = bytes_.bin.reinterpret(dtype=pl.UInt64, endianness="big")
    slices = (
        texts.slice(start, SLICE_ROWS).to_frame("text").select(numbers).to_series()
        for start in range(0, max(len(texts), 1), SLICE_ROWS)
    )
    return pl.concat(slices, rechunk=True)


def _shared_bytes(first: str, last: str) -> int:
    """With how many bytes alike the first and the last text begin, and so all between them."""
    pairs = list(zip(first.encode(), last.encode(), strict=False))
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
