"""When opportunities close, as the model that scored has learnt it."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from dealcast.errors import ModelError
from dealcast.modeling.hazard import WEEKS
from dealcast.modeling.training import WinModel
from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import Block, Charts, Lead, Nothing, figure
from dealcast.surfaces.report.kept import Kept

DAYS_IN_A_WEEK, FORTNIGHT = 7, 14


def closing(kept: Kept) -> Iterator[Block]:
    """The part, of the model that the step `score` kept."""
    try:
        table = WinModel.from_dict(kept.object("score", "scored_with")).fitted.table
    except ModelError as error:
        yield Nothing(error.problem, error.remedy)
        return
    weekly = 1 - (1 - table.closing) ** DAYS_IN_A_WEEK
    oldest = int(table.ages[-1])
    cells = []
    for first in range(1, max(oldest, 2), FORTNIGHT):
        last = min(first + FORTNIGHT - 1, oldest)
        bands = np.searchsorted(table.ages, np.arange(first, last + 1), side="right") - 1
        chances = weekly[np.maximum(bands, 0)].mean(axis=0)
        cells += [
            {"ages": f"{first}-{last}", "week": week + 1, "chance": float(chances[week])}
            for week in range(WEEKS)
        ]
    won = ", ".join(f"{part:.0%}" for part in table.won)
    yield Lead(
        f"Of what closes in the first, second and third month of a quarter, {won} is won. Nothing "
        f"older than {oldest - 1} days has ever closed."
    )
    yield Charts(
        (
            figure(
                charts.closing_chances,
                pl.DataFrame(cells),
                title="Chance to close within a week, in per cent",
                caption="Of those that do close one day; by days since engaging and week of the "
                "fiscal quarter, as the model has learnt it.",
            ),
        )
    )
