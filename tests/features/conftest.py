"""Tables that the tests of features start from."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dealcast.contracts import CrmTables

# id, agent, product, stage, engage date, close date, close value
Row = tuple[str, str | None, str | None, str, date | None, date | None, float | None]
OPPORTUNITIES = {
    "opportunity_id": pl.String,
    "sales_agent": pl.String,
    "product": pl.String,
    "deal_stage": pl.String,
    "engage_date": pl.Date,
    "close_date": pl.Date,
    "close_value": pl.Float64,
}


@pytest.fixture(scope="session")
def crm() -> Callable[..., CrmTables]:
    """Clean tables from rows of opportunities; dimension tables as frames, where wanted."""

    def tables(rows: Sequence[Row], **dimensions: pl.DataFrame) -> CrmTables:
        opportunities = pl.LazyFrame(rows, OPPORTUNITIES, orient="row").with_columns(account=None)
        members = {name: frame.lazy() for name, frame in dimensions.items()}
        return CrmTables.validate({"opportunities": opportunities, **members}, cast=True)

    return tables


@pytest.fixture(scope="session")
def real_tables(real_data: Path) -> CrmTables:
    """The public data set, as cleaning leaves it."""
    opportunities = pl.read_csv(real_data / "sales_pipeline.csv").with_columns(
        pl.col("engage_date", "close_date").str.to_date("%m/%d/%Y"),
        pl.col("product").replace("GTXPro", "GTX Pro"),
    )
    files = {"accounts": "accounts", "products": "products", "sales_agents": "sales_teams"}
    return CrmTables.validate(
        {
            "opportunities": opportunities,
            **{name: pl.read_csv(real_data / f"{file}.csv") for name, file in files.items()},
        },
        cast=True,
    )
