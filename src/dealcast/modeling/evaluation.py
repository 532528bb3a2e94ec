"""Is the model any good on later dates? Beside climatology and age alone, with intervals."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from dealcast.modeling import metrics
from dealcast.modeling.estimators import ESTIMATORS
from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray, ReliabilityBin
from dealcast.modeling.noise_floors import (
    NoiseFloor,
    Stratified,
    noise_floor,
    stratified_noise_floor,
    timing_strata,
)
from dealcast.modeling.resampling import Interval, figure_intervals
from dealcast.modeling.segments import by_age_band, by_segment, reliability_with_intervals
from dealcast.snapshots import day_number

# How often opportunities are drawn again for intervals, and scores at random for noise floors.
RESAMPLES, DRAWS = 200, 100


@dataclass(frozen=True)
class Figures:
    """How good one estimator's P(won within the horizon) is on dates later than its training.

    `auc_within_date`: mean over snapshot dates, weighted by wins. `auc_without_stale`: without
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


@dataclass(frozen=True)
class HorizonEvaluation:
    """One horizon: rows (count), share won, origins, the model's figures and those beside it.

    `intervals`: 95 %, by figure, from a bootstrap of whole opportunities. `noise_floor`: AUCs that
    knowing nothing reaches by luck. `beyond_timing`: the AUC among opportunities of one age on one
    date, with its noise floor. `baselines`: the other estimators. `by_age` and
    `by_date`: as in `segments.by_segment`.
    """

    horizon_days: int
    n: int
    opportunities: int
    rate: float
    origins: tuple[str, ...]
    figures: Figures
    intervals: Mapping[str, Interval]
    noise_floor: NoiseFloor
    beyond_timing: Stratified
    reliability: tuple[ReliabilityBin, ...]
    baselines: Mapping[str, Figures]
    by_age: tuple[Mapping[str, Any], ...]
    by_date: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, the model's figures at the top."""
        content = asdict(self)
        return {**{k: content.pop(k) for k in ("horizon_days", "n", "opportunities", "rate")},
                **content.pop("figures"), **content}  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """What the backtest came to, by horizon, for the chosen estimator and its baselines."""

    estimator: str
    horizons: tuple[HorizonEvaluation, ...]

    def headline(self) -> dict[str, Any]:
        """The model's figures at the shortest horizon."""
        first = self.horizons[0]
        return {"horizon_days": first.horizon_days, "n": first.n, "rate": first.rate,
                **asdict(first.figures)}  # fmt: skip

    def metrics(self) -> dict[str, float]:
        """The model's figures by name and horizon, as in `auc_30d`, for a tracker."""
        return {
            f"{name}_{h.horizon_days}d": value
            for h in self.horizons
            for name, value in asdict(h.figures).items()
            if value is not None
        }

    def reliability(self) -> pl.DataFrame:
        """One row per horizon and bin: n, mean predicted, observed with interval."""
        return pl.DataFrame(
            [
                {"horizon_days": h.horizon_days, "bin": i, **asdict(b)}
                for h in self.horizons
                for i, b in enumerate(h.reliability, start=1)
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "estimator": self.estimator,
            "horizons": [h.to_dict() for h in self.horizons],
        }


def evaluate(candidates: pl.DataFrame, *, estimator: str, seed: int) -> Evaluation:
    """Figures per horizon of an estimator and of the others, from BacktestCandidates."""
    parts = candidates.partition_by("horizon_days", as_dict=True)
    # Sorting and adding up, which is most of it, leaves the interpreter free.
    with ThreadPoolExecutor(len(parts)) as pool:
        horizons = pool.map(
            lambda key: _evaluate_horizon(parts[key], estimator, seed), sorted(parts)
        )
        return Evaluation(estimator, tuple(horizons))


def _evaluate_horizon(rows: pl.DataFrame, estimator: str, seed: int) -> HorizonEvaluation:
    others = by_estimator(rows)
    own = others.pop(estimator)
    won, p = won_and_p(own)
    opportunity, date = codes(own), day_numbers(own)
    clusters: dict[str, Any] = {"opportunity": opportunity, "seed": seed}
    age = own["age_days"].cast(pl.Int64).to_numpy()
    return HorizonEvaluation(
        horizon_days=own["horizon_days"][0],
        n=own.height,
        opportunities=int(own["opportunity_id"].n_unique()),
        rate=float(won.mean()),
        origins=tuple(str(d) for d in own["origin"].unique().sort()),
        figures=figures(own),
        intervals=figure_intervals(
            won, p, date=date, stale=own["is_stale"].to_numpy(), resamples=RESAMPLES, **clusters
        ),
        noise_floor=noise_floor(won, date=date, draws=DRAWS, **clusters),
        beyond_timing=stratified_noise_floor(
            won, p, strata=timing_strata(date, age), draws=DRAWS, **clusters
        ),
        reliability=reliability_with_intervals(won, p, resamples=RESAMPLES, **clusters),
        baselines={n: figures(others[n]) for n in ESTIMATORS if n in others},
        by_age=tuple(by_age_band(own).drop("horizon_days").to_dicts()),
        by_date=_by_date(own),
    )


def _by_date(own: pl.DataFrame) -> tuple[Mapping[str, Any], ...]:
    """Won and said on each snapshot date: the level of scores issued on one day."""
    dates = by_segment(own, "snapshot_date").drop("horizon_days")
    return tuple(dates.cast({"snapshot_date": pl.String}).to_dicts())


def figures(rows: pl.DataFrame) -> Figures:
    """The figures of one estimator's predictions at one horizon."""
    won, p = won_and_p(rows)
    rate, fresh = float(won.mean()), ~rows["is_stale"].to_numpy()
    log_loss, brier, auc = metrics.log_loss(won, p), metrics.brier(won, p), metrics.auc(won, p)
    return Figures(
        auc=auc,
        auc_within_date=metrics.auc_within(won, p, day_numbers(rows)),
        auc_without_stale=auc if fresh.all() else metrics.auc(won[fresh], p[fresh]),
        log_loss=log_loss,
        log_loss_skill=metrics.skill(log_loss, metrics.entropy(rate)),
        brier=brier,
        brier_skill=metrics.skill(brier, rate * (1 - rate)),
        ece=metrics.expected_calibration_error(metrics.reliability(won, p)),
    )


def by_origin(candidates: pl.DataFrame) -> pl.DataFrame:
    """One row per estimator, horizon and origin: `fold` (1: the earliest), n, and its figures."""
    keys = ("estimator", "horizon_days", "origin")
    parts = candidates.partition_by(*keys, as_dict=True)
    rows = [
        dict(zip(keys, key, strict=True)) | {"n": part.height} | asdict(figures(part))
        for key, part in parts.items()
    ]
    return (
        pl.DataFrame(rows, infer_schema_length=None)
        .with_columns(fold=pl.col("origin").rank("dense").cast(pl.Int64))
        .sort("horizon_days", "estimator", "fold")
    )


def by_estimator(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The predictions at one horizon by estimator: the same rows, all in one order.

    So the order of the candidates changes nothing. Parts are put in order by themselves: they
    mostly are, and then it is quickly done.
    """
    parts = rows.partition_by("estimator", as_dict=True).items()
    return {name: part.sort("snapshot_date", "opportunity_id") for (name,), part in parts}


def won_and_p(rows: pl.DataFrame) -> tuple[BoolArray, FloatArray]:
    """Whether each row was won within its horizon, and the chance it was given."""
    return np.asarray(rows["outcome"] == "won"), rows["p_won"].to_numpy()


def codes(rows: pl.DataFrame) -> IntArray:
    """A number for the opportunity of each row."""
    return rows["opportunity_id"].rank("dense").cast(pl.Int64).to_numpy()


def day_numbers(rows: pl.DataFrame) -> IntArray:
    """The snapshot date of each row as a day number."""
    return day_number(rows["snapshot_date"].to_numpy())
