"""Engines: one definition of the heavy path, computed by Polars, DuckDB or Spark."""
