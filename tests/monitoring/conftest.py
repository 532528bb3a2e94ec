"""Small businesses: written by hand, and generated ones in which a change can be planted."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables, Opportunities
from dealcast.monitoring import DriftReport, monitor
from dealcast.settings import SampleSource
from dealcast.settings.tree import MonitoringSettings
from dealcast.sources.sample import (
    World,
    dimension_tables,
    sales_pipeline,
    truth_dates,
    truth_table,
)

Row = tuple[str, date | None, date | None]
HORIZONS = (30, 60, 90)
CURRENT_DAYS = 90


def _opportunities(rows: Iterable[Row], columns: Mapping[str, object]) -> pl.DataFrame:
    stages, engaged, closed = zip(*rows, strict=True)
    values = {
        "opportunity_id": [f"O{i}" for i in range(len(stages))],
        "sales_agent": "Ann",
        "product": "Alpha",
        "account": None,
        "deal_stage": stages,
        "engage_date": engaged,
        "close_date": closed,
        "close_value": [{"Won": 90.0, "Lost": 0.0}.get(s) for s in stages],
    }
    schema = {n: c.dtype for n, c in Opportunities.columns().items()}
    return pl.DataFrame({**values, **columns}, schema=schema)


@pytest.fixture(scope="session")
def opportunities_of() -> Callable[..., pl.DataFrame]:
    """Makes opportunities of (stage, engage date, close date), other columns by name."""

    def make(rows: Iterable[Row], **columns: object) -> pl.DataFrame:
        return _opportunities(rows, columns)

    return make


@pytest.fixture(scope="session")
def steady_rows() -> list[Row]:
    """A year and a half: each day one won, one lost and one still open, closed after ten days."""
    start = date(2024, 1, 1)
    return [
        (stage, day, None if stage == "Engaging" else day + timedelta(10))
        for day in (start + timedelta(n) for n in range(540))
        for stage in ("Won", "Lost", "Engaging")
    ]


STEADY_UNTIL = date(2024, 1, 1) + timedelta(549)


@pytest.fixture(scope="session")
def steady_until() -> date:
    """The last day of `steady_rows`."""
    return STEADY_UNTIL


@pytest.fixture(scope="session")
def tables_of() -> Callable[..., CrmTables]:
    """Makes the export: opportunities, and dimension tables by name."""

    def make(opportunities: pl.DataFrame, **dimensions: pl.DataFrame) -> CrmTables:
        return CrmTables.cast({"opportunities": opportunities, **dimensions})

    return make


@dataclass(frozen=True)
class Business:
    """A generated export, the true chances as its scores, and the days that matter."""

    tables: CrmTables
    scores: pl.DataFrame
    as_of: date
    seed: int

    @property
    def trained_until(self) -> date:
        return self.as_of - timedelta(CURRENT_DAYS)

    def with_opportunities(self, change: Callable[[pl.LazyFrame], pl.LazyFrame]) -> "Business":
        """The same with its opportunities changed; the order of rows stays."""
        members = self.tables.to_dict()
        changed = {**members, "opportunities": change(members["opportunities"])}
        return replace(self, tables=CrmTables.cast(changed))

    def chosen(self, share: float) -> pl.Expr:
        """True for so many of the rows, at random by the seed."""
        count = self.tables.opportunities.select(pl.len()).collect().item()
        return pl.lit(pl.Series(np.random.default_rng(self.seed).random(count) < share))

    def engaged_since(self) -> pl.Expr:
        return (pl.col("engage_date") > self.trained_until).fill_null(value=False)

    def closed_since(self) -> pl.Expr:
        return (pl.col("close_date") > self.trained_until).fill_null(value=False)

    def monitored(self, settings: MonitoringSettings | None = None) -> DriftReport:
        return monitor(
            self.tables,
            settings or MonitoringSettings(current_days=CURRENT_DAYS),
            as_of=self.as_of,
            scores=self.scores,
        )


@pytest.fixture(scope="session")
def generated() -> Callable[..., Business]:
    """Draws a stationary business: generated(seed, calendar=1.0), 4,000 opportunities, 457 days."""

    @lru_cache(maxsize=4)
    def draw(seed: int, **settings: float) -> Business:
        source = SampleSource(
            **{"opportunities": 4_000, "dirt": 0, **settings},  # type: ignore[arg-type]
            seed=seed,
        )
        world = World(source)
        return Business(
            _tables(world),
            _true_scores(world),
            source.start + timedelta(source.days - 1),
            seed,
        )

    return draw


def _tables(world: World) -> CrmTables:
    day = pl.col("engage_date", "close_date").str.to_date()
    pipeline = sales_pipeline(world, threads=1)
    dimensions = dimension_tables(world.settings)
    return CrmTables.cast(
        {
            "opportunities": pipeline.with_columns(day).collect(),
            "accounts": dimensions["accounts"],
            "products": dimensions["products"],
            "sales_agents": dimensions["sales_teams"],
        }
    )


def _true_scores(world: World) -> pl.DataFrame:
    truth = truth_table(world, world.outcomes(0), truth_dates(world.settings), HORIZONS)
    wide = truth.pivot("horizon_days", index=["opportunity_id", "snapshot_date"], values="p_won")
    return wide.rename({"snapshot_date": "scored_on", **{str(h): f"p_won_{h}" for h in HORIZONS}})
