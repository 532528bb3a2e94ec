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
    is always there) holds text (null: blank) and the two PROVENANCE columns. Text is String, or
    Categorical where there is much of it (cells.py: compact, as_text).
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
    origin = dy.Date(
        min=EARLIEST,
        max=LATEST,
        description="The process was learnt from what was known before this day.",
    )
    horizon_days = dy.Int32(primary_key=True, min=1, max=3_650)
    age_days = dy.Int32(min=0, max=50_000)
    is_stale = dy.Bool(description="Older than any opportunity that had closed by the origin.")
    p_won = dy.Float64(min=0.0, max=1.0)
    p_lost = dy.Float64(min=0.0, max=1.0)
    outcome = dy.String(description="won, lost or open at the end of the horizon.")


class BacktestCandidates(BacktestPredictions):
    """The same by every estimator, the baselines among them."""

    estimator = dy.String(primary_key=True)


class ScoreReasons(dy.Schema):
    """What each part adds to the log-odds of being won within the longest horizon.

    The parts of an opportunity, its base rate among them, add up to the log-odds of its score.
    """

    opportunity_id = dy.String(primary_key=True, min_length=1)
    scored_on = dy.Date(primary_key=True, min=EARLIEST, max=LATEST)
    horizon_days = dy.Int32(min=1, max=3_650)
    part = dy.String(primary_key=True)
    log_odds = dy.Float64(min=-100.0, max=100.0)


class ScoreChanges(dy.Schema):
    """Why the score of an opportunity moved since it was last scored (log-odds).

    log_odds = log_odds_before + clock + crm_edit + model.
    """

    opportunity_id = dy.String(primary_key=True, min_length=1)
    scored_on = dy.Date(min=EARLIEST, max=LATEST)
    former_scored_on = dy.Date(min=EARLIEST, max=LATEST)
    horizon_days = dy.Int32(min=1, max=3_650)
    log_odds_before = dy.Float64(min=-100.0, max=100.0)
    clock = dy.Float64(min=-100.0, max=100.0, description="Time has passed.")
    crm_edit = dy.Float64(
        min=-100.0, max=100.0, description="Agent, product, account or engage date were changed."
    )
    model = dy.Float64(
        min=-100.0, max=100.0, description="The model is another, or has learnt from others since."
    )
    log_odds = dy.Float64(min=-100.0, max=100.0)


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
            "account": dy.String(nullable=True),
            "deal_stage": dy.String(),
            "engage_date": dy.Date(nullable=True, min=EARLIEST, max=LATEST),
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
            "grade": dy.String(
                nullable=True, description="A to D by the chance within the longest horizon."
            ),
            "p_ever_won": dy.Float64(
                nullable=True,
                min=0.0,
                max=1.0,
                description="Extrapolation: beyond the horizons that the backtest has judged.",
            ),
            "closes_from": dy.Date(
                nullable=True,
                min=EARLIEST,
                max=LATEST,
                description="If it closes, then in four of five cases from this day on ...",
            ),
            "closes_until": dy.Date(
                nullable=True, min=EARLIEST, max=LATEST, description="... until this day."
            ),
            "reason_for": dy.String(nullable=True, description="What raises the score most."),
            "reason_against": dy.String(nullable=True, description="What lowers it most."),
            "is_stale": dy.Bool(description="Older than any opportunity that ever closed."),
            "stale_evidence": dy.String(nullable=True),
            "is_low_information": dy.Bool(description="Engaged less than 7 days ago."),
            "note": dy.String(nullable=True),
        },
    )


def most_valuable(scores: pl.DataFrame) -> pl.DataFrame:
    """Scores in the order that people read them: the highest expected value first, none last.

    A table that a cluster wrote is in no order.
    """
    by = ["expected_value", "opportunity_id"]
    return scores.sort(by, descending=[True, False], nulls_last=True)


class Drift(dy.Schema):
    """One thing monitored per row: what was trained on against what has come in since.

    Without a test (`level` is 'not applicable') the figures are null and `note` says why.
    """

    kind = dy.String(
        primary_key=True,
        description="mix, feature, missing values, rate, score or calibration.",
    )
    what = dy.String(primary_key=True, min_length=1, description="Such as a column's name.")
    test = dy.String(nullable=True)
    statistic = dy.Float64(nullable=True, min=-1e12, max=1e12)
    p_value = dy.Float64(nullable=True, min=0.0, max=1.0)
    p_adjusted = dy.Float64(
        nullable=True, min=0.0, max=1.0, description="p value adjusted for all tests of the run."
    )
    effect = dy.Float64(nullable=True, min=-1e12, max=1e12, description="Size of the change.")
    effect_unit = dy.String(
        description="PSI; share: current less reference (0-1); ratio: current by reference."
    )
    threshold = dy.Float64(min=0.0, max=1e6, description="Effect from which it is a warning.")
    level = dy.String(description="ok, warning, alert or not applicable.")
    n_reference = dy.Int64(min=0, max=10**12)
    n_current = dy.Int64(min=0, max=10**12)
    note = dy.String(nullable=True)
    remedy = dy.String(nullable=True, description="What to look into; null where it is ok.")


class CalibrationOverTime(dy.Schema):
    """Expected against observed wins per month of scoring and horizon.

    One score per opportunity and row: its first of that month. `basis` is 'matured' where the
    horizon has passed, 'estimate' where it has not: then the wins expected by now count.
    """

    period = dy.Date(primary_key=True, min=EARLIEST, max=LATEST, description="First of the month.")
    horizon_days = dy.Int32(primary_key=True, min=1, max=3_650)
    basis = dy.String(primary_key=True, description="matured or estimate.")
    n = dy.Int64(min=1, max=10**12, description="Scores, one per opportunity.")
    expected_wins = dy.Float64(min=0.0, max=1e12)
    observed_wins = dy.Int64(min=0, max=10**12)
    ratio = dy.Float64(nullable=True, min=0.0, max=1e12, description="Observed by expected.")
    ratio_low = dy.Float64(nullable=True, min=0.0, max=1e12, description="Of the 95 % interval.")
    ratio_high = dy.Float64(nullable=True, min=0.0, max=1e12)
    log_loss = dy.Float64(nullable=True, min=0.0, max=100.0, description="Null for an estimate.")
    brier = dy.Float64(nullable=True, min=0.0, max=1.0, description="Null for an estimate.")


class LeakAudit(dy.Schema):
    """How each test of the leak gate came out for each feature."""

    feature = dy.String(primary_key=True, min_length=1)
    group = dy.String(description="Features of one source, which are also tried together.")
    test = dy.String(primary_key=True, description="Code of the test, such as LK1_future_erased.")
    title = dy.String(description="What the figure says, with its unit.")
    figure = dy.Float64(nullable=True, min=0.0, max=1.0, description="Null: nothing was measured.")
    threshold = dy.Float64(nullable=True, min=0.0, max=1.0, description="Largest that passes.")
    outcome = dy.String(description="passed, failed, not applicable, overridden or banned.")
    note = dy.String(nullable=True, description="What was found, or why not.")
    remedy = dy.String()

    @dy.rule()
    def outcome_is_known(cls) -> pl.Expr:
        known = ["passed", "failed", "not applicable", "overridden", "banned"]
        return pl.col("outcome").is_in(known)


class Forecast(dy.Schema):
    """Bookings (revenue of wins) to expect, one week, month or fiscal quarter per row.

    `forecast` = `booked` + `pipeline` + `new_business`, in the export's currency. What happens is
    expected to lie within `low` and `high` with the chance `level`; null where too few past
    errors are known to say so (`note` says how many).
    """

    issued_on = dy.Date(
        primary_key=True, min=EARLIEST, max=LATEST, description="Last day that was known."
    )
    period_kind = dy.String(primary_key=True, description="week, month or quarter (fiscal).")
    period_start = dy.Date(primary_key=True, min=EARLIEST, max=LATEST)
    period_end = dy.Date(min=EARLIEST, max=LATEST, description="Last day of it.")
    ahead = dy.Int32(
        min=1, max=1_000, description="Periods ahead; 1: the one of the day after issued_on."
    )
    method = dy.String(min_length=1)
    booked = dy.Float64(min=0.0, max=1e15, description="Won in the period until issued_on.")
    pipeline = dy.Float64(min=0.0, max=1e15, description="From opportunities open on issued_on.")
    new_business = dy.Float64(min=0.0, max=1e15, description="From those to be engaged after it.")
    forecast = dy.Float64(min=0.0, max=1e15)
    low = dy.Float64(nullable=True, min=0.0, max=1e15)
    high = dy.Float64(nullable=True, min=0.0, max=1e15)
    level = dy.Float64(min=0.0, max=1.0, description="Nominal coverage of low to high (0-1).")
    note = dy.String(nullable=True)

    @dy.rule()
    def period_kind_is_known(cls) -> pl.Expr:
        return pl.col("period_kind").is_in(["week", "month", "quarter"])

    @dy.rule()
    def parts_add_up(cls) -> pl.Expr:
        parts = pl.col("booked") + pl.col("pipeline") + pl.col("new_business")
        return (parts - pl.col("forecast")).abs() <= 1e-9 * (1 + pl.col("forecast"))

    @dy.rule()
    def interval_is_whole(cls) -> pl.Expr:
        return pl.col("low").is_null() == pl.col("high").is_null()

    @dy.rule()
    def forecast_is_within_its_interval(cls) -> pl.Expr:
        return (pl.col("low") <= pl.col("forecast")) & (pl.col("forecast") <= pl.col("high"))


class ForecastBacktest(Forecast):
    """The forecasts that each method would have issued, beside what came, its errors known then.

    A period is in it once per method and `issued_on` (the origin).
    """

    method = dy.String(primary_key=True, min_length=1)
    actual = dy.Float64(min=0.0, max=1e15, description="Booked in the period when it was over.")


class ForecastOutcomes(dy.Schema):
    """What came of an issued forecast whose period has ended."""

    issued_on = dy.Date(primary_key=True, min=EARLIEST, max=LATEST)
    period_kind = dy.String(primary_key=True)
    period_start = dy.Date(primary_key=True, min=EARLIEST, max=LATEST)
    period_end = dy.Date(min=EARLIEST, max=LATEST)
    ahead = dy.Int32(min=1, max=1_000)
    method = dy.String(min_length=1)
    forecast = dy.Float64(min=0.0, max=1e15)
    low = dy.Float64(nullable=True, min=0.0, max=1e15)
    high = dy.Float64(nullable=True, min=0.0, max=1e15)
    level = dy.Float64(min=0.0, max=1.0)
    actual = dy.Float64(min=0.0, max=1e15)
    error = dy.Float64(min=-1e15, max=1e15, description="Forecast less actual.")
    relative_error = dy.Float64(
        nullable=True, min=-1.0, max=1e15, description="Share of actual; null where that is 0."
    )
    is_inside = dy.Bool(nullable=True, description="Within low to high; null: no interval.")


class DeadPipelineByOwner(dy.Schema):
    """Open opportunities of one sales agent per row; amounts if won, in the export's currency.

    Amounts leave out opportunities without a known amount, which the counts hold.
    """

    sales_agent = dy.String(nullable=True, description="Null: nobody's.")
    open_opportunities = dy.Int64(min=1, max=10**12)
    open_amount = dy.Float64(min=0.0, max=1e15)
    dead_opportunities = dy.Int64(
        min=0, max=10**12, description="Older than any opportunity that ever closed."
    )
    dead_amount = dy.Float64(min=0.0, max=1e15)
    dead_share = dy.Float64(
        nullable=True, min=0.0, max=1.0, description="Of the open amount; null where that is 0."
    )
    expected_value = dy.Float64(min=0.0, max=1e15, description="Of all open ones, by the model.")
    haircut = dy.Float64(
        nullable=True, min=0.0, max=1.0, description="Expected value as a share of the amount."
    )
