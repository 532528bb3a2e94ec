"""Is the model any good on later dates? Beside climatology and age alone, in figures and words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from dealcast.modeling import metrics
from dealcast.modeling.estimators import DEFAULT
from dealcast.modeling.metrics import ReliabilityBin

# Log-loss skill under which the difference from the base rate is not worth a word.
WORTHWHILE_SKILL = 0.01


@dataclass(frozen=True)
class Figures:
    """How good one estimator's P(won within the horizon) is on dates later than its training.

    `auc_within_date`: mean over snapshot dates, weighted by rows. `auc_without_stale`: without
    those older than any that had closed by the origin, which are easy to tell. Skills (1 perfect,
    0 no better) are against the share won among the rows tested (the sample climatology of
    Murphy 1973): it is known in hindsight only, so it is harder to beat than the estimator
    climatology, which has to guess it from the past. `ece`: mean gap of predicted and observed
    over ten groups (share 0-1). None: cannot be computed, as all rows had the same outcome.
    """

    auc: float | None
    auc_within_date: float | None
    auc_without_stale: float | None
    log_loss: float
    log_loss_skill: float | None
    brier: float
    brier_skill: float | None
    ece: float
    reliability: tuple[ReliabilityBin, ...]

    def numbers(self) -> dict[str, float | None]:
        """Each figure by name, without the reliability table."""
        return {k: v for k, v in vars(self).items() if k != "reliability"}


@dataclass(frozen=True)
class HorizonEvaluation:
    """One horizon: rows (count), share won, the origins, and the figures of each estimator."""

    horizon_days: int
    n: int
    rate: float
    origins: tuple[str, ...]
    figures: Mapping[str, Figures]


@dataclass(frozen=True)
class Evaluation:
    """What the backtest came to, by horizon, for the chosen estimator and its baselines."""

    estimator: str
    horizons: tuple[HorizonEvaluation, ...]

    @property
    def summary(self) -> str:
        """One sentence: does it know more than the base rate?"""
        first, *others = self.horizons
        chosen = first.figures[self.estimator]
        facts = (
            f"won within {first.horizon_days} days, log-loss skill {_told(chosen.log_loss_skill)} "
            f"and AUC {_told(chosen.auc)} on {first.n:,} later snapshots"
        )
        for other in others:
            skill = other.figures[self.estimator].log_loss_skill
            facts += f"; within {other.horizon_days} days skill {_told(skill)}"
        skills = [h.figures[self.estimator].log_loss_skill or 0.0 for h in self.horizons]
        if max(skills) < WORTHWHILE_SKILL:
            return f"No better than climatology: use the base rate ({facts})."
        return f"Knows more than the base rate: {facts}."

    def headline(self) -> dict[str, Any]:
        """The chosen estimator's figures at the shortest horizon."""
        first = self.horizons[0]
        numbers = first.figures[self.estimator].numbers()
        return {"horizon_days": first.horizon_days, "n": first.n, "rate": first.rate, **numbers}

    def metrics(self) -> dict[str, float]:
        """The chosen estimator's figures by name and horizon, as in `auc_30d`, for a tracker."""
        return {
            f"{name}_{h.horizon_days}d": value
            for h in self.horizons
            for name, value in h.figures[self.estimator].numbers().items()
            if value is not None
        }

    def reliability(self) -> pl.DataFrame:
        """One row per horizon, estimator and bin: n, mean predicted, observed with interval."""
        return pl.DataFrame(
            [
                {"horizon_days": h.horizon_days, "estimator": name, "bin": i, **asdict(b)}
                for h in self.horizons
                for name, figures in h.figures.items()
                for i, b in enumerate(figures.reliability, start=1)
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the summary in words comes along."""
        return {"summary": self.summary, **asdict(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Evaluation":
        """The evaluation that `to_dict` wrote."""
        return cls(content["estimator"], tuple(_horizon(h) for h in content["horizons"]))


def evaluate(predictions: pl.DataFrame, *, estimator: str = DEFAULT) -> Evaluation:
    """Figures per horizon and estimator from the contract BacktestPredictions."""
    horizons = [
        _evaluate_horizon(rows) for _, rows in sorted(_split(predictions, "horizon_days").items())
    ]
    return Evaluation(estimator, tuple(horizons))


def _evaluate_horizon(rows: pl.DataFrame) -> HorizonEvaluation:
    by_estimator = _split(rows, "estimator")
    some = next(iter(by_estimator.values()))
    return HorizonEvaluation(
        horizon_days=some["horizon_days"][0],
        n=some.height,
        rate=float(_won(some).mean()),
        origins=tuple(str(d) for d in some["origin"].unique().sort()),
        figures={name: _figures(part) for name, part in by_estimator.items()},
    )


def _figures(rows: pl.DataFrame) -> Figures:
    won, p = _won(rows), rows["p_won"].to_numpy()
    climatology = np.full(len(won), won.mean())
    date = rows["snapshot_date"].to_physical().cast(pl.Int64).to_numpy()
    fresh = ~rows["is_stale"].to_numpy()
    log_loss, brier = metrics.log_loss(won, p), metrics.brier(won, p)
    bins = metrics.reliability(won, p)
    return Figures(
        auc=metrics.auc(won, p),
        auc_within_date=metrics.auc_within(won, p, date),
        auc_without_stale=metrics.auc(won[fresh], p[fresh]),
        log_loss=log_loss,
        log_loss_skill=metrics.skill(log_loss, metrics.log_loss(won, climatology)),
        brier=brier,
        brier_skill=metrics.skill(brier, metrics.brier(won, climatology)),
        ece=metrics.expected_calibration_error(bins),
        reliability=bins,
    )


def _won(rows: pl.DataFrame) -> metrics.BoolArray:
    return np.asarray(rows["outcome"] == "won")


def _told(figure: float | None) -> str:
    return "none" if figure is None else f"{figure:.3f}"


def _split(rows: pl.DataFrame, column: str) -> dict[Any, pl.DataFrame]:
    parts = rows.partition_by(column, maintain_order=True, as_dict=True)
    return {key: part for (key,), part in parts.items()}


def _horizon(content: Mapping[str, Any]) -> HorizonEvaluation:
    figures = {
        name: Figures(**{**f, "reliability": tuple(ReliabilityBin(**b) for b in f["reliability"])})
        for name, f in content["figures"].items()
    }
    return HorizonEvaluation(
        **{**content, "origins": tuple(content["origins"]), "figures": figures}
    )
