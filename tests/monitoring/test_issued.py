from datetime import date

import polars as pl
import pytest

from dealcast.errors import ContractError, ModelError
from dealcast.monitoring.issued import long_scores, with_outcomes

MONDAY = date(2024, 1, 1)


def test_where_a_day_was_scored_twice_the_later_run_counts() -> None:
    issued = pl.DataFrame(
        {
            "opportunity_id": ["A", "A", "B"],
            "scored_on": [MONDAY] * 3,
            "p_won_30": [0.1, 0.2, None],
            "p_lost_30": [0.5, 0.5, None],
        }
    )

    assert long_scores(issued).rows() == [("A", MONDAY, 30, 0.2)]


def test_backtest_predictions_are_scores_too() -> None:
    predictions = pl.DataFrame(
        {
            "opportunity_id": ["A"],
            "snapshot_date": [MONDAY],
            "estimator": ["hazard"],
            "horizon_days": [30],
            "p_won": [0.3],
            "outcome": ["won"],
        }
    )

    assert long_scores(predictions).rows() == [("A", MONDAY, 30, 0.3)]
    with pytest.raises(ModelError, match="several estimators"):
        long_scores(
            pl.concat([predictions, predictions.with_columns(estimator=pl.lit("climatology"))])
        )


def test_a_table_without_probabilities_is_refused() -> None:
    with pytest.raises(ContractError, match="opportunity_id"):
        long_scores(pl.DataFrame({"opportunity_id": ["A"]}))


def test_only_what_is_known_by_the_day_is_an_outcome() -> None:
    long = pl.DataFrame(
        {
            "opportunity_id": ["won", "later", "gone", "closed before"],
            "scored_on": [MONDAY] * 4,
            "horizon_days": [30] * 4,
            "p_won": [0.5] * 4,
        }
    )
    opportunities = pl.DataFrame(
        {
            "opportunity_id": ["won", "later", "closed before"],
            "deal_stage": ["Won"] * 3,
            "engage_date": [date(2023, 12, 1)] * 3,
            "close_date": [date(2024, 1, 11), date(2024, 1, 25), date(2023, 12, 31)],
        }
    )

    rows = with_outcomes(long, opportunities, as_of=date(2024, 1, 20))

    told = rows.select("opportunity_id", "days_to_win", "elapsed_days", "is_mature")
    assert told.rows() == [("won", 10, 19, False), ("later", None, 19, False)]
