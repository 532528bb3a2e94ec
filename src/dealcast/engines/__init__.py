"""Engines: one definition of the heavy path, computed by Polars or DuckDB."""
