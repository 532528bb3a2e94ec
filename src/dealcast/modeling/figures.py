"""What a win model says of open opportunities, column by column, whoever asks: run, API, MLflow.

Plain arrays: of a single opportunity a query of a data frame takes longer than all its chances.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.modeling.courses import Course
from dealcast.modeling.reasons import Explained, Words, explain, told
from dealcast.modeling.recalibration import UNCHANGED
from dealcast.modeling.risks import Kinds
from dealcast.modeling.training import WinModel
from dealcast.modeling.traits import BoolArray, FloatArray, Traits
from dealcast.snapshots import day_number

NOT_ENGAGED = "not engaged yet: no clock to predict from"
ENGAGED_LATER = "engaged after the date of scoring: no clock to predict from"
Dates = npt.NDArray[np.datetime64]
Column = npt.NDArray[Any] | Words
# Younger ones (days) have shown nothing of themselves yet.
LOW_INFORMATION_DAYS = 7
# The close window holds this middle share of the days on which it may close, if it does.
WINDOW = (0.1, 0.9)
# With a smaller chance (0-1) of ever closing a window would say nothing.
WORTH_A_WINDOW = 0.01
GRADES = ("A", "B", "C", "D")


class Judging(NamedTuple):
    """How chances are judged.

    `grades`: least chances of being won within the longest horizon for A, B and C. `explains`:
    whether to tell why, which takes several times as long.
    """

    grades: tuple[float, ...]
    explains: bool


@dataclass(frozen=True, eq=False)
class Figures:
    """What is said of opportunities, one element each, and what each part adds to their scores."""

    columns: Mapping[str, Column]
    explained: Explained | None


def has_clock(engaged: Dates, as_of: date) -> BoolArray:
    """Whether each was engaged (NaT: it was not) by the end of a day."""
    return np.asarray(engaged <= np.datetime64(as_of))


def notes(engaged: Dates, has_clock: BoolArray) -> Words:
    """Why those that have no clock have none."""
    place = np.where(has_clock, 0, np.where(np.isnat(engaged), 1, 2))
    return Words((None, NOT_ENGAGED, ENGAGED_LATER), place)


def figures(
    model: WinModel, traits: Traits, amount: FloatArray, as_of: date, judging: Judging
) -> Figures:
    """The columns of Scores that the model says of opportunities that have a clock.

    `amount`: what each brings if won; NaN, as its expected value then is: not known.
    """
    kinds = _kinds(model, traits, as_of)
    chances, raw = _chances_of_kinds(model, kinds, with_raw=judging.explains)
    longest, explained = chances[f"p_won_{model.horizons_days[-1]}"], None
    columns = _of_each(chances, kinds) | _staleness(model, chances["age_days"][kinds.place])
    columns["expected_value"] = amount * longest[kinds.place]
    columns["grade"] = Words(GRADES, _grade(longest, judging.grades)[kinds.place])
    columns["is_low_information"] = columns["age_days"] < LOW_INFORMATION_DAYS
    if judging.explains:
        explained = explain(model, kinds, longest, raw)
        columns |= told(explained, kinds)
    return Figures(columns, explained)


def chances_of(model: WinModel, traits: Traits, as_of: date) -> dict[str, Column]:
    """Age, chances, close window and staleness of opportunities that have a clock."""
    kinds = _kinds(model, traits, as_of)
    chances, _ = _chances_of_kinds(model, kinds, with_raw=False)
    return _of_each(chances, kinds) | _staleness(model, chances["age_days"][kinds.place])


def _kinds(model: WinModel, traits: Traits, as_of: date) -> Kinds:
    return model.fitted.told_apart(traits, np.full(len(traits), day_number(as_of)))


def _of_each(of_kinds: Mapping[str, npt.NDArray[Any]], kinds: Kinds) -> dict[str, Any]:
    return {name: values[kinds.place] for name, values in of_kinds.items()}


def _chances_of_kinds(
    model: WinModel, kinds: Kinds, *, with_raw: bool
) -> tuple[dict[str, npt.NDArray[Any]], FloatArray]:
    """Of each kind p_won_H, p_lost_H, p_ever_won and the close window.

    Also the chance to be won within the longest horizon before recalibration, where that is asked.
    """
    longest = max(model.oldest_closed_age_days, *model.horizons_days)
    courses = list(model.fitted.courses(kinds, longest))
    of_course = partial(_chances_of_course, model, with_raw=with_raw)
    if len(courses) == 1:
        blocks = [of_course(courses[0])]
    else:
        # Numpy lets other threads go on while it works through arrays as long as these.
        with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
            blocks = list(threads.map(of_course, courses))
    columns = {
        name: values[0] if len(values) == 1 else np.concatenate(values)
        for name, values in ((n, [block[n] for block in blocks]) for n in blocks[0])
    }
    raw = columns.pop("raw", np.empty(0))
    return {"age_days": (kinds.days - kinds.traits.engaged).astype(np.int32)} | columns, raw


def _chances_of_course(
    model: WinModel, course: Course, *, with_raw: bool
) -> dict[str, npt.NDArray[Any]]:
    horizons = [*model.horizons_days, course.longest]
    recalibrations = [course.recalibration, *([UNCHANGED] if with_raw else [])]
    within, *raw = course.incidences(horizons, recalibrations)
    columns: dict[str, npt.NDArray[Any]] = {
        f"p_{outcome}_{h}": values[:, at]
        for outcome, values in within._asdict().items()
        for at, h in enumerate(model.horizons_days)
    }
    columns["p_ever_won"] = within.won[:, -1]
    is_worth = course.ever_closed >= WORTH_A_WINDOW
    days = (course.days + course.days_until(*WINDOW)).astype("datetime64[D]")
    columns["closes_from"], columns["closes_until"] = np.where(is_worth, days, np.datetime64("NaT"))
    if with_raw:
        columns["raw"] = raw[0].won[:, -2]
    return columns


def _staleness(model: WinModel, age_days: npt.NDArray[np.int32]) -> dict[str, Column]:
    """Whether it is older than any that ever closed, and the evidence in words."""
    closed = model.won + model.lost
    is_stale = age_days > model.oldest_closed_age_days
    evidence = (
        f"older than all {closed:,} that ever closed (at most {model.oldest_closed_age_days} days)"
    )
    return {"is_stale": is_stale, "stale_evidence": Words((None, evidence), is_stale.astype(int))}


def _grade(chance: FloatArray, least: Sequence[float]) -> npt.NDArray[np.int64]:
    """The place of each one's grade among GRADES."""
    grade: npt.NDArray[np.int64] = (chance < np.array(least)[:, None]).sum(axis=0)
    return grade
