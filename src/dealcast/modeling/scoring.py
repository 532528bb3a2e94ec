"""Every open opportunity on one date, with its chances and what it is worth."""

from datetime import date

import polars as pl

from dealcast.contracts import OPEN_STAGES, CrmTables, scores_contract
from dealcast.errors import ModelError
from dealcast.modeling.training import WinModel

NOT_ENGAGED = "not engaged yet: no clock to predict from"
ENGAGED_LATER = "engaged after the date of scoring: no clock to predict from"


def score(
    model: WinModel, tables: CrmTables, *, as_of: date, catalogue_fingerprint: str
) -> pl.DataFrame:
    """The Scores contract for the model's horizons: the most valuable opportunities first.

    One row per opportunity that was open at the end of `as_of`. Its amount is the one stated in
    the plans, else list price x the observed discount, else the mean won value of its product,
    else of all. Raises ModelError where the features mean something else than in training, or
    the model knows what came after `as_of`.
    """
    _refuse_mismatch(model, as_of, catalogue_fingerprint)
    opened = _open_on(tables.opportunities, as_of)
    rows = (
        _with_amount(opened, tables, as_of)
        .collect()
        .join(_probabilities(model, opened, as_of), on="opportunity_id", how="left")
    )
    age = pl.col("age_days")
    return (
        rows.with_columns(
            scored_on=pl.lit(as_of),
            model_id=pl.lit(model.model_id),
            expected_value=pl.col("amount") * pl.col(f"p_won_{model.horizons_days[-1]}"),
            is_stale=(age > model.oldest_closed_age_days).fill_null(value=False),
        )
        .sort(["expected_value", "opportunity_id"], descending=[True, False], nulls_last=True)
        .select(scores_contract(model.horizons_days).column_names())
    )


def _refuse_mismatch(model: WinModel, as_of: date, catalogue_fingerprint: str) -> None:
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


def _open_on(opportunities: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """Opportunities open at the end of a day, with the stage they were in then, age and note."""
    engaged = pl.col("engage_date")
    closed_later = (pl.col("close_date") > as_of) & (engaged <= as_of)
    age = (pl.lit(as_of) - engaged).dt.total_days().cast(pl.Int32)
    return opportunities.filter(pl.col("deal_stage").is_in(OPEN_STAGES) | closed_later).select(
        "opportunity_id",
        "sales_agent",
        "product",
        deal_stage=pl.when(closed_later).then(pl.lit("Engaging")).otherwise(pl.col("deal_stage")),
        age_days=pl.when(age >= 0).then(age),
        note=pl.when(engaged.is_null())
        .then(pl.lit(NOT_ENGAGED))
        .when(age < 0)
        .then(pl.lit(ENGAGED_LATER)),
    )


def _probabilities(model: WinModel, opened: pl.LazyFrame, as_of: date) -> pl.DataFrame:
    """p_won_H and p_lost_H of those that have an age."""
    aged = (
        opened.filter(pl.col("age_days").is_not_null())
        .select(
            "opportunity_id",
            age=pl.col("age_days").cast(pl.Int64),
            day=pl.lit(as_of).to_physical().cast(pl.Int64),
        )
        .collect()
    )
    incidence = model.incidence(aged["age"].to_numpy(), aged["day"].to_numpy())
    columns = {
        f"p_{outcome}_{h}": values[:, at]
        for outcome, values in incidence._asdict().items()
        for at, h in enumerate(model.horizons_days)
    }
    return aged.select("opportunity_id").with_columns(**columns)


def _with_amount(opened: pl.LazyFrame, tables: CrmTables, as_of: date) -> pl.LazyFrame:
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
