from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
import pytest

from dealcast.forecasting import choose, coverage, figures
from dealcast.forecasting.champion import chance_of

ACTUAL = 1_000.0


def backtest_of(**errors: Sequence[float]) -> pl.DataFrame:
    """Months of 1,000 each, forecast with these errors; intervals of 100 either side."""
    return pl.DataFrame(
        [
            {
                "method": name.replace("_", " "),
                "period_kind": "month",
                "ahead": 1,
                "issued_on": date(2024, 1 + at, 1),
                "forecast": ACTUAL + error,
                "actual": ACTUAL,
                "low": ACTUAL + error - 100,
                "high": ACTUAL + error + 100,
            }
            for name, of_it in errors.items()
            for at, error in enumerate(of_it)
        ]
    )


SMALL, LARGE = [20.0, -30.0, 10.0, 25.0, -15.0, 30.0, 20.0], [300.0] * 7


def test_one_that_is_better_beyond_chance_replaces_the_current_one() -> None:
    champion = choose(backtest_of(model=SMALL, blend=LARGE, last_month=LARGE))

    assert champion.method == "model"
    assert not champion.is_tie
    assert champion.reason == (
        "'model' has the least error of 7 months (WAPE 2.1%), and no other comes near."
    )


def test_a_tie_keeps_the_current_one_and_is_called_a_tie() -> None:
    almost = [error + 1 for error in SMALL]

    champion = choose(backtest_of(last_month=almost, model=SMALL, blend=[-e - 3 for e in SMALL]))

    assert champion.method == "blend"
    assert champion.tied == ("last month", "blend")
    assert champion.reason.startswith("A tie: 'model' has the least error")
    assert champion.reason.endswith("'blend' is issued.")


def test_where_the_current_one_is_worse_a_tie_goes_to_the_plainest() -> None:
    almost = [error + 1 for error in SMALL]

    champion = choose(backtest_of(last_month=almost, model=SMALL, blend=LARGE))

    assert champion.method == "last month"


def test_few_months_tell_nobody_apart() -> None:
    champion = choose(backtest_of(model=SMALL[:3], blend=LARGE[:3]))

    assert champion.method == "blend"
    assert champion.is_tie


def test_what_could_not_be_issued_in_every_month_is_no_candidate() -> None:
    champion = choose(backtest_of(last_month=SMALL[:2], blend=LARGE))

    assert set(champion.wape) == {"blend"}


def test_list_value_times_win_rate_is_never_issued() -> None:
    champion = choose(backtest_of(list_value_x_win_rate=SMALL, blend=LARGE))

    assert champion.method == "blend"


def test_without_a_month_to_test_on_the_model_is_issued_unbacktest_of() -> None:
    champion = choose(backtest_of(model=SMALL).clear())

    assert (champion.method, champion.n) == ("model", 0)
    assert "untested" in champion.reason


def test_figures_are_shares_of_what_was_booked() -> None:
    only = figures(backtest_of(model=[200.0, -100.0]))[0]

    assert (only.n, only.wape, only.bias) == (2, pytest.approx(0.15), pytest.approx(0.05))
    assert (only.intervals, only.covered) == (2, 0.5)
    assert coverage(backtest_of(model=[200.0, -100.0]), "model") == {"month": (2, 0.5)}


def test_months_without_a_booking_tell_no_shares_and_test_nobody() -> None:
    months = backtest_of(model=[20.0], blend=[30.0]).with_columns(actual=pl.lit(0.0))

    assert {(f.wape, f.bias) for f in figures(months)} == {(None, None)}
    chosen = choose(months)
    assert (chosen.method, chosen.wape) == ("model", {})
    assert "nothing was booked" in chosen.reason


def test_the_chance_of_a_difference_is_that_of_its_signs() -> None:
    rng = np.random.default_rng(0)

    assert chance_of(np.array([1.0] * 7)) == 2 / 2**7
    assert chance_of(np.zeros(5)) == 1
    assert chance_of(rng.normal(0, 1, 40)) > 0.05
    assert chance_of(rng.normal(2, 1, 40)) < 0.01
