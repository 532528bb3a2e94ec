from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import BacktestCandidates
from dealcast.errors import ModelError
from dealcast.modeling import backtest as module
from dealcast.modeling.backtest import Backtest, backtest
from dealcast.modeling.estimators import ESTIMATORS, Context
from dealcast.modeling.history import known_by
from dealcast.modeling.recalibration import UNCHANGED, Recalibration, recalibrate
from dealcast.settings import ModelSettings

SnapshotsOf = Callable[[pl.DataFrame, date], pl.DataFrame]
CONTEXT = Context(
    ModelSettings(horizons_days=(60, 30), first_origin_after_days=190),
    entities=("sales_agent",),
)
NAMES = ("climatology", "calendar", "entities")
KEY = BacktestCandidates.primary_key()


@pytest.fixture(scope="module")
def some(sample_of: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    """800 opportunities of a year and a quarter; agents and products differ."""
    return sample_of(800, 1)


@pytest.fixture(scope="module")
def as_of(some: pl.DataFrame) -> date:
    return some.select(pl.max_horizontal(pl.col("engage_date", "close_date").max())).item()


@pytest.fixture(scope="module")
def run(snapshots_of: SnapshotsOf, as_of: date) -> Callable[..., Backtest]:
    def of(opportunities: pl.DataFrame, **changed: object) -> Backtest:
        arguments = {"as_of": as_of, "estimators": NAMES, **changed}
        snapshots = snapshots_of(opportunities, arguments["as_of"])
        return backtest(opportunities, snapshots, CONTEXT, **arguments)

    return of


@pytest.fixture(scope="module")
def done(run: Callable[..., Backtest], some: pl.DataFrame) -> Backtest:
    return run(some)


def origins(done: Backtest) -> list[date]:
    return done.candidates["origin"].unique().sort().to_list()


def test_predictions_meet_their_contract(
    run: Callable[..., Backtest], steady: pl.DataFrame
) -> None:
    found = run(steady.head(1_500), as_of=date(2024, 10, 26), estimators=tuple(ESTIMATORS))

    BacktestCandidates.validate(found.candidates)
    assert set(found.candidates["estimator"]) == set(ESTIMATORS) == set(found.recalibrations)
    assert set(found.candidates["horizon_days"]) == {30, 60}


def test_rows_are_all_snapshots_from_the_first_origin_on_whose_horizon_has_ended(
    done: Backtest, some: pl.DataFrame, as_of: date, snapshots_of: SnapshotsOf
) -> None:
    ends = pl.col("snapshot_date") + pl.duration(days=pl.col("horizon_days"))
    every = (
        snapshots_of(some, as_of)
        .join(pl.DataFrame({"horizon_days": [30, 60]}, {"horizon_days": pl.Int32}), how="cross")
        .join(pl.DataFrame({"estimator": NAMES}), how="cross")
        .filter(ends <= as_of, pl.col("snapshot_date") >= origins(done)[0])
        .select(KEY)
    )

    assert_frame_equal(done.candidates.select(KEY), every, check_row_order=False)


def test_every_prediction_is_of_the_month_of_its_origin(done: Backtest) -> None:
    rows = done.candidates

    assert (rows["snapshot_date"].dt.month_start() == rows["origin"]).all()
    assert len(origins(done)) >= 3


def test_outcomes_are_what_the_opportunities_came_to_within_the_horizon(
    done: Backtest, some: pl.DataFrame
) -> None:
    days = (pl.col("close_date") - pl.col("snapshot_date")).dt.total_days()

    checked = done.candidates.join(some, on="opportunity_id").select(
        "outcome",
        "age_days",
        expected=pl.when(days <= pl.col("horizon_days"))
        .then(pl.col("deal_stage").str.to_lowercase())
        .otherwise(pl.lit("open")),
        age=(pl.col("snapshot_date") - pl.col("engage_date")).dt.total_days(),
    )

    assert checked.height == done.candidates.height
    assert set(checked["outcome"]) == {"won", "lost", "open"}
    assert (checked["outcome"] == checked["expected"]).all()
    assert (checked["age_days"] == checked["age"]).all()


@pytest.mark.parametrize("days_after_the_last_origin", [-1, 9])
def test_nothing_that_happened_after_a_snapshot_is_known_on_it(
    done: Backtest,
    run: Callable[..., Backtest],
    some: pl.DataFrame,
    as_of: date,
    days_after_the_last_origin: int,
) -> None:
    day = origins(done)[-1] + timedelta(days_after_the_last_origin)
    later = pl.col("close_date") > day
    poisoned = some.with_columns(
        deal_stage=pl.when(later).then(pl.lit("Won")).otherwise("deal_stage"),
        close_date=pl.when(later).then(pl.lit(as_of)).otherwise("close_date"),
    )
    arrived = pl.concat(
        [
            poisoned,
            some.with_columns(
                opportunity_id=pl.lit("00-") + pl.col("opportunity_id"),
                deal_stage=pl.lit("Lost"),
                engage_date=pl.lit(day + timedelta(1)),
                close_date=pl.lit(day + timedelta(2)),
            ),
        ]
    )

    changed = run(arrived)

    by_then = pl.col("snapshot_date") <= day
    assert_frame_equal(
        changed.candidates.filter(by_then).drop("outcome"),
        done.candidates.filter(by_then).drop("outcome"),
        check_row_order=False,
        check_exact=True,
    )
    assert changed.recalibrations != done.recalibrations


def test_who_never_closes_is_learnt_anew_on_each_snapshot_date(
    done: Backtest, run: Callable[..., Backtest], some: pl.DataFrame
) -> None:
    origin = origins(done)[0]
    first, second = (
        done.candidates.filter(origin=origin)["snapshot_date"].unique().sort().to_list()[:2]
    )
    between = pl.col("close_date").is_between(first, second, closed="right")
    # Had those of the week between stayed open, more would be thought never to close.
    stayed = some.with_columns(
        deal_stage=pl.when(between).then(pl.lit("Engaging")).otherwise("deal_stage"),
        close_date=pl.when(~between).then("close_date"),
    )

    changed = run(stayed).candidates

    both = done.candidates.join(changed, on=KEY, suffix="_changed").filter(horizon_days=30)
    moved = both.group_by("snapshot_date", "estimator").agg(
        (pl.col("p_won") != pl.col("p_won_changed")).any()
    )
    found = {(day, name): is_moved for day, name, is_moved in moved.rows()}
    assert not any(found[first, name] for name in NAMES)
    assert {name: found[second, name] for name in NAMES} == {
        "climatology": False,
        "calendar": False,
        "entities": True,
    }


def test_recalibration_learns_from_what_had_matured_before_the_origin(
    done: Backtest,
    run: Callable[..., Backtest],
    some: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[pl.DataFrame] = []

    def watched(predictions: pl.DataFrame) -> Recalibration:
        seen.append(predictions)
        return recalibrate(predictions)

    monkeypatch.setattr(module, "recalibrate", watched)

    run(some, estimators=("calendar",))

    *by_origin, at_the_end = seen
    ends = pl.col("snapshot_date") + pl.duration(days=pl.col("horizon_days"))
    every = done.candidates.filter(estimator="calendar").select(KEY)
    for origin, matured in zip(origins(done), by_origin, strict=True):
        expected = every.filter(ends < origin, pl.col("snapshot_date") < origin)
        assert matured.height == expected.height
        if matured.height:
            assert_frame_equal(matured.select(KEY), expected, check_row_order=False)
    assert by_origin[0].is_empty()
    assert not by_origin[-1].is_empty()
    assert at_the_end.height == every.height


def test_recalibration_is_learnt_from_predictions_that_were_not_recalibrated(
    done: Backtest,
    run: Callable[..., Backtest],
    some: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "recalibrate", lambda _: UNCHANGED)
    plain = run(some).candidates

    for name in NAMES:
        assert recalibrate(plain.filter(estimator=name)) == done.recalibrations[name]
    same = plain.filter(estimator="climatology")
    assert_frame_equal(same, done.candidates.filter(estimator="climatology"), check_exact=True)
    assert not plain["p_won"].equals(done.candidates["p_won"])


def test_the_same_rows_in_another_order_give_the_same(
    done: Backtest, run: Callable[..., Backtest], some: pl.DataFrame
) -> None:
    again = run(some.sample(fraction=1, shuffle=True, seed=2))

    assert_frame_equal(again.candidates, done.candidates, check_exact=True)
    assert again.recalibrations == done.recalibrations


def test_what_the_leak_gate_keeps_out_is_not_read(
    done: Backtest, run: Callable[..., Backtest], some: pl.DataFrame
) -> None:
    found = run(some.drop("account"))

    assert_frame_equal(found.candidates, done.candidates, check_exact=True)


def test_progress_is_told_origin_by_origin(
    done: Backtest, run: Callable[..., Backtest], some: pl.DataFrame
) -> None:
    told: list[tuple[str, float]] = []

    run(
        some,
        estimators=("climatology",),
        progress=lambda note, share: told.append((note, share)),
    )

    assert [note for note, _ in told] == [f"origin {origin}" for origin in origins(done)]
    assert [share for _, share in told] == sorted({share for _, share in told})
    assert told[0][1] == 0
    assert told[-1][1] < 1


def test_of_very_many_opportunities_an_even_share_is_tested(
    done: Backtest,
    run: Callable[..., Backtest],
    some: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OPPORTUNITIES_TESTED", 200)

    found = run(some, estimators=("climatology",)).candidates

    every = done.candidates.filter(estimator="climatology")
    assert found.height == pytest.approx(every.height / 4, rel=0.2)
    assert_frame_equal(found, every.join(found, on=KEY, how="semi"), check_row_order=False)


def test_too_short_a_history_is_refused(run: Callable[..., Backtest], some: pl.DataFrame) -> None:
    first = some["close_date"].min()

    with pytest.raises(ModelError, match="is too short to test a model"):
        run(some, as_of=first + timedelta(160))


def test_stale_is_older_than_any_that_had_closed_by_the_origin(
    done: Backtest, some: pl.DataFrame
) -> None:
    for (origin,), rows in done.candidates.group_by("origin"):
        oldest = known_by(some, origin - timedelta(1)).person_days.oldest_closed_age
        assert (rows["is_stale"] == (rows["age_days"] > oldest)).all()
    assert 0 < done.candidates["is_stale"].sum() < done.candidates.height
