from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from dealcast.monitoring.scores import compare_scores
from dealcast.monitoring.windows import Windows, windows

Draw = Callable[..., Any]


def compared(business: Any, scores: pl.DataFrame | None) -> dict[tuple[str, str], Any]:
    within: Windows = windows(
        business.tables, as_of=business.as_of, trained_until=None, current_days=90
    )
    rows = compare_scores(scores, business.tables.opportunities.collect(), within, min_rows=50)
    return {(c.kind, c.what): c for c in rows}


def test_true_chances_neither_shift_nor_fail(generated: Draw) -> None:
    business = generated(1)

    found = compared(business, business.scores)

    assert len(found) == 6
    assert all(c.p_value is not None and c.p_value > 1e-3 for c in found.values())


def test_larger_scores_that_do_not_come_true_are_both_found(generated: Draw) -> None:
    business = generated(1)
    larger = (
        pl.when(pl.col("scored_on") > business.trained_until)
        .then((1.6 * pl.col(r"^p_won_\d+$")).clip(0, 1))
        .otherwise(pl.col(r"^p_won_\d+$"))
    )

    found = compared(business, business.scores.with_columns(larger.name.keep()))

    assert found["score", "p_won_90"].effect > 0.15
    assert found["score", "p_won_90"].p_value < 1e-6
    assert found["calibration", "p_won_30"].effect < 0.8


def test_a_score_counts_as_first_only_if_engaged_since_the_last_date(generated: Draw) -> None:
    business = generated(1)
    last = business.as_of - timedelta(90)

    found = compared(business, business.scores.filter(pl.col("scored_on") > last))

    assert found["score", "p_won_30"].p_value is None
    assert found["score", "p_won_30"].n_reference == 0
    assert "too few" in found["score", "p_won_30"].note


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        (None, "no scores were given"),
        (pl.DataFrame(schema={"opportunity_id": pl.String}), "no scores were issued yet"),
    ],
)
def test_without_scores_nothing_is_said_of_them(
    generated: Draw, scores: pl.DataFrame | None, why: str
) -> None:
    found = compared(generated(1), scores)

    assert {c.note for c in found.values()} == {why}
