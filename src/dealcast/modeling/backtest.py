"""Every origin in turn: learn from what was known before it, predict on the dates after it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl

from dealcast.contracts import BacktestCandidates
from dealcast.modeling.courses import Incidence
from dealcast.modeling.day_by_day import fitted_by_day, incidences_by_day
from dealcast.modeling.estimators import Context, tried
from dealcast.modeling.history import Record
from dealcast.modeling.recalibration import UNCHANGED, Recalibration, recalibrate
from dealcast.modeling.splits import Fold, rolling_origins
from dealcast.modeling.traits import ENTITIES
from dealcast.snapshots import EPOCH, DayArray

# Opportunities whose snapshots are predicted, spread evenly over their ids. More would not make
# the figures much sharper, but the table of predictions larger than a laptop's memory.
OPPORTUNITIES_TESTED = 30_000
# Origins of which the learning curve is made.
LATEST = 2

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Backtest:
    """What a backtest came to.

    `candidates`: the contract BacktestCandidates, as they would have been issued.
    `recalibrations`: by estimator, what all matured predictions together say of the next ones.
    `latest`: by estimator, those of the latest origins at the shortest horizon, not recalibrated.
    """

    candidates: pl.DataFrame
    recalibrations: Mapping[str, Recalibration]
    latest: Mapping[str, pl.DataFrame]


def backtest(  # noqa: PLR0913 - keywords from different parts of the run
    opportunities: pl.DataFrame,
    snapshots: pl.DataFrame,
    context: Context,
    *,
    as_of: date,
    progress: Progress = lambda _note, _share: None,
    estimators: Sequence[str] | None = None,
) -> Backtest:
    """Each snapshot by each estimator at each horizon, recalibrated on what had matured by then.

    The process is learnt at the origin; what is learnt anew each day (who never closes) follows
    the snapshot dates. Only snapshots whose horizon ended by `as_of` are there, so every outcome
    is known. `progress` is told what is being done and the share (0-1) that is. Raises ModelError
    where the history is too short.
    """
    record = Record.of(opportunities)
    rows = with_traits(snapshots, opportunities)
    folds = rolling_origins(
        rows["snapshot_date"].unique().sort().to_list(),
        history_from=EPOCH + timedelta(days=record.known_by(as_of).first_close),
        first_after_days=context.settings.first_origin_after_days,
        horizons_days=context.settings.horizons_days,
        as_of=as_of,
    )
    estimators = tried(context.settings) if estimators is None else estimators
    # Each day's chances are by what is learnt anew on it.
    daily = replace(context, up_to_date=False)
    past = {name: _Past() for name in estimators}
    parts: list[pl.DataFrame] = []
    known = fitted_by_day(estimators, record, [fold.known_until for fold in folds], daily)
    for done, fold in enumerate(folds):
        progress(f"origin {fold.origin}", done / len(folds))
        history, learnt = next(known)
        tested = fold_rows(rows, fold)
        stale = pl.col("age_days") > history.person_days.oldest_closed_age
        tested = tested.with_columns(origin=pl.lit(fold.origin), is_stale=stale)
        both = {
            name: (UNCHANGED, recalibrate(past[name].matured(fold.known_until)))
            for name in estimators
        }
        chances = incidences_by_day(learnt, record, tested, tuple(fold.test_dates), both)
        horizons = at_horizons(tested, fold)
        for name, (raw, issued) in chances:
            past[name].parts += [rows_at.said(raw, name) for rows_at in horizons]
            parts += [rows_at.said(issued, name) for rows_at in horizons]
    return Backtest(
        pl.concat(parts),
        {name: recalibrate(p.matured(as_of)) for name, p in past.items()},
        {name: p.shortest(folds[-LATEST:]) for name, p in past.items()},
    )


@dataclass
class _Past:
    """Predictions of earlier origins, not recalibrated."""

    parts: list[pl.DataFrame] = field(default_factory=list)

    def matured(self, known_until: date) -> pl.DataFrame:
        """Those whose horizon has ended by a day."""
        if not self.parts:
            return pl.DataFrame()
        ends = pl.col("snapshot_date") + pl.duration(days=pl.col("horizon_days"))
        return pl.concat(self.parts).filter(ends <= known_until)

    def shortest(self, folds: Sequence[Fold]) -> pl.DataFrame:
        """Those of these origins at the shortest horizon."""
        rows = pl.concat(self.parts)
        return rows.filter(
            pl.col("origin").is_in([fold.origin for fold in folds]),
            pl.col("horizon_days") == pl.col("horizon_days").min(),
        )


def with_traits(snapshots: pl.DataFrame, opportunities: pl.DataFrame) -> pl.DataFrame:
    """The snapshots with age, engage date and names; of a large export an even share."""
    ids = opportunities.select(pl.col("opportunity_id").sort())
    every = -(-max(ids.height, 1) // OPPORTUNITIES_TESTED)
    names = [name for name in ENTITIES if name in opportunities.columns]
    tested = opportunities.select("opportunity_id", "engage_date", *names).join(
        ids.gather_every(every), on="opportunity_id", how="semi"
    )
    age = (pl.col("snapshot_date") - pl.col("engage_date")).dt.total_days().cast(pl.Int32)
    rows = snapshots.join(tested, on="opportunity_id").with_columns(age_days=age)
    return rows.sort("snapshot_date", "opportunity_id")


def fold_rows(rows: pl.DataFrame, fold: Fold) -> pl.DataFrame:
    """The snapshots that a fold tests on at one horizon or another."""
    dates = max(fold.test_dates.values(), key=len)
    return rows.filter(pl.col("snapshot_date").is_in(dates))


@dataclass(frozen=True, eq=False)
class Tested:
    """The snapshots that a fold tests on at one horizon: the same for every estimator.

    `rows`: with the outcome within the horizon. `at`: their positions among those of the fold.
    """

    rows: pl.DataFrame
    at: DayArray
    column: int

    def said(self, incidence: Incidence, name: str) -> pl.DataFrame:
        """These rows with an estimator's chances (BacktestCandidates).

        `incidence`: one row per row of the fold, one column per horizon.
        """
        won, lost = (chances[self.at, self.column] for chances in incidence)
        said = self.rows.with_columns(
            p_won=pl.Series(won), p_lost=pl.Series(lost), estimator=pl.lit(name)
        )
        return said.select(BacktestCandidates.column_names())


def at_horizons(rows: pl.DataFrame, fold: Fold) -> list[Tested]:
    """The rows of a fold at each of its horizons, without those of dates not tested at it."""
    within = pl.col("days_to_close")
    found = []
    for column, (horizon, dates) in enumerate(fold.test_dates.items()):
        is_tested = rows["snapshot_date"].is_in(dates)
        outcome = pl.when(within <= horizon).then("outcome").otherwise(pl.lit("open"))
        tested = rows.filter(is_tested).with_columns(
            horizon_days=pl.lit(horizon, dtype=pl.Int32), outcome=outcome
        )
        found.append(Tested(tested, is_tested.arg_true().cast(pl.Int64).to_numpy(), column))
    return found
