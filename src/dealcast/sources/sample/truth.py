"""The truth about the sample: what a perfect model would say, for every snapshot of it."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from dealcast.settings import SampleSource
from dealcast.sources.sample.rates import OLDEST_CLOSE_DAYS
from dealcast.sources.sample.recording import opportunity_ids
from dealcast.sources.sample.world import Outcomes, World

_MONDAY = 0


def truth_dates(settings: SampleSource) -> list[date]:
    """Every Monday since observation began, and the last day of the export.

    Before, an open opportunity is in the export only because it did not close soon after: there
    the odds given age do not hold for what the export shows.
    """
    last = settings.start + timedelta(days=settings.days - 1)
    first = min(settings.start + timedelta(days=settings.truncate_left_days), last)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if day.weekday() == _MONDAY or day == last]


def truth_table(
    world: World, outcomes: Outcomes, dates: Sequence[date], horizons: Sequence[int]
) -> pl.DataFrame:
    """One row per opportunity, date on which it is open, and horizon (days).

    `p_won` and `p_lost`: chances within the horizon, given open at that age; `p_won_ever`: chance
    of ever being won, as it stood when it engaged.

    >>> world = World(SampleSource(opportunities=100))
    >>> truth = truth_table(world, world.outcomes(0), truth_dates(world.settings), (30, 60))
    >>> truth.columns[:4]
    ['opportunity_id', 'snapshot_date', 'age_days', 'horizon_days']
    """
    engaged = outcomes.take(~outcomes.prospecting)
    at_engage = np.zeros(len(engaged), dtype=np.int64)
    known = pl.DataFrame(
        {
            "opportunity_id": opportunity_ids(engaged, world.settings),
            "p_won_ever": world.truth(engaged, at_engage, OLDEST_CLOSE_DAYS)[0],
        }
    )
    return pl.concat(
        [
            _on_one_date(world, engaged, known, snapshot, horizon)
            for snapshot in dates
            for horizon in horizons
        ]
    )


def _on_one_date(
    world: World, engaged: Outcomes, known: pl.DataFrame, snapshot: date, horizon: int
) -> pl.DataFrame:
    today = (snapshot - world.settings.start).days
    rows = np.flatnonzero((engaged.engaged <= today) & (engaged.closed > today))
    open_now = engaged.take(rows)
    age = today - open_now.engaged
    p_won, p_lost = world.truth(open_now, age, horizon)
    return known[rows].select(
        "opportunity_id",
        pl.lit(snapshot).alias("snapshot_date"),
        pl.Series("age_days", age, dtype=pl.Int32),
        pl.lit(horizon, dtype=pl.Int32).alias("horizon_days"),
        pl.Series("p_won", p_won),
        pl.Series("p_lost", p_lost),
        "p_won_ever",
    )
