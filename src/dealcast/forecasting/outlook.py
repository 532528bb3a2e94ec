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
    (column 0: the day after the origin), or a row for all that are alike, of which `kind` has the
    place for each row of `open`. `fresh`: row i is an opportunity engaged on the i-th of
    these days, column j the day on which it is won.
    """

    origin: date
    open: pl.DataFrame
    won: FloatArray
    fresh: FloatArray
    kind: npt.NDArray[np.int64] | None = None

    def added_up(self, of_each: FloatArray) -> FloatArray:
        """What a win of each row of `open` counts for, times its chance: the sum by day."""
        if self.kind is not None:
            of_each = np.bincount(self.kind, of_each, minlength=len(self.won)).astype(np.float64)
        # Not `@`: BLAS splits such a sum by the threads it has, and so rounds otherwise.
        by_day: FloatArray = np.einsum("k,kd->d", of_each, self.won)
        return by_day

    @property
    def days(self) -> int:
        """How many days after the origin it reaches."""
        return int(self.won.shape[1])
