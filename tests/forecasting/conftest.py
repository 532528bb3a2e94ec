"""Small businesses whose bookings are known, and outlooks to go with them."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables, Opportunities
from dealcast.forecasting import Outlook
from dealcast.modeling.estimators import ESTIMATORS, Context
from dealcast.modeling.history import known_by
from dealcast.modeling.outlook import win_chances
from dealcast.modeling.risks import CompetingRisks
from dealcast.settings import ModelSettings
from dealcast.snapshots import as_known_on

Row = tuple[str, date | None, date | None, float | None]
OutlookOn = Callable[[date, int], Outlook]

START = date(2024, 1, 1)


def _opportunities(rows: Iterable[Row]) -> pl.DataFrame:
    stages, engaged, closed, values = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "opportunity_id": [f"O{i}" for i in range(len(stages))],
            "sales_agent": "Ann",
            "product": "Alpha",
            "account": None,
            "deal_stage": stages,
            "engage_date": engaged,
            "close_date": closed,
            "close_value": values,
        },
        schema={n: c.dtype for n, c in Opportunities.columns().items()},
    )


@pytest.fixture(scope="session")
def opportunities_of() -> Callable[[Iterable[Row]], pl.DataFrame]:
    """Makes opportunities of (stage, engage date, close date, close value)."""
    return _opportunities


@pytest.fixture(scope="session")
def even() -> pl.DataFrame:
    """A year and a half: one opportunity a day, each won ten days later for 100."""
    days = (START + timedelta(days=n) for n in range(550))
    return _opportunities(("Won", day, day + timedelta(days=10), 100.0) for day in days)


@pytest.fixture(scope="session")
def knowing() -> Callable[[float], OutlookOn]:
    """Outlooks on `even`: ten are open, each won on its day; the chances are so many times that."""

    def times(factor: float) -> OutlookOn:
        return lambda origin, days: _outlook(origin, days, factor)

    return times


def _outlook(origin: date, days: int, factor: float) -> Outlook:
    opened = pl.DataFrame(
        {
            "opportunity_id": [f"P{i}" for i in range(10)],
            "sales_agent": "Ann",
            "product": "Alpha",
            "amount": 100.0,
            "amount_from": "list price",
            "is_stale": False,
        }
    )
    won = np.eye(10, days) * factor
    return Outlook(origin, opened, won, np.eye(days, k=10) * factor)


def _by_modeling(tables: CrmTables, estimator: str, origin: date, days: int) -> Outlook:
    opportunities = tables.opportunities.collect()
    context = Context(ModelSettings())
    fitted = ESTIMATORS[estimator].fit(known_by(opportunities, origin), context)
    assert isinstance(fitted, CompetingRisks)
    known = as_known_on(tables, origin)
    return Outlook(origin, *win_chances(fitted, known, origin=origin, days=days))


@pytest.fixture(scope="session")
def by_modeling() -> Callable[[CrmTables, str], OutlookOn]:
    """Outlooks by the win model that is fitted anew at each origin: by_modeling(tables, name)."""
    return lambda tables, name: lambda origin, days: _by_modeling(tables, name, origin, days)
