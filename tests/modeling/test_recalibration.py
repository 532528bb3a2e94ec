from datetime import date

import numpy as np
import polars as pl
import pytest

from dealcast.modeling.recalibration import UNCHANGED, Recalibration, recalibrate


def matured(
    count: int, truth: Recalibration = UNCHANGED, *, rows_each: int = 1, seed: int = 1
) -> pl.DataFrame:
    """Predictions off by what `truth` mends, and what came of them."""
    rng = np.random.default_rng(seed)
    said, share = rng.uniform(0.02, 0.98, count), rng.uniform(0.2, 0.9, count)
    closed = rng.random(count) < truth.closed(said)
    won = rng.random(count) < 1 / (1 + np.exp(-np.log(share / (1 - share)) - truth.winning))
    once = pl.DataFrame(
        {
            "opportunity_id": [f"O{i}" for i in range(count)],
            "snapshot_date": date(2024, 6, 3),
            "horizon_days": 30,
            "p_won": said * share,
            "p_lost": said * (1 - share),
            "outcome": np.where(closed, np.where(won, "won", "lost"), "open"),
        }
    )
    return pl.concat([once] * rows_each)


@pytest.mark.parametrize("empty", [pl.DataFrame(), matured(1).clear()])
def test_nothing_to_learn_from_changes_nothing(empty: pl.DataFrame) -> None:
    assert recalibrate(empty) == UNCHANGED


@pytest.mark.parametrize("seed", range(5))
def test_calibrated_predictions_stay_within_noise(seed: int) -> None:
    found = recalibrate(matured(4_000, seed=seed))

    # Two to three standard errors of 4,000 independent rows.
    assert found.shift == pytest.approx(0, abs=0.1)
    assert found.slope == pytest.approx(1, abs=0.1)
    assert found.winning == pytest.approx(0, abs=0.12)


@pytest.mark.parametrize(
    "truth",
    [
        Recalibration(shift=0.6),
        Recalibration(slope=0.7),
        Recalibration(slope=1.3),
        Recalibration(winning=-0.5),
        Recalibration(shift=-0.4, slope=0.8, winning=0.3),
    ],
)
def test_what_predictions_are_off_by_is_recovered(truth: Recalibration) -> None:
    found = recalibrate(matured(50_000, truth))

    assert found.shift == pytest.approx(truth.shift, abs=0.04)
    assert found.slope == pytest.approx(truth.slope, abs=0.03)
    assert found.winning == pytest.approx(truth.winning, abs=0.04)


def test_few_predictions_move_little() -> None:
    few, many = (recalibrate(matured(n, Recalibration(shift=1.0))) for n in (5, 5_000))

    assert abs(few.shift) < 0.6
    assert many.shift == pytest.approx(1, abs=0.15)


def test_more_rows_of_the_same_opportunities_are_no_more_evidence() -> None:
    once, often = (
        recalibrate(matured(50, Recalibration(shift=0.8, winning=0.4), rows_each=n)) for n in (1, 9)
    )

    assert vars(often) == pytest.approx(vars(once))


def test_where_nothing_closed_winning_is_not_moved() -> None:
    found = recalibrate(matured(100).with_columns(outcome=pl.lit("open")))

    assert found.winning == 0
    assert found.shift < 0


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_predictions_that_fail_give_a_finite_recalibration(p: float) -> None:
    failed = matured(200).with_columns(
        p_won=pl.lit(p), p_lost=pl.lit(0.0), outcome=pl.lit("open" if p else "lost")
    )

    found = recalibrate(failed)

    assert np.isfinite(list(found.to_dict().values())).all()
    assert found.slope >= 0.1


def test_the_chance_to_have_closed_keeps_its_order_and_its_zero() -> None:
    p = np.array([0.0, 1e-15, 1e-6, 0.3, 0.3, 0.9, 1.0])

    found = Recalibration(shift=1.0, slope=0.5).closed(p)

    assert found[0] == 0
    assert (np.diff(found) >= 0).all()
    assert found[3] == pytest.approx(1 / (1 + np.exp(-1 - 0.5 * np.log(3 / 7))))
    assert found.max() <= 1
    assert UNCHANGED.closed(p) is p


@pytest.mark.parametrize("mended", [UNCHANGED, Recalibration(0.4, 0.8), Recalibration(-0.3, 1.2)])
def test_what_was_recalibrated_is_turned_back(mended: Recalibration) -> None:
    p = np.array([0.0, 1e-6, 0.2, 0.5, 0.999])

    assert np.allclose(mended.before(mended.closed(p)), p, rtol=1e-9, atol=0)
