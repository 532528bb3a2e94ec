"""Recalibration: what out-of-time predictions that have matured say of the next ones.

Logistic recalibration (Cox 1958; Platt 1999) of the chance to have closed, and a shift of the
log-odds of being won when closing. Both act on the whole course of an opportunity, so that
probabilities still grow with the horizon and still add up to one.
"""

from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from dealcast.modeling.traits import FloatArray

# How far a model is expected to be off: standard deviations of log-odds, and of the slope.
SHIFT_SD, SLOPE_SD, WINNING_SD = 0.5, 0.2, 0.3
SMALLEST = 1e-12
NEWTON_STEPS = 25


@dataclass(frozen=True)
class Recalibration:
    """logit P(closed) becomes shift + slope x logit P(closed); log-odds of winning + winning."""

    shift: float = 0.0
    slope: float = 1.0
    winning: float = 0.0

    def closed(self, p: FloatArray) -> FloatArray:
        """The recalibrated chance to have closed."""
        if self.shift == 0.0 and self.slope == 1.0:
            return p
        inside = np.clip(p, SMALLEST, 1 - SMALLEST)
        odds = np.log(inside) - np.log1p(-inside)
        moved = 1 / (1 + np.exp(-(self.shift + self.slope * odds)))
        return np.where(p > 0, moved, 0.0)

    def before(self, p: FloatArray) -> FloatArray:
        """The chance to have closed of which `closed` makes these."""
        if self.shift == 0.0 and self.slope == 1.0:
            return p
        with np.errstate(divide="ignore", over="ignore"):
            odds = np.log(p) - np.log1p(-p)
            return np.asarray(1 / (1 + np.exp((self.shift - odds) / self.slope)))

    def to_dict(self) -> dict[str, float]:
        """JSON-ready."""
        return asdict(self)


UNCHANGED = Recalibration()


def recalibrate(predictions: pl.DataFrame) -> Recalibration:
    """Learn from predictions that were not recalibrated and whose horizon has passed.

    One row per opportunity, snapshot date and horizon: `p_won`, `p_lost` and `outcome` (won, lost,
    open). Rows weigh alike, all together as much as there are opportunities, as those of one are
    not independent.
    """
    if predictions.is_empty():
        return UNCHANGED
    # Weighting each opportunity alike would count the quick ones, which have few rows, for more
    # than their share of what is predicted.
    opportunities = predictions["opportunity_id"].n_unique()
    weight = np.full(predictions.height, opportunities / predictions.height)
    p_won, p_lost = (predictions[c].to_numpy() for c in ("p_won", "p_lost"))
    closed = np.asarray(predictions["outcome"] != "open")
    won = np.asarray(predictions["outcome"] == "won")
    p = np.clip(p_won + p_lost, 1e-6, 1 - 1e-6)
    shift, slope = _fitted_line(np.log(p) - np.log1p(-p), closed, weight)
    share = np.clip(p_won / np.maximum(p_won + p_lost, 1e-12), 1e-6, 1 - 1e-6)
    winning = _fitted_shift(share[closed], won[closed], weight[closed])
    return Recalibration(shift, slope, winning)


def _fitted_line(odds: FloatArray, closed: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Shift and slope of the posterior mode, by Newton steps."""
    at = np.array([0.0, 1.0])
    design = np.stack([np.ones_like(odds), odds])
    prior = np.array([0.0, 1.0])
    penalty = np.diag([SHIFT_SD**-2, SLOPE_SD**-2])
    for _ in range(NEWTON_STEPS):
        expected = 1 / (1 + np.exp(-(at[0] + at[1] * odds)))
        spread = weight * expected * (1 - expected)
        # Not `design @ x`: BLAS splits such a sum by the threads it has, and so rounds otherwise.
        gradient = np.einsum("kn,n->k", design, weight * (closed - expected))
        curvature = np.einsum("kn,ln->kl", design, design * spread) + penalty
        gradient -= penalty @ (at - prior)
        change = np.linalg.solve(curvature, gradient)
        at = at + np.clip(change, -0.5, 0.5)
        if np.abs(change).max() < 1e-8:  # noqa: PLR2004 - converged
            break
    return float(at[0]), float(max(at[1], 0.1))


def _fitted_shift(share: FloatArray, won: FloatArray, weight: FloatArray) -> float:
    odds = np.log(share) - np.log1p(-share)
    shift = 0.0
    for _ in range(NEWTON_STEPS):
        expected = 1 / (1 + np.exp(-(odds + shift)))
        gradient = (weight * (won - expected)).sum() - shift / WINNING_SD**2
        change = gradient / ((weight * expected * (1 - expected)).sum() + WINNING_SD**-2)
        shift += float(np.clip(change, -0.5, 0.5))
        if abs(change) < 1e-12:  # noqa: PLR2004 - converged
            break
    return shift
