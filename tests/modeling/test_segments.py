from datetime import date

import numpy as np
import polars as pl
import pytest

from dealcast.modeling import metrics
from dealcast.modeling.segments import (
    by_age_band,
    by_segment,
    observed_over_expected,
    reliability_with_intervals,
)

BANDS = ["0-7", "8-14", "15-30", "31-60", "61-90", "91-older", "stale"]


def predictions(count: int = 600, *, seed: int = 0) -> pl.DataFrame:
    """Two horizons; `product` Alpha is predicted right, Beta at half its chances."""
    rng = np.random.default_rng(seed)
    p = rng.choice([0.1, 0.3, 0.6], count)
    product = rng.choice(["Alpha", "Beta"], count)
    won = rng.random(count) < p
    frame = pl.DataFrame(
        {
            "opportunity_id": [f"O{i // 3}" for i in range(count)],
            "snapshot_date": [date(2024, 6, 1 + 7 * (i % 3)) for i in range(count)],
            "age_days": rng.integers(0, 150, count),
            "p_won": np.where(product == "Beta", p / 2, p),
            "outcome": np.where(won, "won", "open"),
            "product": product,
        }
    ).with_columns(is_stale=pl.col("age_days") > 120)
    return pl.concat([frame.with_columns(horizon_days=pl.lit(h, pl.Int32)) for h in (30, 60)])


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, "0-7"), (7, "0-7"), (8, "8-14"), (30, "15-30"), (31, "31-60"), (60, "31-60"),
     (90, "61-90"), (91, "91-older"), (4_000, "91-older")],
)  # fmt: skip
def test_an_age_has_its_band(age: int, band: str) -> None:
    rows = predictions(6).with_columns(age_days=pl.lit(age), is_stale=pl.lit(value=False))

    assert by_age_band(rows)["age_band"].to_list() == [band, band]


def test_bands_come_by_horizon_and_age_with_the_stale_ones_last() -> None:
    table = by_age_band(predictions())

    assert table["horizon_days"].to_list() == [30] * 7 + [60] * 7
    assert table["age_band"].to_list() == BANDS * 2
    assert table["n"].sum() == 1_200
    stale = table.filter(age_band="stale", horizon_days=30)
    assert stale["n"].item() == predictions().filter("is_stale", horizon_days=30).height


def test_a_part_has_the_figures_of_its_rows() -> None:
    rows = predictions()
    part = rows.filter(product="Beta", horizon_days=60)
    won, p = (part["outcome"] == "won").to_numpy(), part["p_won"].to_numpy()
    climatology = metrics.log_loss(won, np.full(len(p), won.mean()))

    row = by_segment(rows, "product").row(3, named=True)

    low, high = row.pop("ratio_low"), row.pop("ratio_high")
    assert row == {
        "horizon_days": 60,
        "product": "Beta",
        "n": part.height,
        "opportunities": part["opportunity_id"].n_unique(),
        "rate": won.mean(),
        "predicted": p.mean(),
        "ratio": pytest.approx(won.sum() / p.sum()),
        "auc": metrics.auc(won, p),
        "log_loss_skill": pytest.approx(1 - metrics.log_loss(won, p) / climatology),
        "ece": pytest.approx(metrics.expected_calibration_error(metrics.reliability(won, p))),
    }
    assert 1.5 < low < row["ratio"] < high < 2.8


def test_the_level_is_right_where_the_interval_holds_one() -> None:
    alpha = by_segment(predictions(), "product").row(0, named=True)

    assert alpha["ratio_low"] < 1 < alpha["ratio_high"]


def test_a_blank_is_a_part_of_its_own() -> None:
    rows = predictions().with_columns(product=pl.when(pl.col("product") == "Alpha").then("product"))

    assert by_segment(rows, "product")["product"].to_list() == ["Alpha", None] * 2


def test_the_order_of_rows_does_not_matter() -> None:
    rows = predictions()
    shuffled = rows.sample(fraction=1, shuffle=True, seed=3)

    for one, other in (
        (by_age_band(rows), by_age_band(shuffled)),
        (by_segment(rows, "product"), by_segment(shuffled, "product")),
    ):
        for left, right in zip(one.rows(), other.rows(), strict=True):
            assert left[:2] == right[:2]
            assert left[2:] == pytest.approx(right[2:])


def test_no_predictions_have_no_parts() -> None:
    assert by_age_band(predictions().clear()).is_empty()


def test_the_ratio_where_nothing_was_won_has_an_upper_end() -> None:
    won, p = np.zeros(40, dtype=bool), np.full(40, 0.1)

    found = observed_over_expected(won, p, opportunity=np.arange(40))
    fewer = observed_over_expected(won, p, opportunity=np.arange(40) // 4)

    assert found == (0, (0, pytest.approx(3.689 / 4)))
    assert fewer == (0, (0, pytest.approx(3.689)))


def test_the_ratio_where_no_win_was_expected_is_none() -> None:
    assert (
        observed_over_expected(np.array([True]), np.zeros(1), opportunity=np.zeros(1, int)) is None
    )


def test_one_opportunity_gives_a_ratio_without_interval() -> None:
    found = observed_over_expected(
        np.array([True, True]), np.array([0.5, 0.5]), opportunity=np.zeros(2, int)
    )

    assert found == (2, None)


def test_reliability_has_the_same_groups_with_wider_intervals() -> None:
    rng = np.random.default_rng(1)
    chance = rng.uniform(0.1, 0.8, 400)
    won, p = np.repeat(rng.random(400) < chance, 8), np.repeat(chance, 8)
    opportunity = np.repeat(np.arange(400), 8)

    naive = metrics.reliability(won, p)
    clustered = reliability_with_intervals(won, p, opportunity=opportunity, seed=1)

    assert len(clustered) == 10
    for one, other in zip(naive, clustered, strict=True):
        assert (one.n, one.predicted, one.observed) == (other.n, other.predicted, other.observed)
        assert other.low <= other.observed <= other.high
        assert other.high - other.low > 1.7 * (one.high - one.low)


def test_reliability_where_all_had_one_outcome_is_not_certain() -> None:
    p = np.repeat([0.1, 0.9], 20)
    won = p > 0.5

    low, high = reliability_with_intervals(won, p, opportunity=np.arange(40) // 2, seed=1)

    assert (low.observed, high.observed) == (0, 1)
    # Ten opportunities in each: Wilson's interval of 0 of 10.
    assert (low.high, high.low) == (
        pytest.approx(0.2775, abs=1e-3),
        pytest.approx(0.7225, abs=1e-3),
    )


@pytest.mark.slow
def test_the_ratio_s_interval_holds_one_in_95_of_100_cases() -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(1_000):
        chance = rng.uniform(0.02, 0.4, 150)
        dates = rng.integers(1, 9, 150)
        opportunity = np.repeat(np.arange(150), dates)
        won = (rng.random(150) < chance)[opportunity]
        _, interval = observed_over_expected(won, chance[opportunity], opportunity=opportunity) or (
            0,
            None,
        )
        assert interval is not None
        held.append(interval[0] <= 1 <= interval[1])

    assert 0.92 <= np.mean(held) <= 0.98
