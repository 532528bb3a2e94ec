from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.modeling import fitting, metrics
from dealcast.modeling.fitting import fit_mixtures, fit_process
from dealcast.modeling.history import History, known_by
from dealcast.modeling.risks import CompetingRisks
from dealcast.modeling.traits import ENTITIES, traits_of
from dealcast.snapshots import day_number

Rehearsed = Callable[..., pl.DataFrame]
START = date(2024, 1, 1)
BACK = (100, 40)


def log_loss_of_truth(rows: pl.DataFrame, name: str) -> float:
    """Expected log loss (nats) under the true chances, so that outcomes add no noise."""
    q, p = rows["truth"].to_numpy(), rows[name].clip(1e-6, 1 - 1e-6).to_numpy()
    return float(-(q * np.log(p) + (1 - q) * np.log1p(-p)).mean())


def error(rows: pl.DataFrame, name: str) -> float:
    """Mean absolute error against the true chance."""
    return float((rows[name] - rows["truth"]).abs().mean())


def auc(rows: pl.DataFrame, name: str) -> float:
    return metrics.auc(rows["won"].to_numpy(), rows[name].to_numpy()) or 0.0


@pytest.mark.parametrize(
    ("count", "off"), [(20_000, 0.04), pytest.param(100_000, 0.03, marks=pytest.mark.slow)]
)
def test_the_level_is_right_and_telling_who_never_closes_pays(
    rehearsed: Rehearsed, count: int, off: float
) -> None:
    rows = rehearsed(count, 0, ("calendar", "never_close"), BACK)

    assert rows["never_close"].sum() / rows["truth"].sum() == pytest.approx(1, abs=off)
    assert log_loss_of_truth(rows, "never_close") < log_loss_of_truth(rows, "calendar")
    assert error(rows, "never_close") < 0.75 * error(rows, "calendar")


@pytest.mark.parametrize(
    ("fewer", "more"), [(2_000, 20_000), pytest.param(20_000, 100_000, marks=pytest.mark.slow)]
)
def test_the_error_against_the_truth_shrinks_with_the_export(
    rehearsed: Rehearsed, fewer: int, more: int
) -> None:
    errors = [
        error(rehearsed(count, 0, ("calendar", "never_close"), BACK), "never_close")
        for count in (fewer, more)
    ]

    assert errors[1] < 0.85 * errors[0]


@pytest.mark.parametrize(
    ("count", "short_by"), [(20_000, 0.015), pytest.param(100_000, 0.01, marks=pytest.mark.slow)]
)
def test_where_entities_differ_their_effects_reach_nearly_the_best_auc(
    rehearsed: Rehearsed, count: int, short_by: float
) -> None:
    rows = rehearsed(count, 2, ("age", "entities"), BACK)

    best = auc(rows, "truth")
    assert best - short_by < auc(rows, "entities") < best + 0.003
    assert auc(rows, "age") < best - 0.05
    assert rows["entities"].sum() / rows["truth"].sum() == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("signal", [0, 2])
def test_no_estimator_ranks_better_than_the_truth(rehearsed: Rehearsed, signal: int) -> None:
    names = ("climatology", "age", "calendar", "never_close", "shifting", "entities")

    rows = rehearsed(2_000, signal, names, BACK)

    for name in names:
        assert auc(rows, name) < auc(rows, "truth") + 0.015
        assert log_loss_of_truth(rows, name) > log_loss_of_truth(rows, "truth")


def test_speeds_settle_and_do_not_drift_with_the_rounds(
    sample_of: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    opportunities = sample_of(4_000, 2)
    history = known_by(opportunities, opportunities["close_date"].max())

    def speeds(rounds: int) -> np.ndarray:
        monkeypatch.setattr(fitting, "SPEED_ROUNDS", rounds)
        (fitted,) = fit_mixtures([history], fiscal_year_start_month=1, entities=("sales_agent",))
        return fitted.log_speed(history.traits)

    few, many = speeds(8), speeds(24)

    assert np.abs(many - few).max() < 0.1
    assert abs(few.mean()) < 0.5 < np.ptp(few)


def test_a_process_by_age_knows_no_calendar(steady: pl.DataFrame, steady_until: date) -> None:
    history = known_by(steady, steady_until)

    fitted = fit_process(history, fiscal_year_start_month=1, calendar=False)

    assert np.ptp(fitted.table.closing, axis=1).max() == 0
    assert fitted.never_close is None


def test_where_all_close_hardly_any_is_thought_never_to(
    steady: pl.DataFrame, steady_until: date
) -> None:
    history = known_by(steady, steady_until)

    (fitted,) = fit_mixtures([history], fiscal_year_start_month=1)

    assert fitted.never_close is not None
    share = 1 / (1 + np.exp(-fitted.never_close.log_odds(history.traits)))
    assert share.mean() < 0.02


def test_a_model_is_as_any_later_day_would_update_it(
    steady: pl.DataFrame, steady_until: date
) -> None:
    history = known_by(steady.head(2_000), steady_until)

    (fitted,) = fit_mixtures([history], fiscal_year_start_month=1, entities=("sales_agent",))

    assert fitted.updated(history).to_dict() == fitted.to_dict()


@pytest.mark.parametrize("entities", [(), ENTITIES], ids=["alike", "told apart"])
def test_histories_learnt_from_abreast_say_what_each_says_alone(
    sample_of: Rehearsed, entities: tuple[str, ...]
) -> None:
    opportunities = sample_of(800, 1)
    last = opportunities["close_date"].max()
    traits, days = traits_of(opportunities.head(50)), np.full(50, day_number(last))

    def each() -> list[History]:
        return [known_by(opportunities, last - timedelta(back)) for back in (0, 60, 150)]

    abreast = fit_mixtures(each(), fiscal_year_start_month=1, entities=entities)

    for history, found in zip(each(), abreast, strict=True):
        (alone,) = fit_mixtures([history], fiscal_year_start_month=1, entities=entities)
        assert found.log_speed(traits) == pytest.approx(alone.log_speed(traits), abs=1e-9)
        assert found.log_speed(traits).any() == bool(entities)
        chances = (fitted.incidence(traits, days, (30, 90)) for fitted in (found, alone))
        for one, other in zip(*chances, strict=True):
            assert one == pytest.approx(other, abs=1e-9)


def test_the_order_of_rows_does_not_change_a_bit(sample_of: Rehearsed) -> None:
    opportunities = sample_of(500, 1)
    until = opportunities["close_date"].max()

    histories = [
        known_by(rows, until)
        for rows in (opportunities, opportunities.sample(fraction=1, shuffle=True, seed=1))
    ]

    one_way, other_way = (
        fitted.to_dict()
        for history in histories
        for fitted in fit_mixtures([history], fiscal_year_start_month=2, entities=ENTITIES)
    )

    assert one_way == other_way


def days(*numbers: int) -> list[date]:
    return [START + timedelta(n) for n in numbers]


EXPORTS = {
    "one closed": [("Won", *days(0, 1))],
    "one closed, one open": [("Won", *days(0, 1)), ("Engaging", *days(0), None)],
    "one cohort": [("Won", *days(0, n)) for n in range(1, 30)],
    "all closed a day later": [("Lost", *days(n, n + 1)) for n in range(40)],
    "nearly all closed on their first day": [
        *[("Won", *days(n, n)) for n in range(40)],
        ("Lost", *days(3, 9)),
    ],
    "hardly any closed": [
        ("Won", *days(0, 9)),
        *[("Engaging", *days(n % 60), None) for n in range(400)],
    ],
    "ends of months": [
        ("Won" if n % 3 else "Lost", date(2024, 1 + n % 5, 1), date(2024, 2 + n % 5 + n % 4, 28))
        for n in range(60)
    ],
    "engaged long before": [
        ("Engaging", date(1999, 1, 4), None),
        ("Won", date(2003, 5, 5), date(2024, 3, 1)),
        *[("Lost", *days(n, n + 7)) for n in range(60)],
    ],
    "a long history": [("Won", *days(n, n + 30)) for n in range(-4_000, 100, 50)],
}


@pytest.mark.parametrize("agents", [(None,), ("Ann", None, "Bob")], ids=str)
@pytest.mark.parametrize("name", EXPORTS)
def test_odd_exports_are_fitted_and_predicted(
    opportunities_of: Callable[..., pl.DataFrame], name: str, agents: tuple[str | None, ...]
) -> None:
    opportunities = opportunities_of(EXPORTS[name], agents=agents)
    until = date(2024, 12, 31)
    history = known_by(opportunities, until)

    (fitted,) = fit_mixtures([history], fiscal_year_start_month=11, entities=ENTITIES)

    today = np.full(opportunities.height, day_number(until))
    for model in (fitted, CompetingRisks(fitted.table), fitted.updated(history)):
        won, lost = model.incidence(traits_of(opportunities), today, (1, 30, 400))
        assert np.isfinite(won).all()
        assert (won >= 0).all()
        assert (lost >= 0).all()
        assert (won + lost <= 1 + 1e-12).all()
