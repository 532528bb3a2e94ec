from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from dealcast.errors import HistoryTooShortError
from dealcast.modeling.backtest import LATEST, backtest
from dealcast.modeling.estimators import Context
from dealcast.modeling.evaluation import figures
from dealcast.modeling.learning_curve import SCHEMA, SHARES, learning_curve
from dealcast.modeling.recalibration import UNCHANGED
from dealcast.settings import ModelSettings

SnapshotsOf = Callable[[pl.DataFrame, date], pl.DataFrame]
CONTEXT = Context(ModelSettings(horizons_days=(60, 30), first_origin_after_days=190))


@pytest.fixture(scope="module")
def some(sample_of: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    return sample_of(2_000, 0)


@pytest.fixture(scope="module")
def as_of(some: pl.DataFrame) -> date:
    return some.select(pl.max_horizontal(pl.col("engage_date", "close_date").max())).item()


@pytest.fixture(scope="module")
def curve_of(snapshots_of: SnapshotsOf, as_of: date) -> Callable[..., pl.DataFrame]:
    def of(opportunities: pl.DataFrame, estimator: str = "calendar") -> pl.DataFrame:
        snapshots = snapshots_of(opportunities, as_of)
        return learning_curve(opportunities, snapshots, CONTEXT, estimator=estimator, as_of=as_of)

    return of


def test_each_share_of_the_opportunities_is_learnt_from(
    curve_of: Callable[..., pl.DataFrame], some: pl.DataFrame
) -> None:
    found = curve_of(some)

    assert dict(found.schema) == {name: kind() for name, kind in SCHEMA.items()}
    assert found["share"].to_list() == list(SHARES)
    assert found["opportunities"].to_list() == pytest.approx(
        [some.height * share for share in SHARES], abs=1
    )
    assert found["auc"].is_between(0.5, 1).all()


def test_more_to_learn_from_makes_better_predictions(
    curve_of: Callable[..., pl.DataFrame], some: pl.DataFrame
) -> None:
    losses = curve_of(some)["log_loss"]

    assert losses[-1] < losses[0]


def test_all_of_them_give_what_the_backtest_gives_without_recalibration(
    curve_of: Callable[..., pl.DataFrame],
    some: pl.DataFrame,
    as_of: date,
    snapshots_of: SnapshotsOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dealcast.modeling.backtest.recalibrate", lambda _: UNCHANGED)
    done = backtest(
        some, snapshots_of(some, as_of), CONTEXT, as_of=as_of, estimators=("calendar",)
    ).candidates.filter(pl.col("horizon_days") == 30)
    latest = done["origin"].unique().sort()[-LATEST:]
    expected = figures(done.filter(pl.col("origin").is_in(latest.implode())))

    found = curve_of(some).row(-1, named=True)

    assert found["auc"] == pytest.approx(expected.auc)
    assert found["log_loss"] == pytest.approx(expected.log_loss)
    assert found["log_loss_skill"] == pytest.approx(expected.log_loss_skill)


def test_what_a_backtest_found_by_all_of_them_need_not_be_found_again(
    curve_of: Callable[..., pl.DataFrame],
    some: pl.DataFrame,
    as_of: date,
    snapshots_of: SnapshotsOf,
) -> None:
    snapshots = snapshots_of(some, as_of)
    done = backtest(some, snapshots, CONTEXT, as_of=as_of, estimators=("calendar", "never_close"))

    for estimator, latest in done.latest.items():
        found = learning_curve(
            some, snapshots, CONTEXT, estimator=estimator, as_of=as_of, from_all=latest
        )
        again = curve_of(some, estimator)
        assert found.row(-1) == pytest.approx(again.row(-1))


def test_a_share_from_which_nothing_can_be_learnt_is_left_out(
    curve_of: Callable[..., pl.DataFrame], some: pl.DataFrame
) -> None:
    # The eighth that is learnt from first is never closed.
    place = pl.col("opportunity_id").rank("ordinal") % 8
    still_open = some.with_columns(
        pl.when(place == 0).then(None).otherwise("close_date").alias("close_date"),
        pl.when(place == 0).then(pl.lit("Engaging")).otherwise("deal_stage").alias("deal_stage"),
    )

    assert curve_of(still_open)["share"].to_list() == list(SHARES[1:])


def test_the_order_of_rows_does_not_matter(
    curve_of: Callable[..., pl.DataFrame], some: pl.DataFrame
) -> None:
    shuffled = some.sample(fraction=1, shuffle=True, seed=3)

    assert curve_of(shuffled).equals(curve_of(some))


def test_too_short_a_history_is_said(some: pl.DataFrame, snapshots_of: SnapshotsOf) -> None:
    first = some["close_date"].min()
    early = first + timedelta(days=60)

    with pytest.raises(HistoryTooShortError, match="too short to test a model"):
        learning_curve(some, snapshots_of(some, early), CONTEXT, estimator="calendar", as_of=early)
