"""Fixtures that every test may use."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest

from dealcast.contracts import CrmTables, RawExport

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_DATA = REPOSITORY.parent / "shared" / "data" / "crm"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The public CRM data set, which the project never ships."""
    if not (REAL_DATA / "sales_pipeline.csv").is_file():
        pytest.skip(f"the real data set is not at {REAL_DATA.relative_to(REPOSITORY.parent)}")
    return REAL_DATA


@pytest.fixture(scope="session")
def real_tables(real_data: Path) -> CrmTables:
    """The public data set with its product names repaired."""
    day = pl.col("engage_date", "close_date").str.to_date("%m/%d/%Y")
    opportunities = pl.read_csv(real_data / "sales_pipeline.csv").with_columns(
        day, pl.col("product").replace({"GTXPro": "GTX Pro"})
    )
    products = pl.read_csv(real_data / "products.csv")
    return CrmTables.cast({"opportunities": opportunities, "products": products})


Rows = Sequence[Mapping[str, str | None]]


@pytest.fixture(scope="session")
def raw_export() -> Callable[..., RawExport]:
    """A raw export of rows written in the test: raw_export([{...}], products=[{...}])."""

    def of(opportunities: Rows, **dimensions: Rows) -> RawExport:
        tables = {"opportunities": opportunities, **dimensions}
        return RawExport({table: _as_text(table, rows) for table, rows in tables.items()})

    return of


def _as_text(table: str, rows: Rows) -> pl.DataFrame:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = {column: [row.get(column) for row in rows] for column in columns}
    places = {"source_file": [f"{table}.csv"] * len(rows), "source_row": range(2, len(rows) + 2)}
    texts = dict.fromkeys([*columns, "source_file"], pl.String)
    return pl.DataFrame(cells | places, schema=texts | {"source_row": pl.UInt32})
