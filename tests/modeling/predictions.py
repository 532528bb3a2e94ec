"""Predictions of invented opportunities, for tests of figures and of their noise."""

from typing import NamedTuple

import numpy as np

from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray
from dealcast.modeling.resampling import drawn, figure_intervals


class Rows(NamedTuple):
    """Predictions of opportunities, one row per opportunity and date on which it was open."""

    won: BoolArray
    p: FloatArray
    opportunity: IntArray
    date: IntArray
    stale: BoolArray

    def take(self, at: IntArray) -> "Rows":
        return Rows(*(column[at] for column in self))

    def intervals(self, seed: int = 0, resamples: int = 100) -> dict[str, tuple[float, float]]:
        won, p, opportunity, date, stale = self
        return figure_intervals(
            won, p, opportunity=opportunity, date=date, stale=stale, seed=seed, resamples=resamples
        )


def world(opportunities: int, seed: int, *, level: float = 0.0) -> Rows:
    """Opportunities that are open on 1 to 12 dates and are won on all of them or none.

    The prediction is right where `level` (log-odds) is 0.
    """
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-1, 1, opportunities)
    won = rng.random(opportunities) < 1 / (1 + np.exp(-log_odds))
    dates = rng.integers(1, 13, opportunities)
    code = np.repeat(np.arange(opportunities), dates)
    first = np.repeat(rng.integers(0, 8, opportunities), dates)
    nth = np.arange(len(code)) - np.repeat(np.cumsum(dates) - dates, dates)
    return Rows(won[code], 1 / (1 + np.exp(-log_odds[code] - level)), code, first + nth, nth > 9)


def resampled_weights(opportunity: IntArray, seed: int, resamples: int) -> list[IntArray]:
    """How often each row counts when as many opportunities are drawn with replacement."""
    codes, code = np.unique(opportunity, return_inverse=True)
    return [times[code] for times in drawn(len(codes), seed, resamples)]
