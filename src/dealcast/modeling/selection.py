"""Which estimator becomes the win model: the plainest of those that predict best out of time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from dealcast.modeling.estimators import ESTIMATORS, estimator_named
from dealcast.modeling.evaluation import by_estimator, codes, won_and_p
from dealcast.modeling.metrics import log_loss
from dealcast.modeling.paired import Paired, paired_difference

# Climatology cannot tell opportunities apart, so it is a reference and never the model.
ELIGIBLE = tuple(name for name in ESTIMATORS if name != "climatology")


@dataclass(frozen=True)
class Choice:
    """The chosen estimator, and by how much each lost to the best one (log loss, nats per row).

    `behind_best` is empty where a single opportunity was tested.
    """

    estimator: str
    best: str
    horizon_days: int
    behind_best: Mapping[str, Paired]
    is_asked_for: bool = False

    @property
    def reason(self) -> str:
        """One sentence."""
        if self.is_asked_for:
            return f"'{self.estimator}' is asked for; '{self.best}' has the lowest log loss"
        if self.estimator == self.best:
            return f"'{self.estimator}' has the lowest log loss out of time"
        behind = self.behind_best.get(self.estimator)
        if behind is None:
            return f"'{self.estimator}' is the plainest; one opportunity does not tell any apart"
        return (
            f"'{self.estimator}' is the plainest within noise of the best, '{self.best}' "
            f"(log loss behind by {behind.mean:.4f}, 95 % interval {behind.low:.4f} to "
            f"{behind.high:.4f})"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "reason": self.reason}


def choose(candidates: pl.DataFrame, *, wanted: str = "auto") -> Choice:
    """The plainest estimator whose log loss at the shortest horizon is within noise of the best.

    `candidates`: the contract BacktestCandidates. Rows of one opportunity count as one cluster.
    `wanted`: an estimator to choose whatever the others do, or auto.
    """
    horizon: int = candidates.select(pl.col("horizon_days").min()).item()
    parts = by_estimator(candidates.filter(pl.col("horizon_days") == horizon))
    p = {n: parts[n]["p_won"].to_numpy() for n in ELIGIBLE if n in parts}
    first = next(iter(parts.values()))
    won, opportunity = won_and_p(first)[0], codes(first)
    losses = {n: log_loss(won, values) for n, values in p.items()}
    best = min(losses, key=lambda name: losses[name])
    paired = {n: paired_difference(won, v, p[best], opportunity=opportunity) for n, v in p.items()}
    behind = {n: difference for n, difference in paired.items() if difference is not None}
    plainest = next(n for n in p if n == best or n not in behind or behind[n].low <= 0)
    chosen = plainest if wanted == "auto" else estimator_named(wanted).name
    return Choice(chosen, best, horizon, behind, is_asked_for=wanted != "auto")
