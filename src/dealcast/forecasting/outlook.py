"""What the win model says at an origin, as arrays: all that the forecast needs to know of it."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outlook:
    """Chances (0-1) to be won on each day after `origin`, the last day that is known.

    `open`: one row per open opportunity that has been engaged, with opportunity_id, sales_agent,
    product, amount (if won; null: not known), amount_from and is_stale. `won`: its rows by days
    (column 0: the day after the origin). `fresh`: row i is an opportunity engaged on the i-th of
    these days, column j the day on which it is won.
    """

    origin: date
    open: pl.DataFrame
    won: FloatArray
    fresh: FloatArray

    @property
    def days(self) -> int:
        """How many days after the origin it reaches."""
        return int(self.won.shape[1])
