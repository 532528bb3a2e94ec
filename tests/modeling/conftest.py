"""Small worlds of opportunities to learn from."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables, Opportunities
from dealcast.settings import FeatureSettings
from dealcast.snapshots import build_snapshots, snapshot_dates

Row = tuple[str, date | None, date | None]
Opportunity = Callable[[Iterable[Row]], pl.DataFrame]

START = date(2024, 1, 1)
REAL_AS_OF = date(2017, 12, 31)


def _opportunities(rows: Iterable[Row]) -> pl.DataFrame:
    """(stage, engage date, close date) -> the contract Opportunities, ids O0, O1, …"""
    stages, engaged, closed = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "opportunity_id": [f"O{i}" for i in range(len(stages))],
            "sales_agent": "Ann",
            "product": "Alpha",
            "account": None,
            "deal_stage": stages,
            "engage_date": engaged,
            "close_date": closed,
            "close_value": [{"Won": 90.0, "Lost": 0.0}.get(s) for s in stages],
        },
        schema={n: c.dtype for n, c in Opportunities.columns().items()},
    )


@pytest.fixture(scope="session")
def opportunities_of() -> Opportunity:
    """Makes opportunities of (stage, engage date, close date)."""
    return _opportunities


@pytest.fixture(scope="session")
def steady() -> pl.DataFrame:
    """10,000 opportunities, each won on 1 day in 50 and lost on 1 in 100, whatever age and day."""
    rng = np.random.default_rng(1)
    count, days = 10_000, 300
    engaged = rng.integers(0, days, count)
    closed = engaged + rng.geometric(0.03, count)
    stage = np.where(rng.random(count) < 2 / 3, "Won", "Lost")
    still_open = closed >= days
    return _opportunities(
        (
            "Engaging" if o else str(s),
            START + timedelta(int(e)),
            None if o else START + timedelta(int(c)),
        )
        for o, s, e, c in zip(still_open, stage, engaged, closed, strict=True)
    )


@pytest.fixture(scope="session")
def steady_until() -> date:
    """The last day of `steady`."""
    return START + timedelta(days=299)


@pytest.fixture(scope="session")
def snapshots_of() -> Callable[[pl.DataFrame, date], pl.DataFrame]:
    """Makes the weekly snapshots of opportunities until a day."""

    def make(opportunities: pl.DataFrame, as_of: date) -> pl.DataFrame:
        lazy = opportunities.lazy()
        dates = snapshot_dates(lazy, FeatureSettings(), as_of=as_of)
        return build_snapshots(lazy, dates, as_of=as_of).collect()

    return make


@pytest.fixture(scope="session")
def real_tables(real_data: Path) -> CrmTables:
    """The public data set with its product names repaired."""
    day = pl.col("engage_date", "close_date").str.to_date("%m/%d/%Y")
    opportunities = pl.read_csv(real_data / "sales_pipeline.csv").with_columns(
        day, pl.col("product").replace({"GTXPro": "GTX Pro"})
    )
    products = pl.read_csv(real_data / "products.csv")
    return CrmTables.cast({"opportunities": opportunities, "products": products})
