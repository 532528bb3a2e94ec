"""Layers: snapshots of opportunities older than any that ever closed lie in files of their own.

Most snapshots of a long history are of such a dead pipeline. Files of its layer are made anew only
where one of them changed after all, so that a day's closes cost what the live ones do.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from dealcast.contracts import EARLIEST
from dealcast.snapshots import open_counts
from dealcast.workflow.parts import Part

SETTLED, LIVE = "settled", "live"
LAYERS = (SETTLED, LIVE)
# Of fewer snapshots a layer would save less than its files cost.
LAYERED_ROWS = 500_000
# A boundary stays until so many times the longest cycle has passed since; then it moves up.
LONGEST_CYCLES = 2


def boundary(
    opportunities: pl.LazyFrame, dates: Sequence[date], *, as_of: date, former: date = EARLIEST
) -> date:
    """The day that parts the layers: who was engaged before it is settled.

    The former one as long as it serves, since another means to write all snapshots again. EARLIEST,
    before which nobody is engaged, where the snapshots are few.

    >>> one = pl.LazyFrame({"engage_date": [date(2017, 3, 1)], "close_date": [date(2017, 3, 13)]})
    >>> boundary(one, [date(2017, 3, 6)], as_of=date(2017, 12, 31)) == EARLIEST
    True
    """
    longest = _longest_cycle(opportunities, as_of)
    if former > EARLIEST and as_of - former <= LONGEST_CYCLES * longest:
        return former
    if sum(open_counts(opportunities, dates)) < LAYERED_ROWS:
        return EARLIEST
    return max(EARLIEST, as_of - longest)


def of_layer(opportunities: pl.LazyFrame, layer: str, boundary: date) -> pl.LazyFrame:
    """The opportunities whose snapshots are in the layer; those never engaged have none."""
    is_settled = pl.col("engage_date") < boundary
    return opportunities.filter(is_settled if layer == SETTLED else ~is_settled)


def layer_of(file: Part) -> str:
    """The layer that a file is of: its name begins with it."""
    return file.name.split("-")[0]


def _longest_cycle(opportunities: pl.LazyFrame, as_of: date) -> timedelta:
    """The greatest age at which any closed that is known to have closed."""
    closed = opportunities.filter(pl.col("close_date") <= as_of)
    cycle = pl.col("close_date") - pl.col("engage_date")
    longest: timedelta | None = closed.select(cycle.max()).collect().item()
    return longest or timedelta(0)
