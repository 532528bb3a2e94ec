"""How often opportunities are won, and how many come."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from dealcast.monitoring import statistics
from dealcast.monitoring.comparison import Comparison, not_applicable, too_few
from dealcast.monitoring.statistics import FloatArray, IntArray, Rates, compare_rates
from dealcast.monitoring.windows import PARTS_OF_QUARTER, Windows
from dealcast.snapshots import DayArray, day_number, quarter_start

WEEKDAYS = 7
# Fewer degrees of freedom say little about how much more than by chance weeks differ.
FEWEST_DEGREES = 5
# A rate is compared where the reference lets expect as many events; none may have come.
FEWEST_EVENTS = 10.0
SMALLEST_EXPECTED = 1e-9


class Noise(NamedTuple):
    """How much more than by chance counts vary, and the degrees of freedom that tell (or None)."""

    spread: float
    degrees: int | None

    def p(self, z: float) -> float:
        """Two-sided p of a standardised distance."""
        if self.degrees is None:
            return statistics.normal_p(z)
        return statistics.student_p(z, self.degrees)


POISSON = Noise(1.0, None)


def compare_win_rate(closed: pl.DataFrame, *, min_rows: int) -> Comparison:
    """Share won of what closed, within month and week of the quarter of the close."""
    counts = statistics.count_by_part(
        closed["part"].to_numpy(),
        closed["is_current"].to_numpy(),
        closed["won"].cast(pl.Int64).to_numpy(),
        2,
    )
    before, now = counts.sum(axis=(0, 2)).tolist()
    why = too_few((before, now), min_rows, "closes in the same parts of the quarter")
    if why is not None:
        return not_applicable("rate", "win_rate", "share", why, rows=(before, now))
    statistic, p = statistics.chi_square(counts)
    rates = statistics.standard_shares(counts)[:, 1]
    return Comparison(
        "rate",
        "win_rate",
        "share",
        before,
        now,
        test="Cochran-Mantel-Haenszel",
        statistic=statistic,
        p_value=p,
        effect=statistics.share_difference(counts),
        note=f"{rates[0]:.1%} before, {rates[1]:.1%} now, in the same parts of the quarter",
    )


def compare_arrivals(engaged: pl.DataFrame, within: Windows, *, min_rows: int) -> Comparison:
    """Opportunities engaged a day, within month and week of the quarter.

    A day counts as much as its weekday does in the reference. Weeks differ by more than chance in
    life: the variance is multiplied by how much they do in the reference (quasi-Poisson), where
    the same part of the quarter is in it more than once.
    """
    days = [within.days(current=False), within.days(current=True)]
    counts = [_per_day(engaged.filter(is_current=i == 1), d) for i, d in enumerate(days)]
    seen = (int(counts[0].sum()), int(counts[1].sum()))
    if seen[0] < min_rows:
        why = too_few(seen, min_rows, "arrivals")
        return not_applicable("rate", "arrivals", "ratio", why or "", rows=seen)
    weekday = np.bincount(days[0] % WEEKDAYS, counts[0], WEEKDAYS) + 1.0
    exposure = [weekday[d % WEEKDAYS] / weekday.mean() for d in days]
    parts = [within.part_of_quarter(d) for d in days]
    rates = compare_rates(
        _by_part(parts, counts).astype(np.int64),
        _by_part(parts, exposure),
    )
    quarter = quarter_start(days[0], fiscal_year_start_month=within.fiscal_year_start_month)
    noise = _overdispersion(counts[0], exposure[0], parts[0], quarter)
    return rate_comparison("arrivals", "stratified Poisson", rates, seen, noise)


def rate_comparison(
    what: str, test: str, rates: Rates, seen: tuple[int, int], noise: Noise = POISSON
) -> Comparison:
    """Events against what was to be expected; `seen` counts them by window."""
    if rates.expected < FEWEST_EVENTS or rates.ratio is None:
        why = f"only {rates.expected:.1f} were to be expected in the current window by now"
        return not_applicable("rate", what, "ratio", why, rows=seen)
    z = rates.z(noise.spread)
    as_before = rates.observed / rates.ratio if rates.ratio else None
    expected = f", {as_before:,.0f} at the rate before" if as_before else ""
    return Comparison(
        "rate",
        what,
        "ratio",
        *seen,
        test=test,
        statistic=z,
        p_value=noise.p(z),
        effect=rates.ratio,
        note=f"{rates.observed:,} in the current window{expected}, in like parts of the quarter",
    )


def _per_day(engaged: pl.DataFrame, days: DayArray) -> IntArray:
    at = day_number(engaged["engage_date"].to_numpy())
    if not len(days):
        return np.zeros(0, dtype=np.int64)
    return np.bincount(at - days[0], minlength=len(days)).astype(np.int64)


def _by_part(
    parts: Sequence[IntArray], amounts: Sequence[IntArray] | Sequence[FloatArray]
) -> FloatArray:
    """Part of the quarter x window: sums of daily amounts."""
    sums = [np.bincount(p, a, PARTS_OF_QUARTER) for p, a in zip(parts, amounts, strict=True)]
    return np.stack(sums, axis=1)


def _overdispersion(
    counts: IntArray, exposure: FloatArray, part: IntArray, quarter: DayArray
) -> Noise:
    """Pearson's chi-square of the same part in several quarters by its degrees of freedom.

    POISSON where it is no larger than chance, or there are too few quarters to tell.
    """
    cells, first, at = np.unique(
        quarter * PARTS_OF_QUARTER + part, return_index=True, return_inverse=True
    )
    of_part = part[first]
    events, exposed = np.bincount(at, counts), np.bincount(at, exposure)
    rate = np.bincount(of_part, events)[of_part] / np.bincount(of_part, exposed)[of_part]
    expected = np.maximum(rate * exposed, SMALLEST_EXPECTED)
    degrees = len(cells) - len(np.unique(of_part))
    if degrees < FEWEST_DEGREES:
        return POISSON
    spread = float(((events - expected) ** 2 / expected).sum() / degrees)
    return Noise(spread, degrees) if spread > 1 else POISSON
