"""Intervals from the errors that were known when a forecast was made (split conformal).

Vovk, Gammerman and Shafer 2005; finite-sample rank: Lei et al. 2018. Errors are taken as shares
of what was still to come, and grow with the square root of what is left of a period, as the
errors of independent wins do.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from math import ceil, inf, sqrt
from typing import Any, NamedTuple

import numpy as np

Row = Mapping[str, Any]


class Interval(NamedTuple):
    """Currency; both null where `note` says why there is none yet."""

    low: float | None
    high: float | None
    note: str | None


def interval(row: Row, past: Sequence[Row], level: float) -> Interval:
    """The interval of one forecast from past ones like it, with what came (`actual`).

    Those whose period had ended when it was issued count. It reaches no lower than what is booked.
    """
    errors = sorted(_error(p) for p in past if p["period_end"] <= row["issued_on"])
    rank = ceil((len(errors) + 1) * level)
    if rank > len(errors):
        needed = ceil(level / (1 - level) - 1e-9)
        note = f"no interval yet: {needed} past errors are needed, {len(errors)} known"
        return Interval(None, None, note)
    width = errors[rank - 1] * _to_come(row) / sqrt(_share_left(row))
    if not np.isfinite(width):
        return Interval(None, None, "no interval: something came where nothing was expected")
    return Interval(max(row["forecast"] - width, row["booked"]), row["forecast"] + width, None)


def _error(row: Row) -> float:
    """Absolute error as a share of what was to come, as of a whole period."""
    missed = abs(row["actual"] - row["forecast"])
    if missed == 0:
        return 0.0
    expected = _to_come(row)
    return inf if expected == 0 else missed / expected * sqrt(_share_left(row))


def _to_come(row: Row) -> float:
    return float(row["pipeline"] + row["new_business"])


def _share_left(row: Row) -> float:
    """Share (0-1] of the days of the period that were still to come."""
    end: date = row["period_end"]
    days = (end - row["period_start"]).days + 1
    return float(min((end - row["issued_on"]).days, days) / days)
