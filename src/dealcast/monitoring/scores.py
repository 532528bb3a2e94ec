"""Are the scores still of the size that they were, and do they still come true?"""

import numpy as np
import polars as pl

from dealcast.monitoring import statistics
from dealcast.monitoring.comparison import Comparison, not_applicable
from dealcast.monitoring.issued import long_scores, with_outcomes
from dealcast.monitoring.statistics import IntArray
from dealcast.monitoring.windows import WEEKS_OF_QUARTER, Windows
from dealcast.snapshots import day_number, week_of_quarter
from dealcast.sums import exact_mean

# Scoring dates of the same week of the quarter that tell how much such dates differ anyway.
FEWEST_DEGREES = 5
FEWEST_EXPECTED_WINS = 10.0
SMALLEST_VARIANCE = 1e-12
# A week of the quarter falls on other days each quarter, so chances differ a little anyway.
NO_SHIFT = 0.01


def compare_scores(
    scores: pl.DataFrame | None, opportunities: pl.DataFrame, within: Windows, *, min_rows: int
) -> list[Comparison]:
    """Per horizon: the mean first score, and matured wins against those expected."""
    if scores is None or scores.is_empty():
        why = "no scores were issued yet" if scores is not None else "no scores were given"
        return [
            not_applicable("score", "p_won", "share", why),
            not_applicable("calibration", "p_won", "ratio", why),
        ]
    rows = with_outcomes(long_scores(scores), opportunities, as_of=within.as_of)
    compared = []
    for (horizon,), part in sorted(rows.partition_by("horizon_days", as_dict=True).items()):
        what = f"p_won_{horizon}"
        compared += [
            _compare_first_scores(what, part, within),
            _compare_with_wins(what, part, within, min_rows=min_rows),
        ]
    return compared


def _compare_first_scores(what: str, rows: pl.DataFrame, within: Windows) -> Comparison:
    """The mean score of opportunities when they are scored for the first time.

    The unit is the scoring date: scores of one date share its calendar, so that thousands of them
    say little more than one does. Dates of the same week of the quarter are compared, and the
    error is how much they differ within the reference, or within the current window. Tested is
    whether the shift is larger than NO_SHIFT.
    """
    dates = _mean_first_scores(rows, within)
    current = dates["is_current"].to_numpy()
    seen = (int((~current).sum()), int(current.sum()))
    week = week_of_quarter(
        day_number(dates["scored_on"].to_numpy()),
        fiscal_year_start_month=within.fiscal_year_start_month,
    )
    shift = _shift_within(week, current, dates["score"].to_numpy())
    if shift is None:
        why = (
            f"{seen[0]} scoring dates before and {seen[1]} now are too few "
            "in the same weeks of the quarter"
        )
        return not_applicable("score", what, "share", why, rows=seen)
    effect, error, degrees = shift
    t = max(abs(effect) - NO_SHIFT, 0.0) / error
    return Comparison(
        "score",
        what,
        "share",
        *seen,
        test="Student's t over scoring dates",
        statistic=t,
        p_value=statistics.student_p(t, degrees),
        effect=effect,
        note=f"mean first score {effect:+.3f} against dates of the same weeks of the quarter",
    )


def _mean_first_scores(rows: pl.DataFrame, within: Windows) -> pl.DataFrame:
    """One row per scoring date in either window: the mean score of those engaged since the last.

    The first date has none before it, so it is left out: its opportunities are of any age.
    """
    on = rows.select(pl.col("scored_on").unique().sort())
    previous = on.with_columns(previous=pl.col("scored_on").shift(1))
    return (
        rows.join(previous, on="scored_on", how="left")
        .filter(
            pl.col("engage_date") > pl.col("previous"),
            pl.col("scored_on") >= pl.lit(within.reference_from, pl.Date),
        )
        .group_by("scored_on")
        .agg(score=exact_mean(pl.col("p_won")))
        .sort("scored_on")
        .with_columns(is_current=pl.col("scored_on") > within.trained_until)
    )


def _shift_within(
    week: IntArray, current: np.ndarray, score: np.ndarray
) -> tuple[float, float, int] | None:
    """Current less reference over shared weeks, its standard error and degrees of freedom."""
    cell = 2 * week + current
    n = np.bincount(cell, minlength=2 * WEEKS_OF_QUARTER)
    mean = np.bincount(cell, score, 2 * WEEKS_OF_QUARTER) / np.maximum(n, 1)
    degrees = int(n.sum() - (n > 0).sum())
    by_window = n.reshape(-1, 2)
    weight = by_window.prod(axis=1) / np.maximum(by_window.sum(axis=1), 1)
    if degrees < FEWEST_DEGREES or weight.sum() == 0:
        return None
    variance = max(float(((score - mean[cell]) ** 2).sum()) / degrees, SMALLEST_VARIANCE)
    gaps = np.diff(mean.reshape(-1, 2), axis=1)[:, 0]
    effect = float((weight * gaps).sum() / weight.sum())
    return effect, float(np.sqrt(variance / weight.sum())), degrees


def _compare_with_wins(
    what: str, rows: pl.DataFrame, within: Windows, *, min_rows: int
) -> Comparison:
    """Wins against those expected, of scores whose horizon passed in the current window.

    One score per opportunity, its first such: each outcome counts once. The variance is that of
    independent outcomes with the chances scored.
    """
    matures = pl.col("scored_on") + pl.duration(days=pl.col("horizon_days"))
    first = (
        rows.filter("is_mature", matures > within.trained_until)
        .sort("scored_on")
        .unique("opportunity_id", keep="first", maintain_order=True)
    )
    p, seen = first["p_won"].to_numpy(), (0, first.height)
    expected, variance = float(p.sum()), float((p * (1 - p)).sum())
    if first.height < min_rows or expected < FEWEST_EXPECTED_WINS or variance == 0:
        why = (
            f"only {first.height:,} scores matured in the current window, "
            f"with {expected:.1f} wins expected"
        )
        return not_applicable("calibration", what, "ratio", why, rows=seen)
    won = int((first["days_to_win"] <= first["horizon_days"]).fill_null(value=False).sum())
    z = (won - expected) / np.sqrt(variance)
    return Comparison(
        "calibration",
        what,
        "ratio",
        *seen,
        test="observed against expected",
        statistic=float(z),
        p_value=statistics.normal_p(float(z)),
        effect=won / expected,
        note=f"{won:,} won, {expected:,.0f} expected",
    )
