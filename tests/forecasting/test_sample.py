"""On generated business, whose odds are known, what is expected comes on average."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.forecasting import Outlook
from dealcast.forecasting.evidence import evidence_at
from dealcast.settings import SampleSource
from dealcast.sources.sample import Outcomes, World, dimension_tables, sales_pipeline
from dealcast.sources.sample.recording import opportunity_ids

OutlookOn = Callable[[date, int], Outlook]
DAYS, SEEDS = 60, range(6)


def export(world: World) -> CrmTables:
    opportunities = sales_pipeline(world, threads=1).with_columns(
        pl.col("engage_date", "close_date").str.to_date(), pl.col("close_value").cast(pl.Float64)
    )
    products = dimension_tables(world.settings)["products"]
    return CrmTables.cast({"opportunities": opportunities.collect(), "products": products})


def daily(world: World, outcomes: Outcomes, ages: np.ndarray) -> np.ndarray:
    """True chance to be won on each of the next days."""
    within = [world.truth(outcomes, ages, days)[0] for days in range(1, DAYS + 1)]
    return np.diff(np.stack(within, axis=1), axis=1, prepend=0.0)


def true_outlook(world: World, tables: CrmTables, origin: date) -> Outlook:
    today = (origin - world.settings.start).days
    dated = world.outcomes(0)
    dated = dated.take(~dated.prospecting)
    opened = dated.take((dated.engaged <= today) & (dated.closed > today))
    names = tables.opportunities.select("opportunity_id", "sales_agent", "product").collect()
    rows = pl.DataFrame({"opportunity_id": opportunity_ids(opened, world.settings)}).join(
        names, on="opportunity_id", how="left", maintain_order="left"
    )
    assert tables.products is not None
    prices = tables.products.select("product", amount="sales_price").collect()
    rows = rows.join(prices, on="product", how="left", maintain_order="left")
    won = daily(world, opened, today - opened.engaged)
    recent = dated.take(dated.engaged <= today).take(slice(-40, None))
    fresh = np.zeros((DAYS, DAYS))
    for ahead in range(DAYS):
        new = replace(recent, engaged=np.full(len(recent), today + 1 + ahead))
        chances = daily(world, new, np.zeros(len(new), dtype=np.int64)).mean(axis=0)
        fresh[ahead, ahead + 1 :] = chances[: DAYS - 1 - ahead]
    return Outlook(origin, rows, won, fresh)


def expected_by_actual(tables: CrmTables, outlook: Outlook) -> tuple[float, float]:
    """Ratios of open pipeline and of all that is expected to what came."""
    opportunities = tables.opportunities.collect()
    evidence = evidence_at(outlook, opportunities)
    origin, until = outlook.origin, outlook.origin + timedelta(days=DAYS)
    came = opportunities.filter(
        pl.col("deal_stage") == "Won", pl.col("close_date") > origin, pl.col("close_date") <= until
    )
    of_open = came.filter(pl.col("engage_date") <= origin)["close_value"].sum()
    return evidence.pipeline.sum() / of_open, evidence.model.sum() / came["close_value"].sum()


def ratios(outlook: Callable[[World, CrmTables, date], Outlook]) -> np.ndarray:
    found = []
    for seed in SEEDS:
        world = World(SampleSource(opportunities=5_000, seed=seed, dirt=0))
        tables = export(world)
        last = world.settings.start + timedelta(days=world.settings.days - 1)
        found.append(expected_by_actual(tables, outlook(world, tables, last - timedelta(days=75))))
    return np.array(found)


def assert_right_on_average(found: np.ndarray) -> None:
    mean, se = found.mean(axis=0), found.std(axis=0, ddof=1) / len(found) ** 0.5
    ratios_of = f"pipeline {mean[0]:.3f} ± {se[0]:.3f}, all {mean[1]:.3f} ± {se[1]:.3f}"
    print(f"expected by actual: {ratios_of}")  # noqa: T201 - the figures, with pytest -s
    assert (np.abs(mean - 1) < 3 * se).all()
    assert (np.abs(mean - 1) < 0.1).all()


def test_by_the_true_odds_the_expected_bookings_come_on_average() -> None:
    assert_right_on_average(ratios(true_outlook))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["calendar", "never_close"])
def test_by_the_learnt_odds_they_do_too(
    by_modeling: Callable[[CrmTables, str], OutlookOn], estimator: str
) -> None:
    def learnt(world: World, tables: CrmTables, origin: date) -> Outlook:
        del world
        return by_modeling(tables, estimator)(origin, DAYS)

    assert_right_on_average(ratios(learnt))
