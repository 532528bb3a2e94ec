"""Why a score moved since last time: the clock, an edit in the CRM, the model."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from dealcast.contracts import ScoreChanges
from dealcast.modeling.reasons import log_odds_of
from dealcast.modeling.training import WinModel
from dealcast.modeling.traits import ENTITIES, FloatArray, traits_of
from dealcast.snapshots import day_number


@dataclass(frozen=True, eq=False)
class Issued:
    """A model as it scored, and the contract Scores that it issued on one date."""

    model: WinModel
    scores: pl.DataFrame

    @property
    def scored_on(self) -> date:
        """The date of scoring."""
        day: date = self.scores["scored_on"][0]
        return day


def score_changes(former: Issued, now: Issued) -> pl.DataFrame:
    """The contract ScoreChanges: one row per opportunity with a clock in both.

    For the longest horizon of the present model. The parts add up to the change: first the date
    moves on, then the opportunity becomes what the CRM says now (agent, product, account, engage
    date), then the present model takes over, with what it has learnt of others since.
    """
    if former.scores.is_empty() or now.scores.is_empty():
        return ScoreChanges.create_empty()
    horizon = now.model.horizons_days[-1]
    keys = ["engage_date", *ENTITIES]
    both = (
        now.scores.filter(pl.col("age_days").is_not_null())
        .select("opportunity_id", "scored_on", *keys)
        .join(
            former.scores.filter(pl.col("age_days").is_not_null()).select("opportunity_id", *keys),
            on="opportunity_id",
            suffix="_before",
        )
        .sort("opportunity_id")
    )
    before = both.select(pl.col(f"{k}_before").alias(k) for k in keys)

    def odds(model: WinModel, rows: pl.DataFrame, day: date) -> FloatArray:
        days = np.full(rows.height, day_number(day))
        won = model.fitted.incidence(traits_of(rows), days, [horizon]).won
        return log_odds_of(won[:, 0])

    turns = [
        odds(former.model, before, former.scored_on),
        odds(former.model, before, now.scored_on),
        odds(former.model, both, now.scored_on),
        odds(now.model, both, now.scored_on),
    ]
    return both.select(
        "opportunity_id",
        "scored_on",
        former_scored_on=pl.lit(former.scored_on),
        horizon_days=pl.lit(horizon, dtype=pl.Int32),
        log_odds_before=pl.Series(turns[0]),
        clock=pl.Series(turns[1] - turns[0]),
        crm_edit=pl.Series(turns[2] - turns[1]),
        model=pl.Series(turns[3] - turns[2]),
        log_odds=pl.Series(turns[3]),
    ).select(ScoreChanges.column_names())
