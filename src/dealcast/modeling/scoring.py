"""Every open opportunity on one date, with its chances, what it is worth, and why."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from dealcast.contracts import OPEN_STAGES, CrmTables, most_valuable, scores_contract
from dealcast.errors import ModelError
from dealcast.modeling.amounts import with_amount
from dealcast.modeling.figures import Column, Judging, chances_of, figures, has_clock, notes
from dealcast.modeling.history import known_by
from dealcast.modeling.reasons import Words, reasons
from dealcast.modeling.training import WinModel
from dealcast.modeling.traits import ENTITIES, BoolArray, traits_of


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
    rows = _Rows.of(opened, as_of)
    amount = rows.clocked["amount"].to_numpy()
    judging = Judging(grades, explains=True)
    found = figures(today, traits_of(rows.clocked), amount, as_of, judging)
    scores = rows.with_columns(found.columns).with_columns(
        scored_on=pl.lit(as_of), model_id=pl.lit(model_id)
    )
    assert found.explained is not None  # noqa: S101 - it was asked for
    return Scored(
        most_valuable(scores).select(scores_contract(today.horizons_days).column_names()),
        reasons(found.explained, rows.clocked["opportunity_id"], as_of, today.horizons_days[-1]),
        today,
    )


def with_chances(model: WinModel, opened: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The rows of `open_on` with their age, chances and staleness, by the model as it is.

    Adds p_won_H and p_lost_H for its horizons, p_ever_won, closes_from and closes_until, all null
    where there is no clock (`note` says why), and is_stale with stale_evidence.
    """
    rows = _Rows.of(opened, as_of)
    return rows.with_columns(chances_of(model, traits_of(rows.clocked), as_of))


class _Rows(NamedTuple):
    """Rows of `open_on`, which of them have a clock, and those that have."""

    opened: pl.DataFrame
    has_clock: BoolArray
    clocked: pl.DataFrame

    @classmethod
    def of(cls, opened: pl.DataFrame, as_of: date) -> "_Rows":
        has = has_clock(opened["engage_date"].to_numpy(), as_of)
        return cls(opened, has, opened if has.all() else opened.filter(pl.Series(has)))

    def with_columns(self, of_clocked: Mapping[str, Column]) -> pl.DataFrame:
        """Adds columns of those with a clock, null for others, and the note on these."""
        added = pl.DataFrame(
            {
                name: c.series() if isinstance(c, Words) else pl.Series(c, nan_to_null=True)
                for name, c in of_clocked.items()
            }
        )
        if not self.has_clock.all():
            place = pl.Series(np.cumsum(self.has_clock) - 1).set(pl.Series(~self.has_clock), None)
            flags = [n for n in ("is_stale", "is_low_information") if n in added.columns]
            spread = added.select(pl.all().gather(place))
            added = spread.with_columns(pl.col(flags).fill_null(value=False))
        why_not = notes(self.opened["engage_date"].to_numpy(), self.has_clock).series()
        return self.opened.hstack(added).hstack([why_not.alias("note")])


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
    """Opportunities open at the end of a day, with the stage they were in then."""
    engaged = pl.col("engage_date")
    closed_later = (pl.col("close_date") > as_of) & (engaged <= as_of)
    return opportunities.filter(pl.col("deal_stage").is_in(OPEN_STAGES) | closed_later).select(
        "opportunity_id",
        "engage_date",
        *ENTITIES,
        deal_stage=pl.when(closed_later).then(pl.lit("Engaging")).otherwise(pl.col("deal_stage")),
    )
