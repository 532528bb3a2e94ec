"""Do two estimators differ beyond chance on the same rows? And the error of any such sum."""

from dataclasses import dataclass
from math import erfc, sqrt
from typing import Literal

import numpy as np

from dealcast.modeling import metrics
from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Paired:
    """Mean difference of two estimators' losses on the same rows; below 0 the first is better.

    `low` to `high` is the 95 % interval, `p_value` that of no difference (two-sided).
    """

    mean: float
    low: float
    high: float
    se: float
    p_value: float


def paired_difference(
    won: BoolArray,
    p_a: FloatArray,
    p_b: FloatArray,
    *,
    opportunity: IntArray,
    loss: Literal["log_loss", "brier"] = "log_loss",
) -> Paired | None:
    """Mean loss of `p_a` minus that of `p_b`; None where there are fewer than two opportunities.

    Normal interval with the cluster-robust standard error (Liang and Zeger 1986): nothing is drawn.
    """
    losses = metrics.LOSSES[loss]
    difference = losses(won, p_a) - losses(won, p_b)
    mean = float(difference.mean())
    error = sum_error(difference - mean, opportunity)
    if error is None:
        return None
    se = error / len(difference)
    half = metrics.NORMAL_95 * se
    p_value = erfc(abs(mean) / se / sqrt(2)) if se > 0 else float(mean == 0)
    return Paired(mean, mean - half, mean + half, se, p_value)


def sum_error(residual: FloatArray, opportunity: IntArray) -> float | None:
    """Standard error of a sum over rows whose residuals go together within an opportunity.

    With the factor G / (G - 1) for G opportunities; None where there are fewer than two.
    """
    _, code = np.unique(opportunity, return_inverse=True)
    sums = np.bincount(code, weights=residual)
    if len(sums) < 2:  # noqa: PLR2004 - one opportunity says nothing about how they differ
        return None
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()))
