"""Clean opportunities of the sample world as files, for benchmarks that start from them."""

from datetime import date
from pathlib import Path

import polars as pl

from dealcast.contracts import CrmTables
from dealcast.settings import SampleSource
from dealcast.sources.sample import World, dimension_tables, sales_pipeline

MEMBERS = ("opportunities", "products", "sales_agents")


def write_tables(opportunities: int, into: Path) -> None:
    """So many opportunities and their dimension tables, as Parquet files."""
    settings = SampleSource(opportunities=opportunities, dirt=0)
    dimensions = dimension_tables(settings)
    price = pl.col("sales_price").cast(pl.Float64)
    tables = CrmTables.cast(
        {
            "opportunities": sales_pipeline(World(settings)).with_columns(
                pl.col("engage_date", "close_date").str.to_date(),
                pl.col("close_value").cast(pl.Float64),
            ),
            "products": dimensions["products"].lazy().with_columns(price),
            "sales_agents": dimensions["sales_teams"].lazy(),
        }
    )
    for name in MEMBERS:
        tables.to_dict()[name].sink_parquet(into / f"{name}.parquet")


def read_tables(folder: Path) -> CrmTables:
    """What `write_tables` wrote, lazily."""
    return CrmTables.cast({n: pl.scan_parquet(folder / f"{n}.parquet") for n in MEMBERS})


def last_day(tables: CrmTables) -> date:
    """The last day on which anything was engaged or closed."""
    last = pl.max_horizontal(pl.max("engage_date"), pl.max("close_date"))
    day: date = tables.opportunities.select(last).collect().item()
    return day
