import numpy as np
import pytest
from tests.modeling.predictions import Rows, world

from dealcast.modeling import metrics
from dealcast.modeling.metrics import FloatArray, IntArray
from dealcast.modeling.noise_floors import noise_floor, stratified_noise_floor, timing_strata


@pytest.fixture(scope="module")
def rows() -> Rows:
    return world(300, seed=3)


def test_the_order_of_rows_does_not_matter(rows: Rows) -> None:
    shuffled = rows.take(np.random.default_rng(1).permutation(len(rows.p)))
    strata = timing_strata(rows.date, rows.opportunity % 5)
    again = timing_strata(shuffled.date, shuffled.opportunity % 5)

    one, other = (
        noise_floor(r.won, opportunity=r.opportunity, date=r.date, seed=2, draws=40)
        for r in (rows, shuffled)
    )
    assert one == other
    one, other = (
        stratified_noise_floor(r.won, r.p, opportunity=r.opportunity, strata=s, seed=2, draws=40)
        for r, s in ((rows, strata), (shuffled, again))
    )
    assert vars(one) == pytest.approx(vars(other))


def test_the_floor_is_what_scores_at_random_reach(rows: Rows) -> None:
    rng = np.random.default_rng(2)
    scores = [rng.permutation(300)[rows.opportunity].astype(float) for _ in range(40)]
    areas = [metrics.auc_within(rows.won, p, rows.date) for p in scores]

    found = noise_floor(rows.won, opportunity=rows.opportunity, date=rows.date, seed=2, draws=40)

    assert found.auc_within_date == pytest.approx(np.quantile(np.array(areas), 0.975))


def floor(rows: Rows, opportunity: IntArray, draws: int = 100) -> tuple[float, float]:
    found = noise_floor(rows.won, opportunity=opportunity, date=rows.date, seed=1, draws=draws)
    assert found.auc is not None
    assert found.auc_within_date is not None
    return found.auc, found.auc_within_date


def test_luck_goes_further_with_few_opportunities() -> None:
    few, many = world(100, seed=1), world(3_000, seed=1)

    for lucky, less_lucky in zip(
        floor(few, few.opportunity), floor(many, many.opportunity), strict=True
    ):
        assert lucky > less_lucky > 0.5
        assert less_lucky < 0.53


def test_luck_goes_further_as_rows_of_an_opportunity_go_together(rows: Rows) -> None:
    as_if_independent, _ = floor(rows, np.arange(len(rows.p)))

    assert floor(rows, rows.opportunity)[0] - 0.5 > 1.5 * (as_if_independent - 0.5)


def test_where_nothing_was_won_there_is_no_floor(rows: Rows) -> None:
    found = noise_floor(
        np.zeros(len(rows.p), dtype=bool), opportunity=rows.opportunity, date=rows.date, seed=1
    )

    assert (found.auc, found.auc_within_date) == (None, None)


def test_timing_alone_is_not_above_the_noise_within_date_and_age() -> None:
    rows = world(2_000, seed=5)
    age = rows.date - np.unique(rows.opportunity, return_index=True)[1][rows.opportunity] % 3
    strata = timing_strata(rows.date, age)
    timing = 1 / (1 + rows.date + 20.0 * age)

    def beyond(p: FloatArray) -> tuple[bool, float | None]:
        found = stratified_noise_floor(
            rows.won, p, opportunity=rows.opportunity, strata=strata, seed=1, draws=60
        )
        return found.above_noise, found.auc

    assert beyond(timing) == (False, 0.5)
    above, area = beyond(rows.p)
    assert above
    assert area == pytest.approx(metrics.auc_within(rows.won, rows.p, strata))


def test_one_day_and_age_make_one_stratum() -> None:
    date, age = np.array([17_231, 17_231, 17_232, 17_231]), np.array([1, 2, 1, 1])

    assert np.unique(timing_strata(date, age), return_inverse=True)[1].tolist() == [0, 1, 2, 0]
