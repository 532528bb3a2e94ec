"""A database that SQLAlchemy reaches: a query per table, read in batches, never written."""

from dealcast.sources.sql.source import SqlSource

__all__ = ["SqlSource"]
