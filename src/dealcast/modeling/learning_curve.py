"""How much better does the model get with more opportunities to learn from?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from dealcast.errors import ModelError
from dealcast.modeling.backtest import LATEST, at_horizons, fold_rows, with_traits
from dealcast.modeling.day_by_day import fitted_by_day, incidences_by_day
from dealcast.modeling.estimators import Context
from dealcast.modeling.evaluation import figures
from dealcast.modeling.history import Record, known_by
from dealcast.modeling.recalibration import UNCHANGED
from dealcast.modeling.splits import Fold, rolling_origins
from dealcast.snapshots import EPOCH

SHARES = (0.125, 0.25, 0.5, 1.0)
SCHEMA = {
    "share": pl.Float64,
    "opportunities": pl.Int64,
    "auc": pl.Float64,
    "log_loss": pl.Float64,
    "log_loss_skill": pl.Float64,
}


def learning_curve(  # noqa: PLR0913 - keywords from different parts of the run
    opportunities: pl.DataFrame,
    snapshots: pl.DataFrame,
    context: Context,
    *,
    estimator: str,
    as_of: date,
    from_all: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row per share (0-1) of the opportunities learnt from, on the same later snapshots.

    The latest origins, the shortest horizon, not recalibrated. `opportunities`: how many were
    learnt from (count). A share from which nothing can be learnt is left out. `from_all`: what the
    estimator predicted having learnt from all of them (`Backtest.latest`), if it is known.
    """
    rows = with_traits(snapshots, opportunities)
    folds = rolling_origins(
        rows["snapshot_date"].unique().sort().to_list(),
        history_from=EPOCH + timedelta(days=known_by(opportunities, as_of).first_close),
        first_after_days=context.settings.first_origin_after_days,
        horizons_days=[min(context.settings.horizons_days)],
        as_of=as_of,
    )[-LATEST:]
    curve = []
    for share in SHARES:
        known = _share_of(opportunities, share)
        try:
            if share == 1 and from_all is not None:
                predicted = from_all
            else:
                predicted = pl.concat(_predicted(known, rows, folds, context, estimator))
        except ModelError:
            continue
        found = vars(figures(predicted))
        kept = {name: found[name] for name in ("auc", "log_loss", "log_loss_skill")}
        curve.append({"share": share, "opportunities": known.height, **kept})
    return pl.DataFrame(curve, schema=SCHEMA)


def _share_of(opportunities: pl.DataFrame, share: float) -> pl.DataFrame:
    """So many of them, spread evenly over their ids, whatever their order."""
    place = pl.col("opportunity_id").rank("ordinal") % int(1 / min(SHARES))
    return opportunities.filter(place < share / min(SHARES))


def _predicted(
    known: pl.DataFrame,
    rows: pl.DataFrame,
    folds: tuple[Fold, ...],
    context: Context,
    estimator: str,
) -> Iterator[pl.DataFrame]:
    record, daily = Record.of(known), replace(context, up_to_date=False)
    until = [fold.known_until for fold in folds]
    learnt = fitted_by_day([estimator], record, until, daily)
    for fold, (_, fitted) in zip(folds, learnt, strict=True):
        tested = fold_rows(rows, fold).with_columns(
            origin=pl.lit(fold.origin), is_stale=pl.lit(value=False)
        )
        horizons, unchanged = tuple(fold.test_dates), {estimator: (UNCHANGED,)}
        for _, (chances,) in incidences_by_day(fitted, record, tested, horizons, unchanged):
            yield from (at.said(chances, estimator) for at in at_horizons(tested, fold))
