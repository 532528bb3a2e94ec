"""Every origin in turn: learn from what was known before it, predict on the dates after it."""

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from dealcast.contracts import BacktestPredictions
from dealcast.modeling.estimators import ESTIMATORS, Fitted
from dealcast.modeling.history import known_by
from dealcast.modeling.splits import Fold, rolling_origins
from dealcast.settings import ModelSettings
from dealcast.snapshots import EPOCH

# Opportunities whose snapshots are predicted, spread evenly over their ids. More would not make
# the figures much sharper, but the table of predictions larger than a laptop's memory.
OPPORTUNITIES_TESTED = 100_000

Progress = Callable[[str, float], None]


def backtest(  # noqa: PLR0913 - four keywords, each from another part of the run
    opportunities: pl.DataFrame,
    snapshots: pl.DataFrame,
    settings: ModelSettings,
    *,
    as_of: date,
    fiscal_year_start_month: int,
    progress: Progress = lambda _note, _share: None,
) -> pl.DataFrame:
    """The contract BacktestPredictions: each snapshot by each estimator at each horizon.

    Only snapshots whose horizon ended by `as_of` are there, so every outcome is known. `progress`
    is told what is being done and the share (0-1) that is. Raises ModelError where the history is
    too short.
    """
    rows = _with_age(snapshots, opportunities)
    folds = rolling_origins(
        rows["snapshot_date"].unique().sort().to_list(),
        history_from=EPOCH + timedelta(days=known_by(opportunities, as_of).first_close),
        first_after_days=settings.first_origin_after_days,
        horizons_days=settings.horizons_days,
        as_of=as_of,
    )
    parts = []
    for done, fold in enumerate(folds):
        progress(f"origin {fold.origin}", done / len(folds))
        history = known_by(opportunities, fold.known_until)
        stale = pl.col("age_days") > history.person_days.oldest_closed_age
        tested = rows.with_columns(pl.lit(fold.origin).alias("origin"), is_stale=stale)
        for name, estimator in ESTIMATORS.items():
            fitted = estimator.fit(history, settings, fiscal_year_start_month)
            parts += _predicted(fold, tested, name, fitted)
    return pl.concat(parts)


def _with_age(snapshots: pl.DataFrame, opportunities: pl.DataFrame) -> pl.DataFrame:
    ids = opportunities.select(pl.col("opportunity_id").sort())
    every = -(-max(ids.height, 1) // OPPORTUNITIES_TESTED)
    tested = opportunities.select("opportunity_id", "engage_date").join(
        ids.gather_every(every), on="opportunity_id", how="semi"
    )
    age = (pl.col("snapshot_date") - pl.col("engage_date")).dt.total_days().cast(pl.Int32)
    return snapshots.join(tested, on="opportunity_id").with_columns(age_days=age)


def _predicted(fold: Fold, rows: pl.DataFrame, name: str, fitted: Fitted) -> list[pl.DataFrame]:
    """One frame per horizon that has dates to test on."""
    dates = {h: tests for h, tests in fold.test_dates.items() if tests}
    shown = rows.filter(pl.col("snapshot_date").is_in(max(dates.values(), key=len)))
    incidence = fitted.incidence(
        shown["age_days"].cast(pl.Int64).to_numpy(),
        shown["snapshot_date"].to_physical().cast(pl.Int64).to_numpy(),
        list(dates),
    )
    within = pl.col("days_to_close")
    return [
        shown.with_columns(
            p_won=incidence.won[:, column],
            p_lost=incidence.lost[:, column],
            estimator=pl.lit(name),
            horizon_days=pl.lit(horizon, dtype=pl.Int32),
            outcome=pl.when(within <= horizon).then("outcome").otherwise(pl.lit("open")),
        )
        .filter(pl.col("snapshot_date").is_in(tests))
        .select(BacktestPredictions.column_names())
        for column, (horizon, tests) in enumerate(dates.items())
    ]
