import gc
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables
from dealcast.engines.duckdb import DuckdbEngine
from dealcast.engines.polars import PolarsEngine
from dealcast.features.build import opportunity_facts, point_in_time_totals, snapshot_features
from dealcast.features.selection import usable
from dealcast.settings import FeatureSettings
from dealcast.settings import SampleSource as SampleSettings
from dealcast.snapshots import dates_frame, snapshot_dates
from dealcast.sources.sample import World, dimension_tables, sales_pipeline

KEY = ["opportunity_id", "snapshot_date"]


def generated(opportunities: int) -> CrmTables:
    """Clean opportunities of the sample world, with what is known of agents and products."""
    settings = SampleSettings(opportunities=opportunities, dirt=0)
    dimensions = dimension_tables(settings)
    rows = sales_pipeline(World(settings)).with_columns(
        pl.col("engage_date", "close_date").str.to_date(), pl.col("close_value").cast(pl.Float64)
    )
    return CrmTables.cast(
        {
            "opportunities": rows.collect().lazy(),
            "products": dimensions["products"]
            .with_columns(pl.col("sales_price").cast(float))
            .lazy(),
            "sales_agents": dimensions["sales_teams"].lazy(),
        }
    )


def features_by(engine: PolarsEngine | DuckdbEngine, tables: CrmTables) -> pl.DataFrame:
    """All that is known of each snapshot, every third date left out."""
    specs = usable(tables)
    members = {name: engine.from_polars(rows) for name, rows in tables.to_dict().items()}
    closes = tables.opportunities.select(pl.max("close_date")).collect().item()
    days = snapshot_dates(tables.opportunities, FeatureSettings(), as_of=closes)
    dates = engine.from_polars(dates_frame(days))
    totals = point_in_time_totals(members, specs, dates, settled=engine.settled)
    facts = opportunity_facts(members, specs, totals, as_of=closes)
    some = engine.from_polars(dates_frame(days[::3]))
    return engine.collect(snapshot_features(facts, some, specs, totals))


@pytest.mark.parametrize("opportunities", [3_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_duckdb_gives_the_snapshots_and_features_that_polars_gives(opportunities: int) -> None:
    tables = generated(opportunities)

    on_duckdb = features_by(DuckdbEngine(memory_gb=6), tables).sort(KEY)
    on_polars = features_by(PolarsEngine(), tables).sort(KEY)

    assert on_polars.height > opportunities
    assert_frame_equal(on_duckdb, on_polars, rel_tol=0, abs_tol=1e-9)


def test_the_limit_of_memory_is_that_of_the_settings() -> None:
    engine = DuckdbEngine(memory_gb=1.5)
    rows = engine.from_polars(pl.DataFrame({"x": [1]})).to_native()

    [(limit,)] = rows.query("x", "select current_setting('memory_limit')").fetchall()

    assert limit == "1.3 GiB"


def test_what_it_puts_on_the_disk_goes_with_it() -> None:
    engine = DuckdbEngine()
    rows = engine.from_polars(pl.DataFrame({"x": [1]})).to_native()
    [(folder,)] = rows.query("x", "select current_setting('temp_directory')").fetchall()
    assert Path(folder).is_dir()

    del engine, rows
    gc.collect()

    assert not Path(folder).exists()
