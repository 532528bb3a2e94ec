"""Where is the model good, and where is it off? The figures by part of the pipeline.

Predictions are those of one estimator: rows with `opportunity_id`, `horizon_days`, `age_days`,
`is_stale`, `p_won` and `outcome` (won, lost or open at the end of the horizon).
"""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from dealcast.modeling import metrics
from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray, ReliabilityBin
from dealcast.modeling.paired import sum_error
from dealcast.modeling.resampling import Interval, by_bin_and_opportunity, drawn, percentiles

# Greatest age (days) of each band; what is older and not stale is in the next.
BAND_ENDS = (7, 14, 30, 60, 90)
AGE_BANDS = ("0-7", "8-14", "15-30", "31-60", "61-90", "91-older", "stale")
# Expected count above which no event at all is unlikely (.025) for a Poisson count: Garwood 1936.
NONE_SEEN = 3.689

COUNTS = ("n", "opportunities")
FIGURES = ("rate", "predicted", "ratio", "ratio_low", "ratio_high", "auc", "log_loss_skill", "ece")


def by_age_band(predictions: pl.DataFrame) -> pl.DataFrame:
    """One row per horizon and `age_band` (days since engaging, youngest first; stale last).

    Columns as in `by_segment`. Stale: older than any opportunity that had closed by the origin.
    """
    band = pl.lit(pl.Series(BAND_ENDS)).search_sorted(pl.col("age_days"), side="left")
    banded = predictions.with_columns(
        age_band=pl.when("is_stale").then(len(AGE_BANDS) - 1).otherwise(band)
    )
    names = dict(enumerate(AGE_BANDS))
    return by_segment(banded, "age_band").with_columns(
        pl.col("age_band").replace_strict(names, return_dtype=pl.String)
    )


def by_segment(predictions: pl.DataFrame, column: str) -> pl.DataFrame:
    """One row per horizon and value of the column, sorted; null is a value of its own.

    `n`: rows. `opportunities`: how many. `rate`: share won within the horizon. `predicted`: mean
    probability. `ratio`: wins over wins expected (1: right level), `ratio_low` to `ratio_high` its
    95 % interval, null where none was expected. `auc`: null where all had one outcome.
    `log_loss_skill`: against the part's own share won. `ece`: mean gap over ten groups (0-1).
    Of 20 parts whose level is right, about one has an interval that does not hold 1.
    """
    parts = predictions.partition_by("horizon_days", column, as_dict=True)
    schema = {name: predictions.schema[name] for name in ("horizon_days", column)}
    rows = [dict(zip(schema, key, strict=True)) | _figures(part) for key, part in parts.items()]
    schema |= dict.fromkeys(COUNTS, pl.Int64()) | dict.fromkeys(FIGURES, pl.Float64())
    return pl.DataFrame(rows, schema=schema).sort("horizon_days", column, nulls_last=True)


def observed_over_expected(
    won: BoolArray, p: FloatArray, *, opportunity: IntArray
) -> tuple[float, Interval | None] | None:
    """Wins over wins expected, and the 95 % interval; None where none was expected.

    The interval is normal for the logarithm, with a standard error clustered by opportunity.
    Where nothing was won it ends where no win would be a surprise, were each opportunity won on
    all its rows or none. It is None for a single opportunity that was won.
    """
    expected = float(p.sum())
    if expected == 0:
        return None
    ratio = float(won.sum()) / expected
    if ratio == 0:
        rows_each = len(p) / len(np.unique(opportunity))
        return ratio, (0.0, NONE_SEEN * rows_each / expected)
    error = sum_error(won - ratio * p, opportunity)
    if error is None:
        return ratio, None
    factor = float(np.exp(metrics.NORMAL_95 * error / expected / ratio))
    return ratio, (ratio / factor, ratio * factor)


def reliability_with_intervals(
    won: BoolArray, p: FloatArray, *, opportunity: IntArray, seed: int, resamples: int = 200
) -> tuple[ReliabilityBin, ...]:
    """The groups of `metrics.reliability`, with the interval of a bootstrap of opportunities.

    Where a group has one outcome every resample has, so its interval is Wilson's for as many rows
    as it has opportunities.
    """
    bins = metrics.reliability(won, p)
    _, at = np.unique(metrics.reliability_bin(p), return_inverse=True)
    _, code = np.unique(opportunity, return_inverse=True)
    both = [by_bin_and_opportunity(at, code, n) for n in (np.ones(len(p)), won.astype(np.float64))]
    shares = []
    for times in drawn(code.max() + 1, seed, resamples):
        rows, wins = (np.einsum("bo,o->b", each, times) for each in both)
        shares.append(np.divide(wins, rows, out=np.full(len(bins), np.nan), where=rows > 0))
    return tuple(
        _with_interval(b, np.array(shares)[:, i], opportunity[at == i]) for i, b in enumerate(bins)
    )


def _with_interval(b: ReliabilityBin, shares: FloatArray, opportunity: IntArray) -> ReliabilityBin:
    if b.observed in (0.0, 1.0):
        low, high = metrics.wilson(b.observed, len(np.unique(opportunity)))
    else:
        low, high = percentiles(shares)
    return replace(b, low=low, high=high)


def _figures(part: pl.DataFrame) -> dict[str, Any]:
    won, p = (part["outcome"] == "won").to_numpy(), part["p_won"].to_numpy()
    opportunity = part["opportunity_id"].rank("dense").cast(pl.Int64).to_numpy()
    rate = float(won.mean())
    ratio, interval = observed_over_expected(won, p, opportunity=opportunity) or (None, None)
    low, high = interval or (None, None)
    return {
        "n": part.height,
        "opportunities": int(opportunity.max()),
        "rate": rate,
        "predicted": float(p.mean()),
        "ratio": ratio,
        "ratio_low": low,
        "ratio_high": high,
        "auc": metrics.auc(won, p),
        "log_loss_skill": metrics.skill(metrics.log_loss(won, p), metrics.entropy(rate)),
        "ece": metrics.expected_calibration_error(metrics.reliability(won, p)),
    }
