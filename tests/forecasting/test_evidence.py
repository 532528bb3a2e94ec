from collections.abc import Callable, Iterable
from datetime import date

import numpy as np
import polars as pl
import pytest

from dealcast.errors import ModelError
from dealcast.forecasting.evidence import evidence_at
from dealcast.forecasting.outlook import Outlook
from dealcast.forecasting.periods import period_of

Make = Callable[[Iterable[tuple[object, ...]]], pl.DataFrame]
OutlookOn = Callable[[date, int], Outlook]

ORIGIN = date(2024, 5, 15)


def test_each_day_gets_its_pipeline_and_its_new_business(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    evidence = evidence_at(knowing(1.0)(ORIGIN, 30), even)

    assert evidence.pipeline == pytest.approx([100.0] * 10 + [0.0] * 20)
    assert evidence.new_business == pytest.approx([0.0] * 10 + [100.0] * 20)
    assert evidence.open_amount == 1_000


def test_a_period_that_has_begun_is_partly_booked_and_the_rest_is_still_to_come(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    evidence = evidence_at(knowing(1.0)(ORIGIN, 30), even)
    may = period_of("month", ORIGIN)

    assert evidence.booked(may) == 1_500
    assert evidence.model[evidence.rest_of(may)].sum() == pytest.approx(1_600)


def test_of_another_expectation_the_pipeline_is_what_the_model_expects_of_it(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    evidence = evidence_at(knowing(1.0)(ORIGIN, 30), even)

    pipeline, new_business = evidence.split(np.full(30, 60.0))

    assert pipeline == pytest.approx(np.minimum(evidence.pipeline, 60.0))
    assert (new_business >= 0).all()
    assert pipeline + new_business == pytest.approx(np.full(30, 60.0))


def test_where_the_model_expects_nothing_all_of_it_is_new_business(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    evidence = evidence_at(knowing(0.0)(ORIGIN, 30), even)

    pipeline, new_business = evidence.split(np.full(30, 60.0))

    assert pipeline.sum() == 0
    assert new_business == pytest.approx(np.full(30, 60.0))


def test_what_happened_after_the_origin_does_not_matter(
    even: pl.DataFrame, knowing: Callable[[float], OutlookOn]
) -> None:
    outlook = knowing(1.0)(ORIGIN, 30)
    later = (pl.col("close_date") > ORIGIN) | (pl.col("engage_date") > ORIGIN)
    cut = even.filter(pl.col("engage_date") <= ORIGIN).with_columns(
        deal_stage=pl.when(later).then(pl.lit("Engaging")).otherwise("deal_stage"),
        close_date=pl.when(~later).then("close_date"),
        close_value=pl.when(~later).then("close_value"),
    )

    whole, known = evidence_at(outlook, even), evidence_at(outlook, cut)

    assert known.model == pytest.approx(whole.model)
    assert known.bookings.daily == pytest.approx(whole.bookings.daily)


LOST = ("Lost", date(2024, 5, 1), date(2024, 5, 9), 0.0)


def test_before_the_first_win_new_business_is_worth_what_is_open(
    opportunities_of: Make, knowing: Callable[[float], OutlookOn]
) -> None:
    evidence = evidence_at(knowing(1.0)(ORIGIN, 30), opportunities_of([LOST]))

    assert evidence.bookings.won == 0
    assert np.isfinite(evidence.model).all()


def test_those_alike_may_share_a_row_of_chances() -> None:
    drawn = np.random.default_rng(3)
    won, kind, worth = drawn.random((4, 9)), drawn.integers(0, 4, 50), drawn.random(50)
    alike = Outlook(ORIGIN, pl.DataFrame(), won, np.eye(9), kind)
    each = Outlook(ORIGIN, pl.DataFrame(), won[kind], np.eye(9))

    assert np.allclose(alike.added_up(worth), each.added_up(worth), rtol=1e-12)


def test_where_nobody_knows_what_a_win_is_worth_it_says_so(
    opportunities_of: Make, knowing: Callable[[float], OutlookOn]
) -> None:
    known = knowing(1.0)(ORIGIN, 30)
    unpriced = known.open.with_columns(amount=pl.lit(None, dtype=pl.Float64))
    outlook = Outlook(ORIGIN, unpriced, known.won, known.fresh)

    with pytest.raises(ModelError, match="nobody knows what a win is worth"):
        evidence_at(outlook, opportunities_of([LOST]))
