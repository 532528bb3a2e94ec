"""What really happened to each audited row: the labels that a feature must not know."""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from dealcast.cells import REFERENCES
from dealcast.contracts import CLOSED_STAGES, CrmTables

ENTITIES = ("sales_agent", "product", "account", "manager", "regional_office")


@dataclass(frozen=True)
class Label:
    """An outcome (1 or 0, null where not known) in a column of the facts, and in words.

    `is_about_time`: whether the age of an opportunity alone may give it away, honestly.
    """

    words: str
    column: str
    is_about_time: bool = False


OPPORTUNITY_LABELS = (
    Label("won, of the closed", "won_if_closed"),
    Label("closed at all", "closed", is_about_time=True),
)


def snapshot_labels(horizon_days: int) -> tuple[Label, ...]:
    """The outcomes of an opportunity open on a date."""
    return (
        Label(f"won within {horizon_days} days", "won_within"),
        Label(f"closed within {horizon_days} days", "closed_within", is_about_time=True),
        Label("won, of those that closed later", "won_if_closed"),
    )


def facts_of(
    keys: pl.DataFrame, tables: CrmTables, *, as_of: date, horizon_days: int
) -> pl.DataFrame:
    """One row per key whose outcome was still to come: labels, entities, and the row it stood in.

    Keys are opportunities, or opportunities and snapshot dates. Not engaged yet, or closed by the
    snapshot date: left out. The stratum is the week of engaging, with the snapshot date where
    there is one. Rows are compared within it, where they are of one age: age and calendar tell
    much of the outcome, honestly, and the quicker the business the more.
    """
    rows = keys.with_row_index("row").join(opportunity_facts(tables), on="opportunity_id")
    rows = rows.filter(pl.col("engage_date").is_not_null())
    closes = pl.when(pl.col("close_date") <= as_of).then(pl.col("close_date"))
    rows = rows.with_columns(closes=closes).with_columns(
        is_closed=pl.col("closes").is_not_null(),
        won_if_closed=pl.when(pl.col("closes").is_not_null()).then(pl.col("is_won").cast(pl.Int8)),
        week=pl.col("engage_date").dt.truncate("1w"),
    )
    if "snapshot_date" in keys.columns:
        rows = _with_horizon(rows, as_of, horizon_days)
    else:
        rows = rows.with_columns(closed=pl.col("is_closed").cast(pl.Int8))
    like = [c for c in ("week", "snapshot_date") if c in rows.columns]
    stratum = pl.struct(like).rank("dense").cast(pl.Int64) - 1
    return rows.sort("row").with_columns(stratum=stratum)


def _with_horizon(rows: pl.DataFrame, as_of: date, horizon_days: int) -> pl.DataFrame:
    at = pl.col("snapshot_date")
    open_then = (pl.col("engage_date") <= at) & (
        pl.col("closes").is_null() | (pl.col("closes") > at)
    )
    horizon = timedelta(days=horizon_days)
    closes_in_time = (pl.col("closes") <= at + horizon).fill_null(value=False)
    matured = at + horizon <= as_of
    return rows.filter(open_then).with_columns(
        closed_within=pl.when(matured).then(closes_in_time.cast(pl.Int8)),
        won_within=pl.when(matured).then((closes_in_time & pl.col("is_won")).cast(pl.Int8)),
    )


def opportunity_facts(tables: CrmTables) -> pl.DataFrame:
    """One row per opportunity: dates, whether won, and each entity; null where it has none."""
    rows = tables.opportunities.select(
        "opportunity_id",
        "engage_date",
        "close_date",
        "close_value",
        *REFERENCES,
        is_won=pl.col("deal_stage") == "Won",
        has_closed=pl.col("deal_stage").is_in(CLOSED_STAGES),
    )
    if tables.sales_agents is None:
        blank = pl.lit(None, dtype=pl.String)
        return rows.with_columns(manager=blank, regional_office=blank).collect()
    return rows.join(tables.sales_agents, on="sales_agent", how="left").collect()


def last_day(tables: CrmTables) -> date:
    """The latest date in the opportunities; the first of all days where there is none."""
    dates = pl.max_horizontal(pl.max("engage_date"), pl.max("close_date"))
    latest: date | None = tables.opportunities.select(dates).collect().item()
    return latest or date.min
