"""Opportunities counted in cells of days, outcome and names: all that training needs to know.

Cells are counted where the rows are, by any engine; here come only the counts. A record of them
is the record of the opportunities themselves, but for who is who.
"""

from collections.abc import Sequence

import narwhals as nw
import numpy as np
import polars as pl

from dealcast.modeling.history import NEVER, Record
from dealcast.modeling.traits import Traits
from dealcast.snapshots import Frame, day_number

DAYS = ("engaged", "closed", "won")


def cell_counts(opportunities: Frame, names: Sequence[str]) -> Frame:
    """How many dated opportunities there are of each kind: one row per cell that is not empty.

    Cells are told apart by engage and close day (day numbers; `NEVER` where it has not closed),
    whether it was won, and these names of entities.
    """
    return (
        opportunities.filter(~nw.col("engage_date").is_null())
        .select(
            *names,
            engaged=day_number(nw.col("engage_date")),
            closed=day_number(nw.col("close_date")).fill_null(NEVER),
            won=(nw.col("deal_stage") == "Won").fill_null(value=False),
        )
        .group_by(*names, *DAYS)
        .agg(nw.len().cast(nw.Int64).alias("count"))
    )


def record_of(counts: pl.DataFrame) -> Record:
    """The record of as many opportunities of each kind as were counted.

    >>> counts = pl.DataFrame({"product": ["MG", None], "engaged": [17_000, 17_002],
    ...     "closed": [17_004, NEVER], "won": [True, False], "count": [2, 1]})
    >>> record = record_of(counts)
    >>> record.traits.engaged.tolist(), record.is_won.tolist()
    ([17002, 17000, 17000], [False, True, True])
    """
    names = [name for name in counts.columns if name not in (*DAYS, "count")]
    # Whatever engine has counted, and in which order.
    cells = counts.sort(*names, *DAYS)
    each = np.repeat(np.arange(cells.height), cells["count"].to_numpy())
    traits = Traits(
        cells["engaged"].to_numpy()[each], {n: cells[n].gather(pl.Series(each)) for n in names}
    )
    return Record(traits, cells["closed"].to_numpy()[each], cells["won"].to_numpy()[each])
