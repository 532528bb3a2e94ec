"""Cells of an import file, by heading."""

from typing import Any

import polars as pl

from dealcast.settings import CrmColumns
from dealcast.workflow.formulas import harmless

PERCENT_DECIMALS = 2


def percent(decimals: int) -> pl.Expr:
    """The chance to be won in per cent (0-100)."""
    return (pl.col("p_won") * 100).round(decimals)


def with_percent(scored: pl.DataFrame, columns: CrmColumns) -> pl.DataFrame:
    """The rows of a CRM that takes 42.5 for 42.5 %, and days as YYYY-MM-DD."""
    return scored.select(**cells(columns, percent(PERCENT_DECIMALS)))


def cells(columns: CrmColumns, probability: pl.Expr) -> dict[str, Any]:
    """The cells that every CRM takes, by heading. Ids stay as they are: they have to match."""
    return {
        columns.id: pl.col("opportunity_id"),
        columns.probability: probability,
        columns.grade: harmless(pl.col("grade")),
        columns.reason_for: harmless(pl.col("reason_for")),
        columns.reason_against: harmless(pl.col("reason_against")),
        columns.scored_on: pl.col("scored_on"),
    }
