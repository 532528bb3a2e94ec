"""Champion and challenger: who predicts better on the same later opportunities?"""

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from dealcast.modeling.day_by_day import incidences_by_day
from dealcast.modeling.evaluation import codes, won_and_p
from dealcast.modeling.history import Record
from dealcast.modeling.paired import Paired, paired_difference
from dealcast.modeling.training import WinModel
from dealcast.modeling.traits import FloatArray

# Fewer later opportunities than this (count) are no evidence, whatever they say.
ENOUGH_OPPORTUNITIES = 100


@dataclass(frozen=True)
class Contest:
    """A comparison on snapshots that neither had seen the outcome of.

    `difference`: log loss of the challenger less that of the champion (nats per row); None where
    there are too few later opportunities.
    """

    champion: str
    challenger: str
    horizon_days: int
    rows: int
    opportunities: int
    difference: Paired | None

    @property
    def promoted(self) -> bool:
        """Only on evidence that the challenger is better."""
        return self.difference is not None and self.difference.high < 0

    @property
    def reason(self) -> str:
        """One sentence."""
        if self.difference is None:
            return (
                f"too few opportunities with a known outcome since the champion was trained: "
                f"{self.opportunities} (at least {ENOUGH_OPPORTUNITIES})"
            )
        told = (
            f"log loss {self.difference.mean:+.4f} (95 % interval {self.difference.low:+.4f} to "
            f"{self.difference.high:+.4f}) against the champion on {self.rows:,} later snapshots"
        )
        return told if self.promoted else f"no evidence that it is better: {told}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "promoted": self.promoted, "reason": self.reason}


def contest(
    champion: WinModel,
    challenger_id: str,
    predictions: pl.DataFrame,
    opportunities: pl.DataFrame,
) -> Contest:
    """Champion against challenger at the shortest horizon on snapshots after its training.

    `predictions`: the contract BacktestPredictions of the challenger's way of learning, each made
    with what was known before; the champion predicts the same rows, following the dates as it
    does in use.
    """
    horizon = int(predictions["horizon_days"].min() or 0)  # type: ignore[arg-type]
    later = (
        predictions.filter(
            pl.col("horizon_days") == horizon, pl.col("snapshot_date") > champion.trained_until
        )
        .join(opportunities.drop("deal_stage", "close_date", "close_value"), on="opportunity_id")
        .sort("snapshot_date", "opportunity_id")
    )
    count = later["opportunity_id"].n_unique()
    difference = None
    if count >= ENOUGH_OPPORTUNITIES:
        won, p_challenger = won_and_p(later)
        p_champion = _predicted(champion, later, opportunities, horizon)
        difference = paired_difference(won, p_challenger, p_champion, opportunity=codes(later))
    return Contest(champion.model_id, challenger_id, horizon, later.height, count, difference)


def _predicted(
    champion: WinModel, later: pl.DataFrame, opportunities: pl.DataFrame, horizon: int
) -> FloatArray:
    """The champion's chances of the rows."""
    fitted = champion.fitted
    learnt, by = {champion.model_id: fitted}, {champion.model_id: [fitted.recalibration]}
    record = Record.of(opportunities)
    ((_, (chances,)),) = incidences_by_day(learnt, record, later, [horizon], by)
    return chances.won[:, 0]
