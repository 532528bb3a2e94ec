"""How sure the figures are: their intervals, from drawing whole opportunities again and again.

An opportunity has many weekly snapshots, which are won or not together, so the rows are not
independent. What moves all opportunities on the same dates (a strong quarter) is in none of these
intervals.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dealcast.modeling import metrics
from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray, Ranking

MIDDLE_95 = (0.025, 0.975)
# Noise alone goes beyond it in 1 of 40 cases.
BY_NOISE = 0.975

Interval = tuple[float, float]


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
    for times in drawn(count, seed, resamples):
        figures.append(rows.figures(times))
        gaps.append(rows.gaps(times))
    plain = np.ones(count, dtype=np.int64)
    found = {
        name: percentiles(np.array([resample[name] for resample in figures]))
        for name, value in rows.figures(plain).items()
        if not np.isnan(value)
    }
    return found | {"ece": _ece_interval(rows.gaps(plain), np.array(gaps))}


def drawn(count: int, seed: int, resamples: int) -> Iterator[IntArray]:
    """How often each of so many opportunities is drawn, by resample."""
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, count, count), minlength=count)


def by_bin_and_opportunity(bins: IntArray, code: IntArray, values: FloatArray) -> FloatArray:
    """Sums by bin (row) and opportunity (column), by their codes."""
    shape = bins.max() + 1, code.max() + 1
    sums = np.bincount(bins * shape[1] + code, values, shape[0] * shape[1])
    return sums.astype(np.float64, copy=False).reshape(shape)


def percentiles(values: FloatArray) -> Interval:
    """The middle 95 % of the resamples, without those in which there was no figure (NaN)."""
    low, high = np.quantile(values[~np.isnan(values)], MIDDLE_95)
    return float(low), float(high)


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
        excess = by_bin_and_opportunity(metrics.reliability_bin(p), code, p - won)
        return cls(
            overall=overall,
            within_date=Ranking.of(won, p, date).by(code),
            fresh=overall if fresh.all() else Ranking.of(won[fresh], p[fresh]).by(code[fresh]),
            sums=np.stack([np.bincount(code, values, count) for values in each]),
            excess=excess,
        )

    def figures(self, times: IntArray) -> dict[str, float]:
        """Each figure but `ece` by its name in `evaluation.Figures`; NaN: cannot be computed."""
        # Not `@`: waking BLAS threads for a vector takes longer than adding it up.
        rows, *sums = np.einsum("ko,o->k", self.sums, times).tolist()
        rate, log_loss, brier = (each / rows for each in sums)
        return {
            "auc": _or_nan(self.overall.auc(times)),
            "auc_within_date": _or_nan(self.within_date.auc(times)),
            "auc_without_stale": _or_nan(self.fresh.auc(times)),
            "log_loss": log_loss,
            "log_loss_skill": _or_nan(metrics.skill(log_loss, metrics.entropy(rate))),
            "brier": brier,
            "brier_skill": _or_nan(metrics.skill(brier, rate * (1 - rate))),
        }

    def gaps(self, times: IntArray) -> FloatArray:
        """Predicted minus observed in each of the ten groups, times the group's share of rows."""
        gaps: FloatArray = np.einsum("ko,o->k", self.excess, times) / (self.sums[0] * times).sum()
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
    by_noise_alone = np.quantile(np.abs(drawn - gaps).sum(axis=1), BY_NOISE)
    return 0.0 if ece <= by_noise_alone else max(low - 2 * noise, 0.0), high - noise


def _or_nan(figure: float | None) -> float:
    return np.nan if figure is None else figure
