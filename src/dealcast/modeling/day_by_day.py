"""Estimators as of one day after another: learnt and updated on as many at a time as is quick."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import polars as pl

from dealcast.modeling.courses import Incidence
from dealcast.modeling.estimators import ESTIMATORS, Context, Fitted
from dealcast.modeling.history import History, Record
from dealcast.modeling.never_close import NeverClose
from dealcast.modeling.recalibration import Recalibration
from dealcast.modeling.risks import CompetingRisks, updated_abreast
from dealcast.modeling.traits import traits_of
from dealcast.snapshots import day_number

# Opportunities of the histories (count) that are learnt from abreast: more take no less time, but
# more memory.
ABREAST = 150_000


def fitted_by_day(
    names: Sequence[str], record: Record, days: Sequence[date], context: Context
) -> Iterator[tuple[History, Mapping[str, Fitted]]]:
    """What was known at the end of each day, and what each of the estimators learns from it."""
    for some in _at_a_time(record, days):
        yield from _fitted(names, [record.known_by(day) for day in some], context)


def _fitted(
    names: Sequence[str], histories: Sequence[History], context: Context
) -> Iterator[tuple[History, Mapping[str, Fitted]]]:
    """The same of some histories, which are let go of before others are made: they are large."""
    fits = [ESTIMATORS[name].fit_each(histories, context) for name in names]
    for history, *fitted in zip(histories, *fits, strict=True):
        yield history, dict(zip(names, fitted, strict=True))


def incidences_by_day(
    learnt: Mapping[str, Fitted],
    record: Record,
    rows: pl.DataFrame,
    horizons: Sequence[int],
    recalibrations: Mapping[str, Sequence[Recalibration]],
) -> Iterator[tuple[str, tuple[Incidence, ...]]]:
    """What each estimator says of snapshots, by each of its recalibrations, in order of names.

    `rows`: `snapshot_date`, `engage_date` and names. What is learnt anew each day (who never
    closes) is learnt from what was known on the snapshot date.
    """
    traits, days = traits_of(rows), day_number(rows["snapshot_date"].to_numpy())
    never_close = _never_close_by_day(learnt, record, rows["snapshot_date"].unique().to_list())
    for name, fitted in learnt.items():
        by = recalibrations[name]
        if isinstance(fitted, CompetingRisks):
            yield name, fitted.incidences(traits, days, horizons, by, never_close.get(name))
        else:
            yield name, (fitted.incidence(traits, days, horizons),) * len(by)


def _never_close_by_day(
    learnt: Mapping[str, Fitted], record: Record, days: Sequence[date]
) -> Mapping[str, Mapping[int, NeverClose]]:
    """By estimator that tells who never closes, and day number."""
    models = {
        name: fitted
        for name, fitted in learnt.items()
        if isinstance(fitted, CompetingRisks) and fitted.never_close is not None
    }
    found: dict[str, dict[int, NeverClose]] = {name: {} for name in models}
    for some in _at_a_time(record, days):
        each = [(name, history) for history in map(record.known_by, some) for name in models]
        updated = updated_abreast([(models[name], history) for name, history in each])
        for (name, history), model in zip(each, updated, strict=True):
            if model.never_close is not None:
                found[name][history.last_day] = model.never_close
    return found


def _at_a_time(record: Record, days: Sequence[date]) -> Iterator[Sequence[date]]:
    """As many days as are learnt from abreast."""
    count = max(1, ABREAST // max(1, len(record.closed)))
    for start in range(0, len(days), count):
        yield days[start : start + count]
