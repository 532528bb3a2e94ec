"""Text that a spreadsheet would run as a formula (OWASP, CSV injection), so that it shows it."""

import polars as pl
import polars.selectors as cs

# What makes Excel, LibreOffice and Google Sheets take a cell for a formula.
RUNS_AS_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"  # noqa: RUF001 - full-width forms, which they take too


def runs_as_formula(text: pl.Expr) -> pl.Expr:
    """Whether a spreadsheet would run the cell; null where there is none."""
    return text.str.contains(RUNS_AS_FORMULA)


def harmless(text: pl.Expr) -> pl.Expr:
    """Text with an apostrophe before what a spreadsheet would run, so that it shows it instead."""
    return pl.when(runs_as_formula(text)).then("'" + text).otherwise(text)


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every text column harmless; numbers and days are as they were.

    >>> without_formulas(pl.DataFrame({"agent": ["=1+1", "Ann"], "worth": [-1, 2]})).rows()
    [("'=1+1", -1), ('Ann', 2)]
    """
    texts = frame.select(cs.string(include_categorical=True)).columns
    return frame.with_columns(harmless(pl.col(c).cast(pl.String)).alias(c) for c in texts)
