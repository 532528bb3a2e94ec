from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.modeling.fitting import fit_mixtures, fit_process
from dealcast.modeling.history import known_by
from dealcast.modeling.outlook import win_chances
from dealcast.modeling.risks import CompetingRisks
from dealcast.snapshots import as_known_on

DAYS = 60


@pytest.fixture(scope="module")
def tables(steady: pl.DataFrame) -> CrmTables:
    return CrmTables.cast({"opportunities": steady})


@pytest.fixture(scope="module")
def fitted(steady: pl.DataFrame, steady_until: date) -> CompetingRisks:
    return fit_process(known_by(steady, steady_until), fiscal_year_start_month=1)


def test_everything_open_has_its_chances_day_by_day(
    tables: CrmTables, steady: pl.DataFrame, fitted: CompetingRisks, steady_until: date
) -> None:
    found = win_chances(fitted, tables, origin=steady_until, days=DAYS)

    still_open = steady.filter(pl.col("deal_stage") == "Engaging")
    assert found.open["opportunity_id"].to_list() == sorted(still_open["opportunity_id"])
    won = found.won[found.kind]
    assert won.shape == (still_open.height, DAYS)
    assert won.sum(axis=1).max() <= 1
    assert won[:, 0].mean() == pytest.approx(0.02, rel=0.1)
    assert set(found.open["amount_from"]) == {"mean won value"}
    assert not found.open["is_stale"].all()


def test_a_fresh_one_is_never_won_before_the_day_after_it_engages(
    tables: CrmTables, fitted: CompetingRisks, steady_until: date
) -> None:
    fresh = win_chances(fitted, tables, origin=steady_until, days=DAYS).fresh

    assert fresh.shape == (DAYS, DAYS)
    assert not np.tril(fresh).any()
    assert np.diagonal(fresh, 1).mean() == pytest.approx(0.02, rel=0.15)
    assert fresh[0].sum() == pytest.approx(2 / 3 * (1 - 0.97**59), rel=0.05)


def test_at_an_earlier_origin_nothing_later_is_read(
    tables: CrmTables, steady: pl.DataFrame, steady_until: date
) -> None:
    origin = steady_until - timedelta(days=100)
    (fitted,) = fit_mixtures([known_by(steady, origin)], fiscal_year_start_month=1)

    whole = win_chances(fitted, tables, origin=origin, days=DAYS)
    known = win_chances(fitted, as_known_on(tables, origin), origin=origin, days=DAYS)

    assert whole.open.equals(known.open)
    assert (whole.won[whole.kind] == known.won[known.kind]).all()
    assert (whole.fresh == known.fresh).all()


def test_new_ones_are_as_the_latest_were(
    opportunities_of: Callable[..., pl.DataFrame],
) -> None:
    start, origin = date(2024, 1, 1), date(2024, 12, 31)
    days = [start + timedelta(days=n) for n in range(366)]
    won = opportunities_of(("Won", day, day + timedelta(days=5)) for day in days)
    never = opportunities_of(("Engaging", day, None) for day in days)
    mixed = pl.concat(
        [
            won.with_columns(sales_agent=pl.lit("Ann")),
            never.with_columns(
                sales_agent=pl.lit("Bob"), opportunity_id="N" + pl.col("opportunity_id")
            ),
        ]
    )
    (fitted,) = fit_mixtures([known_by(mixed, origin)], fiscal_year_start_month=1)
    only_ann_lately = mixed.filter(
        (pl.col("sales_agent") == "Ann") | (pl.col("engage_date") < date(2024, 9, 1))
    )

    of_both, of_ann = (
        win_chances(fitted, CrmTables.cast({"opportunities": rows}), origin=origin, days=30).fresh
        for rows in (mixed, only_ann_lately)
    )

    assert of_both[0].sum() == pytest.approx(0.5, abs=0.1)
    assert of_ann[0].sum() > 0.9


def test_nothing_open_has_no_rows(
    fitted: CompetingRisks, opportunities_of: Callable[..., pl.DataFrame]
) -> None:
    closed = opportunities_of([("Won", date(2024, 1, 1), date(2024, 1, 9))])
    tables = CrmTables.cast({"opportunities": closed})

    found = win_chances(fitted, tables, origin=date(2024, 3, 1), days=30)

    assert found.open.is_empty()
    assert found.won[found.kind].shape == (0, 30)
    assert found.fresh[0].sum() > 0
