"""Every open opportunity on one date, with its chances, what it is worth, and why."""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.contracts import OPEN_STAGES, CrmTables, most_valuable, scores_contract
from dealcast.errors import ModelError
from dealcast.modeling.amounts import with_amount
from dealcast.modeling.courses import Course
from dealcast.modeling.history import known_by
from dealcast.modeling.reasons import Explained, explain, reasons, told
from dealcast.modeling.risks import Kinds
from dealcast.modeling.training import WinModel
from dealcast.modeling.traits import ENTITIES, traits_of
from dealcast.snapshots import day_number

NOT_ENGAGED = "not engaged yet: no clock to predict from"
ENGAGED_LATER = "engaged after the date of scoring: no clock to predict from"
# Younger ones (days) have shown nothing of themselves yet.
LOW_INFORMATION_DAYS = 7
# The close window holds this middle share of the days on which it may close, if it does.
WINDOW = (0.1, 0.9)
# With a smaller chance (0-1) of ever closing a window would say nothing.
WORTH_A_WINDOW = 0.01
GRADES = ("A", "B", "C", "D")


class Scored(NamedTuple):
    """The Scores contract, the ScoreReasons of those that have a clock, and the model as it scored.

    The model is the given one with what it has learnt of the opportunities by the day of scoring.
    """

    scores: pl.DataFrame
    reasons: pl.DataFrame
    model: WinModel


def score(
    model: WinModel,
    tables: CrmTables,
    *,
    as_of: date,
    catalogue_fingerprint: str,
    grades: tuple[float, ...] = (0.5, 0.25, 0.1),
) -> Scored:
    """The Scores contract for the model's horizons: the most valuable opportunities first.

    One row per opportunity that was open at the end of `as_of`. Its amount is the one stated in
    the plans, else list price x the observed discount, else the mean won value of its product,
    else of all. `grades`: least chances of being won within the longest horizon for A, B and C.
    Raises ModelError where the features mean something else than in training, or the model knows
    what came after `as_of`.
    """
    (all_at_once,) = score_in_batches(
        model, tables, as_of=as_of, catalogue_fingerprint=catalogue_fingerprint, grades=grades
    )
    return all_at_once


def score_in_batches(  # noqa: PLR0913 - as `score`
    model: WinModel,
    tables: CrmTables,
    *,
    as_of: date,
    catalogue_fingerprint: str,
    grades: tuple[float, ...],
    batch_rows: int | None = None,
) -> Iterator[Scored]:
    """The same of `batch_rows` opportunities at once (count; all, by default), in order of ids.

    Where none is open there is one batch without rows.
    """
    refuse_mismatch(model, as_of, catalogue_fingerprint)
    today = model.updated(known_by(tables.opportunities.collect(), as_of))
    opened = with_amount(open_on(tables.opportunities, as_of), tables, as_of)
    in_order = opened.sort("opportunity_id").collect()
    size = max(1, batch_rows or in_order.height)
    for start in range(0, max(1, in_order.height), size):
        rows = in_order.slice(start, size)
        yield scored(today, rows, as_of=as_of, model_id=model.model_id, grades=grades)


def scored(
    today: WinModel, opened: pl.DataFrame, *, as_of: date, model_id: str, grades: tuple[float, ...]
) -> Scored:
    """The same of some rows of `open_on` with their amounts, each row by itself.

    `today` is the model of that id with what is known of all opportunities by `as_of`.
    """
    in_order, explained = scored_in_order(
        today, opened, as_of=as_of, model_id=model_id, grades=grades, explains=True
    )
    scores = most_valuable(in_order).select(scores_contract(today.horizons_days).column_names())
    rows = _aged(opened).with_columns(scored_on=pl.lit(as_of))
    assert explained is not None  # noqa: S101 - it was asked for
    return Scored(scores, reasons(explained, rows, today.horizons_days[-1]), today)


def scored_in_order(  # noqa: PLR0913 - keywords from different parts of the run
    today: WinModel,
    opened: pl.DataFrame,
    *,
    as_of: date,
    model_id: str,
    grades: tuple[float, ...],
    explains: bool,
) -> tuple[pl.DataFrame, Explained | None]:
    """The same scores, in the order of `opened`, for somebody who waits for a few.

    With what each part adds to those that have a clock, in their order, where that `explains`;
    without, it is several times as quick, and reason_for and reason_against are left out.
    """
    aged = _aged(opened)
    kinds = _kinds(today, aged, as_of)
    chances, explained = _with_chances(today, opened, kinds), None
    if explains:
        explained = explain(today, kinds)
        chances = chances.hstack(_on_all(opened, told(explained, aged)))
    longest = pl.col(f"p_won_{today.horizons_days[-1]}")
    scores = chances.with_columns(
        scored_on=pl.lit(as_of),
        model_id=pl.lit(model_id),
        expected_value=pl.col("amount") * longest,
        grade=_grade(longest, grades),
        is_low_information=(pl.col("age_days") < LOW_INFORMATION_DAYS).fill_null(value=False),
    )
    return scores, explained


def with_chances(model: WinModel, opened: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The rows of `open_on` with their chances and staleness, by the model as it is.

    Adds p_won_H and p_lost_H for its horizons, p_ever_won, closes_from and closes_until, all null
    where there is no clock, and is_stale with stale_evidence.
    """
    return _with_chances(model, opened, _kinds(model, _aged(opened), as_of))


def _with_chances(model: WinModel, opened: pl.DataFrame, kinds: Kinds) -> pl.DataFrame:
    chances = _chances(model, kinds)
    return opened.hstack(_on_all(opened, chances)).with_columns(**_staleness(model))


def _aged(opened: pl.DataFrame) -> pl.DataFrame:
    """Those that have a clock."""
    if not opened["age_days"].null_count():
        return opened
    return opened.filter(pl.col("age_days").is_not_null())


def _kinds(model: WinModel, aged: pl.DataFrame, as_of: date) -> Kinds:
    return model.fitted.told_apart(traits_of(aged), np.full(aged.height, day_number(as_of)))


def _on_all(opened: pl.DataFrame, of_aged: pl.DataFrame) -> pl.DataFrame:
    """The rows of those with a clock on those of all: null where there is none."""
    has_clock = opened["age_days"].is_not_null()
    if has_clock.all():
        return of_aged
    at = pl.select(pl.when(has_clock).then(has_clock.cum_sum() - 1)).to_series()
    return of_aged.select(pl.all().gather(at))


def _staleness(model: WinModel) -> dict[str, pl.Expr]:
    """Whether it is older than any that ever closed, and the evidence in words."""
    closed = model.won + model.lost
    stale = (pl.col("age_days") > model.oldest_closed_age_days).fill_null(value=False)
    evidence = (
        f"older than all {closed:,} that ever closed (at most {model.oldest_closed_age_days} days)"
    )
    return {"is_stale": stale, "stale_evidence": pl.when(stale).then(pl.lit(evidence))}


def _grade(chance: pl.Expr, least: tuple[float, ...]) -> pl.Expr:
    grade = pl.lit(GRADES[-1])
    for name, at_least in reversed(tuple(zip(GRADES, least, strict=False))):
        grade = pl.when(chance >= at_least).then(pl.lit(name)).otherwise(grade)
    return pl.when(chance.is_not_null()).then(grade)


def refuse_mismatch(model: WinModel, as_of: date, catalogue_fingerprint: str) -> None:
    """Raises ModelError where features mean something else now, or the model knows the future."""
    if model.catalogue_fingerprint != catalogue_fingerprint:
        raise ModelError(
            f"Model {model.model_id} was trained with feature catalogue "
            f"{model.catalogue_fingerprint}, the present one is {catalogue_fingerprint}: "
            "its features may mean something else now.",
            remedy="train it anew with `dealcast train`",
        )
    if model.trained_until > as_of:
        raise ModelError(
            f"Model {model.model_id} knows what happened until {model.trained_until}: "
            f"scores for {as_of} would know the future.",
            remedy=f"train a model with data.as_of = {as_of}",
        )


def open_on(opportunities: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """Opportunities open at the end of a day, with the stage they were in then, age and note.

    `age_days` is null, and `note` says why, where there is no clock to predict from.
    """
    engaged = pl.col("engage_date")
    closed_later = (pl.col("close_date") > as_of) & (engaged <= as_of)
    age = (pl.lit(as_of) - engaged).dt.total_days().cast(pl.Int32)
    return opportunities.filter(pl.col("deal_stage").is_in(OPEN_STAGES) | closed_later).select(
        "opportunity_id",
        "engage_date",
        *ENTITIES,
        deal_stage=pl.when(closed_later).then(pl.lit("Engaging")).otherwise(pl.col("deal_stage")),
        age_days=pl.when(age >= 0).then(age),
        note=pl.when(engaged.is_null())
        .then(pl.lit(NOT_ENGAGED))
        .when(age < 0)
        .then(pl.lit(ENGAGED_LATER)),
    )


def _chances(model: WinModel, kinds: Kinds) -> pl.DataFrame:
    """p_won_H, p_lost_H, p_ever_won and the close window of each opportunity that has a clock."""
    longest = max(model.oldest_closed_age_days, *model.horizons_days)
    blocks = [_chances_of(model, c) for c in model.fitted.courses(kinds, longest)]
    # A query for a single row takes longer than its chances do.
    columns = {
        name: np.concatenate([block[name] for block in blocks])[kinds.place] for name in blocks[0]
    }
    return pl.DataFrame(columns)


def _chances_of(model: WinModel, course: Course) -> dict[str, npt.NDArray[Any]]:
    within = course.incidence([*model.horizons_days, course.longest])
    columns: dict[str, npt.NDArray[Any]] = {
        f"p_{outcome}_{h}": values[:, at]
        for outcome, values in within._asdict().items()
        for at, h in enumerate(model.horizons_days)
    }
    columns["p_ever_won"] = within.won[:, -1]
    is_worth = course.closed(course.longest) >= WORTH_A_WINDOW
    days = (course.days + course.days_until(*WINDOW)).astype("datetime64[D]")
    window = np.where(is_worth, days, np.datetime64("NaT"))
    return columns | dict(zip(("closes_from", "closes_until"), window, strict=True))
