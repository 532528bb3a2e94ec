import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from dealcast.modeling import risks
from dealcast.modeling.effects import GroupEffects
from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.history import known_by
from dealcast.modeling.never_close import LEARNT, NeverClose, log_odds, logistic
from dealcast.modeling.recalibration import Recalibration
from dealcast.modeling.risks import CompetingRisks
from dealcast.modeling.traits import Traits
from dealcast.snapshots import day_number

ANY_DAY = day_number(date(2024, 10, 20))
RNG = np.random.default_rng(2)
TABLE = ClosingTable(
    ages=np.array([1, 8, 40]),
    closing=RNG.uniform(0, 0.1, (3, 14)),
    won=np.array([0.2, 0.5, 0.8]),
    fiscal_year_start_month=2,
)
BY_AGENT = {"Ann": 0.7, "Bob": -0.4}
RICH = CompetingRisks(
    TABLE,
    NeverClose(-1.0, (GroupEffects(("sales_agent",), BY_AGENT, 0.3),), LEARNT),
    speed=(GroupEffects(("product",), {"Alpha": 0.5}, 0.1),),
    winning=(GroupEffects(("sales_agent",), {"Ann": -1.0}, 0.1),),
)
AGES = np.array([0, 3, 3, 38, 500])
DAYS = ANY_DAY + np.array([0, 0, 9, 0, 0])
TRAITS = Traits(
    DAYS - AGES,
    {
        "sales_agent": pl.Series(["Ann", "Bob", None, "Ann", "New"]),
        "product": pl.Series(["Alpha", None, "Beta", "Alpha", "Alpha"]),
    },
)


def by_loop(row: int, horizon: int, *, rich: bool) -> tuple[float, float]:
    """P(won) and P(lost) of one row, day by day."""
    agent, product = (TRAITS.names[n][row] for n in ("sales_agent", "product"))
    speed = np.exp(0.5) if rich and product == "Alpha" else 1.0
    shift = -1.0 if rich and agent == "Ann" else 0.0

    def chances(age: int) -> tuple[float, float]:
        day = np.array([DAYS[row] - AGES[row] + age])
        hazard = 1 - (1 - TABLE.closing_hazard(np.array([age]), day)[0]) ** speed
        share = TABLE.share_won(day)[0]
        return hazard, float(logistic(np.log(share / (1 - share)) + shift))

    survived = np.prod([1 - chances(age)[0] for age in range(1, int(AGES[row]) + 1)])
    prior = logistic(np.array([-1.0 + BY_AGENT.get(agent, 0.0)]))[0] if rich else 0.0
    never = prior / (prior + (1 - prior) * survived)
    still_open, won, lost = 1 - never, 0.0, 0.0
    for k in range(1, horizon + 1):
        hazard, share = chances(int(AGES[row]) + k)
        won += still_open * hazard * share
        lost += still_open * hazard * (1 - share)
        still_open *= 1 - hazard
    return won, lost


@pytest.mark.parametrize("rich", [False, True], ids=["plain", "rich"])
def test_incidence_is_that_of_a_loop_over_days(*, rich: bool) -> None:
    model = RICH if rich else CompetingRisks(TABLE)

    found = model.incidence(TRAITS, DAYS, (90, 1, 30))

    for row in range(len(DAYS)):
        for column, horizon in enumerate((90, 1, 30)):
            won, lost = by_loop(row, horizon, rich=rich)
            assert found.won[row, column] == pytest.approx(won, abs=1e-12)
            assert found.lost[row, column] == pytest.approx(lost, abs=1e-12)


def test_daily_chances_add_up_to_the_incidence() -> None:
    daily, within = RICH.daily(TRAITS, DAYS, 30), RICH.incidence(TRAITS, DAYS, (30,))

    assert daily.won.shape == (5, 30)
    assert daily.won.sum(axis=1) == pytest.approx(within.won[:, 0])
    assert daily.lost.sum(axis=1) == pytest.approx(within.lost[:, 0])


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = RICH.incidence(TRAITS, DAYS, (30, 60))
    monkeypatch.setattr(risks, "BLOCK", 2)

    parts = RICH.incidence(TRAITS, DAYS, (30, 60))

    assert np.array_equal(whole.won, parts.won)
    assert np.array_equal(whole.lost, parts.lost)
    assert np.array_equal(RICH.daily(TRAITS, DAYS, 7).won, RICH.daily(TRAITS, DAYS, 9).won[:, :7])


def test_incidence_of_nobody_is_empty() -> None:
    nobody = np.array([], dtype=np.int64)

    assert RICH.incidence(Traits(nobody), nobody, (30, 60)).won.shape == (0, 2)
    assert RICH.daily(Traits(nobody), nobody, 7).lost.shape == (0, 7)


def test_recalibration_moves_closing_and_winning_apart() -> None:
    plain = RICH.incidence(TRAITS, DAYS, (30,))
    moved = CompetingRisks(
        TABLE, RICH.never_close, RICH.speed, RICH.winning, Recalibration(shift=0.5, slope=0.9)
    ).incidence(TRAITS, DAYS, (30,))
    favoured = CompetingRisks(
        TABLE, RICH.never_close, RICH.speed, RICH.winning, Recalibration(winning=0.5)
    ).incidence(TRAITS, DAYS, (30,))

    # The last one never closes, and a recalibration does not change that.
    assert plain.won[-1] + plain.lost[-1] == moved.won[-1] + moved.lost[-1] == 0
    closed = (plain.won + plain.lost)[:-1]
    expected = logistic(0.5 + 0.9 * log_odds(closed))
    assert (moved.won + moved.lost)[:-1] == pytest.approx(expected)
    assert (favoured.won + favoured.lost)[:-1] == pytest.approx(closed)
    assert (favoured.won > plain.won)[:-1].all()


def test_what_was_fitted_survives_json() -> None:
    model = CompetingRisks(
        TABLE, RICH.never_close, RICH.speed, RICH.winning, Recalibration(0.1, 0.9, -0.2)
    )

    again = CompetingRisks.from_dict(json.loads(json.dumps(model.to_dict())))

    assert again.to_dict() == model.to_dict()
    for one, other in zip(
        again.incidence(TRAITS, DAYS, (30, 60)),
        model.incidence(TRAITS, DAYS, (30, 60)),
        strict=True,
    ):
        assert np.array_equal(one, other)


def test_an_update_learns_who_never_closes_and_nothing_else(
    steady: pl.DataFrame, steady_until: date
) -> None:
    recalibrated = CompetingRisks(
        TABLE, RICH.never_close, RICH.speed, RICH.winning, Recalibration(0.1)
    )
    history = known_by(steady, steady_until)

    found = recalibrated.updated(history)

    assert found.never_close is not None
    assert found.never_close.to_dict() != RICH.never_close.to_dict()
    assert found.never_close.prior_groups == LEARNT
    assert found.to_dict() == recalibrated.to_dict() | {"never_close": found.never_close.to_dict()}
    assert found.updated(history).to_dict() == found.to_dict()


def test_without_those_that_never_close_an_update_changes_nothing(
    steady: pl.DataFrame, steady_until: date
) -> None:
    plain = CompetingRisks(TABLE)

    assert plain.updated(known_by(steady, steady_until)) is plain


def test_an_update_with_nobody_at_risk_is_possible(
    steady: pl.DataFrame,
) -> None:
    on_its_first_day = steady.head(3).with_columns(
        deal_stage=pl.lit("Won"), close_date=pl.col("engage_date")
    )

    found = RICH.updated(known_by(on_its_first_day, date(2024, 12, 31)))

    assert np.isfinite(found.incidence(TRAITS, DAYS, (30,)).won).all()
