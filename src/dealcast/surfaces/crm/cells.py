"""Cells of an import file: per cent, and text that no spreadsheet runs as a formula."""

from typing import Any

import polars as pl

from dealcast.settings import CrmColumns

# What makes Excel, LibreOffice and Google Sheets take a cell for a formula (OWASP, CSV injection).
RUNS_AS_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"  # noqa: RUF001 - full-width forms, which they take too

PERCENT_DECIMALS = 2


def runs_as_formula(text: pl.Expr) -> pl.Expr:
    """Whether a spreadsheet would run the cell; null where there is none."""
    return text.str.contains(RUNS_AS_FORMULA)


def harmless(text: pl.Expr) -> pl.Expr:
    """Text with an apostrophe before what a spreadsheet would run, so that it shows it instead."""
    return pl.when(runs_as_formula(text)).then("'" + text).otherwise(text)


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
