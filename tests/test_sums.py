"""Sums that no order of the rows changes."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcast.sums import exact_mean, exact_sum

AMOUNTS = st.lists(st.floats(0, 1e12), min_size=1, max_size=50)
X = pl.col("x")


@given(AMOUNTS, st.randoms(use_true_random=False))
def test_no_order_of_the_rows_changes_a_sum_or_a_mean(amounts: list[float], order: object) -> None:
    shuffled = amounts.copy()
    order.shuffle(shuffled)  # type: ignore[attr-defined]

    results = [
        pl.DataFrame({"x": rows}).select(sum=exact_sum(X), mean=exact_mean(X)).row(0)
        for rows in (amounts, shuffled)
    ]
    assert results[0] == results[1]
    assert results[0] == pytest.approx((math.fsum(amounts), math.fsum(amounts) / len(amounts)))


def test_nor_does_how_the_rows_are_dealt_out() -> None:
    rows = pl.DataFrame({"x": [0.1 * n for n in range(1_000)], "g": [n % 3 for n in range(1_000)]})
    parts = pl.concat([rows.gather_every(7, offset) for offset in range(7)], rechunk=False)

    whole, dealt = (
        frame.lazy()
        .group_by("g")
        .agg(sum=exact_sum(X), mean=exact_mean(X))
        .sort("g")
        .collect(engine=engine)
        for frame, engine in ((rows, "in-memory"), (parts, "streaming"))
    )
    assert whole.rows() == dealt.rows()


def test_of_nothing_the_sum_is_zero_and_the_mean_unknown() -> None:
    none = pl.DataFrame({"x": [None]}, schema={"x": pl.Float64})

    assert none.select(exact_sum(X), exact_mean(X).alias("mean")).row(0) == (0.0, None)
