"""Rows that were set aside, why, and what would mend them."""

from collections.abc import Iterator

import polars as pl

from dealcast.cleaning.rules import CLEANING_RULES
from dealcast.surfaces.report.blocks import Block, Lead, Prose
from dealcast.surfaces.tables.shape import Table, number
from dealcast.surfaces.words import count, counted

TITLES = {rule.code: rule.title for rule in CLEANING_RULES}


def set_aside(rows: pl.DataFrame, root: str) -> Iterator[Block]:
    """How many rows were set aside, by reason, and how to readmit them (contract Quarantine)."""
    if rows.is_empty():
        yield Lead("No row was set aside: each was right as it came, or could be repaired.")
        return
    fixable = rows["fix_column"].drop_nulls().len()
    yield Lead(
        f"{counted(rows.height, 'row is', 'rows are')} set aside; {count(fixable)} of them have a "
        "fix that is beyond doubt."
    )
    reasons = (
        rows.group_by("table", "reason")
        .agg(pl.len().alias("rows"), pl.col("fix_column").is_not_null().sum().alias("fixable"))
        .sort("rows", "reason", descending=[True, False])
    )
    lines = [
        (
            f"{r['reason']} {TITLES.get(r['reason'], '')}".strip(),
            r["table"],
            number(r["rows"], count),
            number(r["fixable"], count),
        )
        for r in reasons.rows(named=True)
    ]
    yield Table("By reason", ("reason", "table", ">rows", ">with a sure fix"), lines)
    yield Prose(
        f"To readmit all that have a sure fix: dealcast quarantine readmit --suggested --root "
        f"{root}. One row: dealcast quarantine readmit --row KEY --cell COLUMN=VALUE."
    )


def listed(rows: pl.DataFrame) -> pl.DataFrame:
    """What the table shows of them, in its words."""
    return rows.select(
        "table",
        pl.col("key").fill_null("-"),
        pl.col("explanation").alias("what is wrong"),
        pl.col("suggested_fix").fill_null("-").alias("suggested fix"),
        pl.format("{} = {}", "fix_column", pl.col("fix_value").fill_null("(blank)"))
        .fill_null("-")
        .alias("sure fix"),
        pl.col("source_file").alias("file"),
        pl.col("source_row").alias("row"),
    )
