"""How sure the figures are: intervals, paired differences, and what a score reaches by luck.

An opportunity has many weekly snapshots, which are won or not together, so the rows are not
independent: everything here draws or sums whole opportunities. What moves all opportunities on
the same dates (a strong quarter) is in none of these intervals.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import erfc, sqrt
from typing import Literal

import numpy as np

from dealcast.modeling import metrics
from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray, Ranking

MIDDLE_95 = (0.025, 0.975)
LUCK = 0.975
# No age (days) reaches it, so that date and age fit in one number.
_AGES = 100_000
# Of a whole number that has a sign.
_BITS = 63

Interval = tuple[float, float]


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


@dataclass(frozen=True)
class NoiseFloor:
    """AUCs that a score which knows nothing exceeds in 1 of 40 cases. None: one outcome only."""

    auc: float | None
    auc_within_date: float | None


@dataclass(frozen=True)
class Stratified:
    """The AUC within strata, beside what a score which knows nothing reaches there by luck."""

    auc: float | None
    noise_floor: float | None

    @property
    def above_noise(self) -> bool:
        """Whether it tells opportunities of the same stratum apart."""
        return self.auc is not None and self.noise_floor is not None and self.auc > self.noise_floor


def figure_intervals(  # noqa: PLR0913 - what a figure needs of each row, and how often to draw
    won: BoolArray,
    p: FloatArray,
    *,
    opportunity: IntArray,
    date: IntArray,
    stale: BoolArray,
    seed: int,
    resamples: int = 200,
) -> dict[str, Interval]:
    """The 95 % interval of each figure by name; a figure that cannot be computed is left out.

    Percentiles over resamples of whole opportunities (cluster bootstrap; Efron and Tibshirani
    1993, section 13.3; Field and Welsh 2007); for `ece` see `_ece_interval`. Skills are against the
    share won in the resample.
    """
    _, code = np.unique(opportunity, return_inverse=True)
    rows = _Rows.of(won, p, date, ~stale, code)
    count = code.max() + 1
    figures, gaps = [], []
    for times in _drawn(count, seed, resamples):
        figures.append(rows.figures(times))
        gaps.append(rows.gaps(times))
    plain = np.ones(count)
    found = {
        name: percentiles(np.array([resample[name] for resample in figures]))
        for name, value in rows.figures(plain).items()
        if not np.isnan(value)
    }
    return found | {"ece": _ece_interval(rows.gaps(plain), np.array(gaps))}


def resampled_weights(opportunity: IntArray, seed: int, resamples: int) -> Iterator[FloatArray]:
    """How often each row counts when as many opportunities are drawn with replacement."""
    _, code = np.unique(opportunity, return_inverse=True)
    for times in _drawn(code.max() + 1, seed, resamples):
        yield times[code]


def _drawn(count: int, seed: int, resamples: int) -> Iterator[FloatArray]:
    """How often each of so many opportunities is drawn, by resample."""
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        times = np.bincount(rng.integers(0, count, count), minlength=count)
        yield times.astype(np.float64)


def percentiles(values: FloatArray) -> Interval:
    """The middle 95 % of the resamples, without those in which there was no figure (NaN)."""
    low, high = np.quantile(values[~np.isnan(values)], MIDDLE_95)
    return float(low), float(high)


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


def noise_floor(
    won: BoolArray, *, opportunity: IntArray, date: IntArray, seed: int, draws: int = 200
) -> NoiseFloor:
    """The AUCs that a score knowing nothing reaches by luck: the 97.5th percentile of draws.

    Each draw gives an opportunity one random number, kept over all its dates as a score would be.
    """
    return NoiseFloor(
        auc=_luck(won, opportunity, np.zeros(len(won), dtype=np.int64), seed, draws),
        auc_within_date=_luck(won, opportunity, date, seed, draws),
    )


def stratified_noise_floor(  # noqa: PLR0913 - as figure_intervals
    won: BoolArray,
    p: FloatArray,
    *,
    opportunity: IntArray,
    strata: IntArray,
    seed: int,
    draws: int = 200,
) -> Stratified:
    """Does `p` tell opportunities of the same stratum apart, beyond luck?

    With `timing_strata`, the question is whether it knows more than date and age.
    """
    return Stratified(
        auc=metrics.auc_within(won, p, strata),
        noise_floor=_luck(won, opportunity, strata, seed, draws),
    )


def timing_strata(date: IntArray, age_days: IntArray) -> IntArray:
    """One number per pair of date (day number) and age (days).

    Rows of the same number were engaged on the same day and are looked at on the same day:
    timing says the same of them.
    """
    return date * _AGES + age_days


@dataclass(frozen=True, eq=False)
class _Rows:
    """What the figures need of the rows, added up by opportunity: then each draw is quick.

    `sums`: rows, wins, log losses and squared errors (rows of the table) by opportunity (columns).
    `excess`: predicted less observed in each of the ten groups (rows of the table), the same.
    """

    overall: Ranking
    within_date: Ranking
    fresh: Ranking
    sums: FloatArray
    excess: FloatArray

    @classmethod
    def of(
        cls, won: BoolArray, p: FloatArray, date: IntArray, fresh: BoolArray, code: IntArray
    ) -> "_Rows":
        count, overall = code.max() + 1, Ranking.of(won, p).by(code)
        each = (
            np.ones(len(p)),
            won.astype(np.float64),
            metrics.log_losses(won, p),
            metrics.squared_errors(won, p),
        )
        bins = metrics.reliability_bin(p)
        excess = np.bincount(bins * count + code, p - won, (bins.max() + 1) * count)
        return cls(
            overall=overall,
            within_date=Ranking.of(won, p, date).by(code),
            fresh=overall if fresh.all() else Ranking.of(won[fresh], p[fresh]).by(code[fresh]),
            sums=np.stack([np.bincount(code, values, count) for values in each]),
            excess=excess.astype(np.float64, copy=False).reshape(-1, count),
        )

    def figures(self, times: FloatArray) -> dict[str, float]:
        """Each figure but `ece` by its name in `evaluation.Figures`; NaN: cannot be computed."""
        # Not `@`: waking BLAS threads for a vector takes longer than adding it up.
        rows, *sums = (self.sums * times).sum(axis=1).tolist()
        rate, log_loss, brier = (each / rows for each in sums)
        return {
            "auc": _or_nan(self.overall.auc(times)),
            "auc_within_date": _or_nan(self.within_date.auc(times)),
            "auc_without_stale": _or_nan(self.fresh.auc(times)),
            "log_loss": log_loss,
            "log_loss_skill": _or_nan(metrics.skill(log_loss, _entropy(rate))),
            "brier": brier,
            "brier_skill": _or_nan(metrics.skill(brier, rate * (1 - rate))),
        }

    def gaps(self, times: FloatArray) -> FloatArray:
        """Predicted minus observed in each of the ten groups, times the group's share of rows."""
        gaps: FloatArray = (self.excess * times).sum(axis=1) / (self.sums[0] * times).sum()
        return gaps


def _ece_interval(gaps: FloatArray, drawn: FloatArray) -> Interval:
    """The interval of the mean distance of predicted from observed: gaps, and theirs by resample.

    Every noise makes a mean of distances larger: once in the figure, twice in its resamples. It is
    taken off once at the upper end and twice at the lower, which is 0 where the noise alone (the
    resamples about the gaps found) reaches the figure in more than 1 of 40 cases.
    """
    ece, resampled = np.abs(gaps).sum(), np.abs(drawn).sum(axis=1)
    low, high = percentiles(resampled)
    noise = max(float(resampled.mean() - ece), 0.0)
    by_noise_alone = np.quantile(np.abs(drawn - gaps).sum(axis=1), LUCK)
    return 0.0 if ece <= by_noise_alone else max(low - 2 * noise, 0.0), high - noise


def _entropy(rate: float) -> float:
    """Log loss of saying the share won of every row (nats)."""
    sure = rate in (0.0, 1.0)
    return 0.0 if sure else float(-rate * np.log(rate) - (1 - rate) * np.log1p(-rate))


def _or_nan(figure: float | None) -> float:
    return np.nan if figure is None else figure


def _luck(
    won: BoolArray, opportunity: IntArray, group: IntArray, seed: int, draws: int
) -> float | None:
    """The 97.5th percentile of the AUC within groups of one random number per opportunity."""
    _, code = np.unique(opportunity, return_inverse=True)
    _, group = np.unique(group, return_inverse=True)
    count = code.max() + 1
    # Of a group with one outcome there is nothing to be told.
    has_both = np.ones(group.max() + 1, dtype=np.bool_)
    for which in (won, ~won):
        has_both &= np.bincount(group[which], minlength=len(has_both)) > 0
    kept = has_both[group]
    # An opportunity's rows of one group are tied: they are added up once, for all draws.
    cells, at = np.unique((group * count + code)[kept], return_inverse=True)
    wins = np.bincount(at[won[kept]], minlength=len(cells)).astype(np.float64)
    losses = np.bincount(at[~won[kept]], minlength=len(cells)).astype(np.float64)
    group, code = np.divmod(cells, count)
    groups = np.flatnonzero(np.diff(group, prepend=-1) != 0)
    rng = np.random.default_rng(seed)
    areas = []
    for _ in range(draws):
        order = _ordered(group, rng.permutation(count)[code])
        areas.append(metrics.auc_of_runs(wins[order], losses[order], groups))
    known = [area for area in areas if area is not None]
    return float(np.quantile(known, LUCK)) if known else None


def _ordered(group: IntArray, rank: IntArray) -> IntArray:
    """The positions in order of group and rank.

    All three in one number, as NumPy sorts numbers in a fraction of the time of positions.
    """
    place, ranks = (int(n).bit_length() for n in (len(group), rank.max(initial=0)))
    if int(group.max(initial=0)).bit_length() + ranks + place > _BITS:
        return np.lexsort((rank, group))
    together = (((group << ranks) | rank) << place) | np.arange(len(group))
    together.sort()
    return together & ((1 << place) - 1)
