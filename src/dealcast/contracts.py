"""Every table that crosses a module border, in the order data meets them.

A blank that the stage explains (an open opportunity has no close date) is null and stays null.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Annotated

import dataframely as dy
import polars as pl

STAGES = ("Prospecting", "Engaging", "Won", "Lost")
CLOSED_STAGES = ("Won", "Lost")
OPEN_STAGES = ("Prospecting", "Engaging")

EARLIEST, LATEST = date(1980, 1, 1), date(2099, 12, 31)
LARGEST_AMOUNT = 1e12

# Where a raw row stood: the file, and its row there as a spreadsheet shows it (the header is 1).
PROVENANCE = ("source_file", "source_row")


@dataclass(frozen=True)
class FileFormat:
    """How one file was read, for the log and the manifest."""

    file: str
    table: str
    rows: int
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    dates: Mapping[str, str] = field(default_factory=dict)
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawExport:
    """A CRM export as text, in our column and stage names; nothing repaired, nothing dropped.

    Each frame in `tables` (keys: opportunities, accounts, products, sales_agents; only the first
    is always there) holds String columns (null: blank) and the two PROVENANCE columns.
    Dates that could be read are ISO text, amounts plain decimals ("1234.5"), stages ours;
    what could not be read stands there as it came. A column that the export does not have is
    absent from the frame.
    """

    tables: Mapping[str, pl.DataFrame]
    formats: tuple[FileFormat, ...] = ()

    @property
    def opportunities(self) -> pl.DataFrame:
        return self.tables["opportunities"]

    @property
    def rows(self) -> int:
        """Opportunity rows (count): the `rows in` of every account of rows."""
        return self.opportunities.height


class Opportunities(dy.Schema):
    """One sales opportunity per row, clean. In the store: crm_data_processed."""

    opportunity_id = dy.String(primary_key=True, min_length=1)
    sales_agent = dy.String(nullable=True, min_length=1)
    product = dy.String(nullable=True, min_length=1)
    account = dy.String(nullable=True, min_length=1, description="Often filled in at close only.")
    deal_stage = dy.String(description="Prospecting, Engaging, Won or Lost.")
    engage_date = dy.Date(nullable=True, min=EARLIEST, max=LATEST)
    close_date = dy.Date(nullable=True, min=EARLIEST, max=LATEST)
    close_value = dy.Float64(
        nullable=True, min=0.0, max=LARGEST_AMOUNT, description="Revenue; 0 for a lost one."
    )

    @dy.rule()
    def stage_is_known(cls) -> pl.Expr:
        return pl.col("deal_stage").is_in(STAGES)

    @dy.rule()
    def closed_and_only_closed_has_close_date(cls) -> pl.Expr:
        return pl.col("deal_stage").is_in(CLOSED_STAGES) == pl.col("close_date").is_not_null()

    @dy.rule()
    def engaged_has_engage_date(cls) -> pl.Expr:
        return (pl.col("deal_stage") == "Prospecting") | pl.col("engage_date").is_not_null()

    @dy.rule()
    def closes_on_or_after_engaging(cls) -> pl.Expr:
        return pl.col("close_date") >= pl.col("engage_date")

    @dy.rule()
    def open_has_no_close_value(cls) -> pl.Expr:
        return pl.col("deal_stage").is_in(CLOSED_STAGES) | pl.col("close_value").is_null()

    @dy.rule()
    def lost_is_worth_nothing_and_won_something(cls) -> pl.Expr:
        value = pl.col("close_value")
        return pl.when(pl.col("deal_stage") == "Won").then(value > 0).otherwise(value == 0)


class Accounts(dy.Schema):
    """One customer per row, as of the export."""

    account = dy.String(primary_key=True, min_length=1)
    sector = dy.String(nullable=True)
    year_established = dy.Int32(nullable=True, min=1000, max=2100)
    revenue = dy.Float64(nullable=True, min=0.0, max=1e9, metadata={"unit": "million USD"})
    employees = dy.Int64(nullable=True, min=0, max=100_000_000)
    office_location = dy.String(nullable=True)
    subsidiary_of = dy.String(nullable=True)


class Products(dy.Schema):
    """The price list, as of the export."""

    product = dy.String(primary_key=True, min_length=1)
    series = dy.String(nullable=True)
    sales_price = dy.Float64(nullable=True, min=0.0, max=LARGEST_AMOUNT, metadata={"unit": "USD"})


class SalesAgents(dy.Schema):
    """One sales agent per row, as of the export. The CRM's file is sales_teams."""

    sales_agent = dy.String(primary_key=True, min_length=1)
    manager = dy.String(nullable=True)
    regional_office = dy.String(nullable=True)


class Plans(dy.Schema):
    """What the CRM says of an opportunity that is still open: hopes, undated, never a model input.

    Salesforce and HubSpot keep an expected close date and amount in the columns that later hold
    the real ones; set apart here, `close_date` and `close_value` say only what happened.
    """

    opportunity_id = dy.String(primary_key=True, min_length=1)
    expected_close_date = dy.Date(nullable=True, min=EARLIEST, max=LATEST)
    amount = dy.Float64(
        nullable=True,
        min=0.0,
        max=LARGEST_AMOUNT,
        description="Amount if it is won.",
        metadata={"unit": "USD"},
    )


class CrmTables(dy.Collection):
    """A clean export: members that it does not have are None, the others agree on their keys."""

    opportunities: Annotated[
        dy.LazyFrame[Opportunities], dy.CollectionMember(ignored_in_filters=True)
    ]
    accounts: Annotated[dy.LazyFrame[Accounts] | None, dy.CollectionMember(ignored_in_filters=True)]
    products: Annotated[dy.LazyFrame[Products] | None, dy.CollectionMember(ignored_in_filters=True)]
    sales_agents: Annotated[
        dy.LazyFrame[SalesAgents] | None, dy.CollectionMember(ignored_in_filters=True)
    ]
    plans: Annotated[dy.LazyFrame[Plans] | None, dy.CollectionMember(ignored_in_filters=True)]


class Quarantine(dy.Schema):
    """One raw row set aside per row, with the reason and, where there is one, a suggested fix."""

    table = dy.String(description="opportunities, accounts, products or sales_agents")
    source_file = dy.String()
    source_row = dy.UInt32(min=1, description="Row in the file as a spreadsheet shows it.")
    row_hash = dy.String(
        description="Hash of the raw cells: names the row to `quarantine readmit`."
    )
    key = dy.String(nullable=True, description="The row's key, such as its opportunity_id.")
    reason = dy.String(description="Code of the cleaning rule.")
    explanation = dy.String(description="What is wrong, with the value found.")
    suggested_fix = dy.String(nullable=True, description="What would mend it, in words.")
    fix_column = dy.String(nullable=True, description="Column that the suggested fix changes.")
    fix_value = dy.String(nullable=True, description="Its new value; null with a column: blank it.")
    row = dy.String(description="The raw cells as JSON.")


class Corrections(dy.Schema):
    """A cell that a person corrected in a quarantined row; applied before cleaning, every time."""

    row_hash = dy.String(primary_key=True)
    column = dy.String(primary_key=True)
    value = dy.String(nullable=True)


class FeatureSplit(dy.Schema):
    """Which part of a train/test split each row of crm_features is in."""

    opportunity_id = dy.String(primary_key=True, min_length=1)
    part = dy.String(description="train or test.")
    kind = dy.String(description="time, or random (leaks: later outcomes train earlier rows).")


class Snapshots(dy.Schema):
    """One open opportunity on one date, with the outcome so far: the unit of every prediction.

    Open on s means: engaged on or before s, and not closed on or before s (end-of-day knowledge).
    """

    opportunity_id = dy.String(primary_key=True, min_length=1)
    snapshot_date = dy.Date(primary_key=True, min=EARLIEST, max=LATEST)
    outcome = dy.String(nullable=True, description="won or lost; null: censored, not known yet.")
    days_to_close = dy.Int32(nullable=True, min=1, max=50_000, description="Null while censored.")
    days_observed = dy.Int32(
        min=0, max=50_000, description="Days from the snapshot date to the end of the export."
    )

    @dy.rule()
    def outcome_is_won_or_lost(cls) -> pl.Expr:
        return pl.col("outcome").is_in(["won", "lost"])

    @dy.rule()
    def closes_when_it_has_an_outcome(cls) -> pl.Expr:
        return pl.col("outcome").is_null() == pl.col("days_to_close").is_null()


class BacktestPredictions(dy.Schema):
    """Every out-of-time prediction behind the evaluation: anyone can recompute the figures."""

    opportunity_id = dy.String(primary_key=True, min_length=1)
    snapshot_date = dy.Date(primary_key=True, min=EARLIEST, max=LATEST)
    origin = dy.Date(min=EARLIEST, max=LATEST, description="The model knew nothing from here on.")
    horizon_days = dy.Int32(primary_key=True, min=1, max=3_650)
    estimator = dy.String(primary_key=True)
    age_days = dy.Int32(min=0, max=50_000)
    is_stale = dy.Bool(description="Older than any opportunity that had closed by the origin.")
    p_won = dy.Float64(min=0.0, max=1.0)
    p_lost = dy.Float64(min=0.0, max=1.0)
    outcome = dy.String(description="won, lost or open at the end of the horizon.")


@cache
def scores_contract(horizons_days: tuple[int, ...]) -> type[dy.Schema]:
    """The Scores contract: one row per open opportunity, p_won_H and p_lost_H for each horizon H.

    Probabilities are null where there is no clock to predict from (`note` says why).
    """
    probability = {
        f"p_{outcome}_{h}": dy.Float64(nullable=True, min=0.0, max=1.0)
        for h in sorted(horizons_days)
        for outcome in ("won", "lost")
    }
    return type(
        "Scores",
        (dy.Schema,),
        {
            "__doc__": "One open opportunity per row, scored on one date.",
            "opportunity_id": dy.String(primary_key=True, min_length=1),
            "scored_on": dy.Date(primary_key=True, min=EARLIEST, max=LATEST),
            "model_id": dy.String(),
            "sales_agent": dy.String(nullable=True),
            "product": dy.String(nullable=True),
            "deal_stage": dy.String(),
            "age_days": dy.Int32(nullable=True, min=0, max=50_000),
            **probability,
            "amount": dy.Float64(nullable=True, min=0.0, max=LARGEST_AMOUNT),
            "amount_from": dy.String(
                nullable=True,
                description="stated, list price, mean won value; null: no amount known.",
            ),
            "expected_value": dy.Float64(
                nullable=True,
                min=0.0,
                max=LARGEST_AMOUNT,
                description="Amount times the probability of winning within the longest horizon.",
            ),
            "is_stale": dy.Bool(description="Older than any opportunity that ever closed."),
            "note": dy.String(nullable=True),
        },
    )
