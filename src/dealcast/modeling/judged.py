"""Which opportunities a model is judged on: all of them, or of very many a sample of whole ones.

More would hardly make the figures sharper, but learning at every origin from millions takes hours.
The model that is issued learns from all of them all the same.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl


class Judged(NamedTuple):
    """The opportunities to judge on, and of how many (count) they are."""

    opportunities: pl.DataFrame
    out_of: int

    @property
    def text(self) -> str:
        """One sentence; empty where they are all there are."""
        if self.opportunities.height == self.out_of:
            return ""
        return (
            f"Judged on a random sample of {self.opportunities.height:,} of the "
            f"{self.out_of:,} opportunities (model.max_judged)."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"opportunities": self.opportunities.height, "out_of": self.out_of}


def judged(opportunities: pl.DataFrame, *, at_most: int, seed: int) -> Judged:
    """So many opportunities at most, drawn at random from their ids, whatever their order.

    >>> many = pl.DataFrame({"opportunity_id": ["A", "B", "C", "D"]})
    >>> judged(many, at_most=3, seed=0).text
    'Judged on a random sample of 3 of the 4 opportunities (model.max_judged).'
    """
    count = opportunities.height
    if count <= at_most:
        return Judged(opportunities, count)
    drawn = np.random.default_rng(seed).choice(count, at_most, replace=False, shuffle=False)
    at = opportunities["opportunity_id"].arg_sort().gather(drawn).sort()
    return Judged(opportunities.select(pl.all().gather(at)), count)
