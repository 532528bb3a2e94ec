"""A CRM's tables in PostgreSQL, with the types that a database has."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import psycopg

# table -> its columns with their types
TYPED: Mapping[str, Mapping[str, str]] = {
    "sales_pipeline": {
        "opportunity_id": "text",
        "sales_agent": "text",
        "product": "text",
        "account": "text",
        "deal_stage": "text",
        "engage_date": "date",
        "close_date": "date",
        "close_value": "numeric(12, 2)",
    },
    "accounts": {
        "account": "text",
        "sector": "text",
        "year_established": "integer",
        "revenue": "double precision",
        "employees": "bigint",
        "office_location": "text",
        "subsidiary_of": "text",
    },
    "products": {"product": "text", "series": "text", "sales_price": "numeric"},
    "sales_teams": {"sales_agent": "text", "manager": "text", "regional_office": "text"},
}
QUERIES = {
    "opportunities": "SELECT * FROM sales_pipeline",
    "accounts": "SELECT * FROM accounts",
    "products": "SELECT * FROM products",
    "sales_agents": "SELECT * FROM sales_teams",
}


def plain(url: str) -> str:
    """The URL as psycopg itself takes it."""
    return url.replace("+psycopg", "")


def run(url: str, *statements: str) -> None:
    """Run statements in the database, and commit."""
    with psycopg.connect(plain(url)) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def write_crm(url: str, files: list[Path], types: Mapping[str, str] = {}) -> None:
    """Put an export's files into tables of their names; `types`: column to another type."""
    with psycopg.connect(plain(url)) as connection:
        for file in files:
            columns = {c: types.get(c, kind) for c, kind in TYPED[file.stem].items()}
            listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.execute(f"CREATE TABLE {file.stem} ({listed})")  # type: ignore[call-overload]
            copy = f"COPY {file.stem} ({', '.join(columns)}) FROM STDIN (FORMAT csv, HEADER)"
            with connection.cursor().copy(copy) as into:  # type: ignore[call-overload]
                for rows in _csv_batches(file, list(columns)):
                    into.write(rows)


def _csv_batches(file: Path, columns: list[str]) -> list[bytes]:
    if file.suffix == ".csv":
        return [file.read_bytes()]
    return [pl.read_parquet(file, columns=columns).write_csv().encode()]
