"""Issued scores in long form, beside what is known by now of what came of them."""

from datetime import date

import polars as pl

from dealcast.errors import ContractError, ModelError, listed

_PROBABILITY = r"^p_won_(\d+)$"


def long_scores(scores: pl.DataFrame) -> pl.DataFrame:
    """One row per opportunity, `scored_on` and `horizon_days`, with its `p_won`.

    Takes scores as issued (where a day was scored twice, the later row counts) or the contract
    BacktestPredictions of one estimator. Rows without a probability are left out.
    Raises ContractError where there is no probability of winning, ModelError where there are
    several estimators.

    >>> issued = pl.DataFrame(
    ...     {"opportunity_id": ["A"], "scored_on": [date(2025, 1, 6)], "p_won_30": [0.2]}
    ... )
    >>> long_scores(issued).rows()
    [('A', datetime.date(2025, 1, 6), 30, 0.2)]
    """
    key = ["opportunity_id", "scored_on"]
    backtested = "snapshot_date" in scores.columns
    rows = _of_backtest(scores) if backtested else _of_issued(scores, key)
    return (
        rows.select(*key, pl.col("horizon_days").cast(pl.Int32), "p_won")
        .filter(pl.col("p_won").is_not_null())
        .unique([*key, "horizon_days"], keep="last", maintain_order=True)
    )


def with_outcomes(long: pl.DataFrame, opportunities: pl.DataFrame, *, as_of: date) -> pl.DataFrame:
    """Adds what is known at the end of `as_of`: engage_date, days_to_win, elapsed_days, is_mature.

    `days_to_win` is null while it is not won. `is_mature`: the horizon has passed. Opportunities
    that are no longer in the export, or are now said to have closed before they were scored, are
    left out: nothing came of that score.
    """
    known = opportunities.select(
        "opportunity_id",
        "engage_date",
        is_won=pl.col("deal_stage") == "Won",
        closed=pl.when(pl.col("close_date") <= as_of).then(pl.col("close_date")),
    )
    scored = pl.col("scored_on")
    elapsed = (pl.lit(as_of) - scored).dt.total_days().cast(pl.Int32)
    return (
        long.filter(scored <= as_of)
        .join(known, on="opportunity_id", how="inner", maintain_order="left")
        .filter((pl.col("closed") > scored).fill_null(value=True))
        .with_columns(
            days_to_win=pl.when("is_won").then((pl.col("closed") - scored).dt.total_days()),
            elapsed_days=elapsed,
            is_mature=elapsed >= pl.col("horizon_days"),
        )
    )


def _of_issued(scores: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    probabilities = scores.select(pl.col(_PROBABILITY)).columns
    if not probabilities or not set(key) <= set(scores.columns):
        raise ContractError(
            f"These are no scores: they have the columns {listed(scores.columns)}.",
            remedy="give a table with opportunity_id, scored_on and p_won_H, "
            "such as scores_issued, or backtest_predictions",
        )
    horizon = pl.col("variable").str.extract(_PROBABILITY).cast(pl.Int32)
    return scores.unpivot(probabilities, index=key, value_name="p_won").with_columns(
        horizon_days=horizon
    )


def _of_backtest(predictions: pl.DataFrame) -> pl.DataFrame:
    estimators = predictions["estimator"].unique().sort() if "estimator" in predictions else ()
    if len(estimators) > 1:
        raise ModelError(
            f"The predictions are of several estimators: {listed(estimators)}.",
            remedy="filter them by the column estimator",
        )
    return predictions.rename({"snapshot_date": "scored_on"})
