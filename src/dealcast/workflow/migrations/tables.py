"""TABLE_MIGRATIONS: how rows of an older schema become rows of the next, by table."""

from collections.abc import Callable, Mapping

import polars as pl
from deltalake import DeltaTable, Transaction

from dealcast.workflow.migrations.steps import FIRST, migrated, refuse_newer

TableMigration = Callable[[pl.DataFrame], pl.DataFrame]

# Empty for a table that still looks as in release 0.1.0. The first function of a table makes
# schema 2 of schema 1.
TABLE_MIGRATIONS: Mapping[str, tuple[TableMigration, ...]] = {}

# A transaction of the table's log: written with the rows in one commit, known at every version,
# carried along by checkpoints. A table property would take a commit of its own.
MARK = "dealcast.schema"


def marked(name: str) -> Transaction:
    """The mark of a version of a table that is written now."""
    return Transaction(MARK, FIRST + len(TABLE_MIGRATIONS.get(name, ())))


def schema_of(table: DeltaTable) -> int:
    """The schema in which an opened version was written."""
    return table.transaction_version(MARK) or FIRST


def is_older(name: str, table: DeltaTable) -> bool:
    """Whether a version has to be migrated. Raises StoreError where it is of a newer schema."""
    steps = TABLE_MIGRATIONS.get(name, ())
    refuse_newer(f"Table '{name}'", schema_of(table), steps)
    return schema_of(table) < FIRST + len(steps)


def as_now(name: str, rows: pl.DataFrame, table: DeltaTable) -> pl.DataFrame:
    """Rows of an opened version in the present schema."""
    steps = TABLE_MIGRATIONS.get(name, ())
    return migrated(f"Table '{name}'", rows, schema_of(table), steps)
