"""TABLE_MIGRATIONS: how rows of an older schema become rows of the next, by table."""

from collections.abc import Callable, Mapping

import polars as pl
from deltalake import DeltaTable, Transaction

from dealcast.errors import refuse_newer
from dealcast.workflow.migrations.steps import FIRST, migrated

TableMigration = Callable[[pl.DataFrame], pl.DataFrame]

# Empty for a table that still looks as in release 0.1.0. The first function of a table makes
# schema 2 of schema 1.
TABLE_MIGRATIONS: Mapping[str, tuple[TableMigration, ...]] = {}

# A transaction of the table's log: written with the rows in one commit, known at every version,
# carried along by checkpoints. A table property would take a commit of its own.
MARK = "dealcast.schema"


def marked(name: str) -> Transaction:
    """The mark of a version of a table that is written now."""
    return Transaction(MARK, _present(name))


def schema_of(table: DeltaTable) -> int:
    """The schema in which an opened version was written."""
    return table.transaction_version(MARK) or FIRST


def refuse_newer_table(name: str, table: DeltaTable) -> None:
    """Raises StoreError where a version was written in a schema that is not known here."""
    refuse_newer(f"Table '{name}'", schema_of(table), _present(name))


def is_older(name: str, table: DeltaTable) -> bool:
    """Whether a version has to be migrated."""
    return schema_of(table) < _present(name)


def as_now(name: str, rows: pl.DataFrame, table: DeltaTable) -> pl.DataFrame:
    """Rows of an opened version in the present schema."""
    steps = TABLE_MIGRATIONS.get(name, ())
    return migrated(f"Table '{name}'", rows, schema_of(table), steps)


def _present(name: str) -> int:
    return FIRST + len(TABLE_MIGRATIONS.get(name, ()))
