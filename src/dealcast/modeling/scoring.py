"""Every open opportunity on one date, with its chances, what it is worth, and why."""

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from dealcast.contracts import OPEN_STAGES, CrmTables, scores_contract
from dealcast.errors import ModelError
from dealcast.modeling.history import ENTITIES, FloatArray, Traits, known_by, traits_of
from dealcast.modeling.reasons import reasons, told
from dealcast.modeling.training import WinModel
from dealcast.snapshots import DayArray, day_number

NOT_ENGAGED = "not engaged yet: no clock to predict from"
ENGAGED_LATER = "engaged after the date of scoring: no clock to predict from"
# Younger ones (days) have shown nothing of themselves yet.
LOW_INFORMATION_DAYS = 7
# The close window holds this middle share of the days on which it may close, if it does.
WINDOW = (0.1, 0.9)
# With a smaller chance (0-1) of ever closing a window would say nothing.
WORTH_A_WINDOW = 0.01
GRADES = ("A", "B", "C", "D")
# Opportunities whose chances of each day to come are held in memory at a time.
BLOCK = 20_000


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
    refuse_mismatch(model, as_of, catalogue_fingerprint)
    today = model.updated(known_by(tables.opportunities.collect(), as_of))
    opened = with_amount(open_on(tables.opportunities, as_of), tables, as_of).collect()
    aged = _aged(opened, as_of)
    parts = reasons(today, aged, traits_of(aged), np.full(aged.height, day_number(as_of)))
    rows = with_chances(today, opened, as_of).join(
        told(parts, aged), on="opportunity_id", how="left"
    )
    scores = (
        rows.with_columns(
            scored_on=pl.lit(as_of),
            model_id=pl.lit(model.model_id),
            expected_value=pl.col("amount") * pl.col(f"p_won_{model.horizons_days[-1]}"),
            grade=_grade(pl.col(f"p_won_{model.horizons_days[-1]}"), grades),
            is_low_information=(pl.col("age_days") < LOW_INFORMATION_DAYS).fill_null(value=False),
        )
        .sort(["expected_value", "opportunity_id"], descending=[True, False], nulls_last=True)
        .select(scores_contract(model.horizons_days).column_names())
    )
    return Scored(scores, parts, today)


def with_chances(model: WinModel, opened: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The rows of `open_on` with their chances and staleness, by the model as it is.

    Adds p_won_H and p_lost_H for its horizons, p_ever_won, closes_from and closes_until, all null
    where there is no clock, and is_stale with stale_evidence.
    """
    aged = _aged(opened, as_of)
    day = np.full(aged.height, day_number(as_of))
    chances = _chances(model, aged, traits_of(aged), day)
    return opened.join(
        chances, on="opportunity_id", how="left", maintain_order="left"
    ).with_columns(**_staleness(model))


def _aged(opened: pl.DataFrame, as_of: date) -> pl.DataFrame:
    return opened.filter(pl.col("age_days").is_not_null()).with_columns(scored_on=pl.lit(as_of))


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


def _chances(model: WinModel, aged: pl.DataFrame, traits: Traits, days: DayArray) -> pl.DataFrame:
    """p_won_H and p_lost_H of those that have an age, p_ever_won and the close window."""
    blocks = (np.arange(s, min(s + BLOCK, len(days))) for s in range(0, max(len(days), 1), BLOCK))
    return pl.concat(_chances_of(model, aged[at], traits.take(at), days[at]) for at in blocks)


def _chances_of(
    model: WinModel, aged: pl.DataFrame, traits: Traits, days: DayArray
) -> pl.DataFrame:
    incidence = model.incidence(traits, days)
    columns = {
        f"p_{outcome}_{h}": values[:, at]
        for outcome, values in incidence._asdict().items()
        for at, h in enumerate(model.horizons_days)
    }
    longest = max(model.oldest_closed_age_days, *model.horizons_days)
    won, lost = model.daily(traits, days, longest)
    closed = (won + lost).cumsum(axis=1)
    first, last = (_reached(closed, share) for share in WINDOW)
    worth = pl.Series(closed[:, -1] >= WORTH_A_WINDOW, dtype=pl.Boolean)
    return aged.with_columns(first=first, last=last).select(
        "opportunity_id",
        **{name: pl.Series(values) for name, values in columns.items()},
        p_ever_won=pl.Series(np.minimum(won.sum(axis=1), 1.0)),
        closes_from=pl.when(worth).then(pl.col("scored_on") + pl.duration(days="first")),
        closes_until=pl.when(worth).then(pl.col("scored_on") + pl.duration(days="last")),
    )


def _reached(closed: FloatArray, share: float) -> pl.Series:
    """Days until the chance to have closed is that share of what it comes to."""
    return pl.Series((closed < share * closed[:, -1:]).sum(axis=1) + 1)


def with_amount(opened: pl.LazyFrame, tables: CrmTables, as_of: date) -> pl.LazyFrame:
    """Adds amount (if won) and where it is from; null where nothing is known."""
    plans = tables.plans if tables.plans is not None else _without_rows("opportunity_id", "amount")
    prices = (
        tables.products if tables.products is not None else _without_rows("product", "sales_price")
    ).select("product", "sales_price")
    overall, of_product = _won_values(tables.opportunities, prices, as_of)
    list_price = pl.when(pl.col("sales_price") > 0).then(pl.col("sales_price"))
    known = {
        "stated": pl.col("amount"),
        "list price": list_price * pl.col("discount").fill_null(1.0),
        "mean won value": pl.coalesce("mean_of_product", "mean_of_all"),
    }
    return (
        opened.join(plans.select("opportunity_id", "amount"), on="opportunity_id", how="left")
        .join(prices, on="product", how="left")
        .join(of_product, on="product", how="left")
        .join(overall, how="cross")
        .with_columns(
            amount=pl.coalesce(known.values()),
            amount_from=pl.coalesce(
                pl.when(amount.is_not_null()).then(pl.lit(name)) for name, amount in known.items()
            ),
        )
    )


def _won_values(
    opportunities: pl.LazyFrame, prices: pl.LazyFrame, as_of: date
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Of what was won until a day: the discount and the mean value; the mean by product."""
    value, price = pl.col("close_value"), pl.col("sales_price")
    won = opportunities.filter(pl.col("deal_stage") == "Won", pl.col("close_date") <= as_of).join(
        prices, on="product", how="left"
    )
    overall = won.select(
        discount=(value / price).filter(price > 0).mean(), mean_of_all=value.mean()
    )
    return overall, won.group_by("product").agg(mean_of_product=value.mean())


def _without_rows(key: str, number: str) -> pl.LazyFrame:
    return pl.LazyFrame(schema={key: pl.String, number: pl.Float64})
