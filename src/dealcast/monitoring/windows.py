"""What the model was trained on, and what has come in since: each opportunity in one window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from dealcast.contracts import CLOSED_STAGES, CrmTables
from dealcast.errors import ModelError
from dealcast.features.build import build_features
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.columns import Lens
from dealcast.features.selection import usable
from dealcast.features.spec import FeatureSpec, Leak
from dealcast.monitoring.statistics import IntArray
from dealcast.snapshots import DayArray, as_known_on, day_number, month_of_quarter, week_of_quarter

WEEKS_OF_QUARTER = 14
# What is watched of accounts.
OF_ACCOUNTS = ("sector", "office_location")
PARTS_OF_QUARTER = 4 * WEEKS_OF_QUARTER  # months count from 1


@dataclass(frozen=True)
class Windows:
    """Reference: from `reference_from` to `trained_until`; current: after it, to `as_of`.

    `reference_from` is the first close: before it the export holds survivors only. It is null
    where nothing had closed by `trained_until`.
    """

    reference_from: date | None
    trained_until: date
    as_of: date
    fiscal_year_start_month: int = 1

    def part_of_quarter(self, days: DayArray) -> IntArray:
        """Month and week of the fiscal quarter as one number, which the calendar acts through."""
        first = self.fiscal_year_start_month
        month = month_of_quarter(days, fiscal_year_start_month=first)
        week = week_of_quarter(days, fiscal_year_start_month=first)
        return month * WEEKS_OF_QUARTER + week

    def days(self, *, current: bool) -> DayArray:
        """Day numbers of one window."""
        start = self.trained_until + timedelta(days=1)
        first, last = (start, self.as_of) if current else (self.reference_from, self.trained_until)
        return np.arange(day_number(first), day_number(last) + 1) if first else np.arange(0)


def windows(
    tables: CrmTables,
    *,
    as_of: date,
    trained_until: date | None,
    current_days: int,
    fiscal_year_start_month: int = 1,
) -> Windows:
    """The windows to compare; a model that knows all until `as_of` is compared `current_days` back.

    Raises ModelError where the model knows what came after `as_of`.
    """
    if trained_until is not None and trained_until > as_of:
        raise ModelError(
            f"The model knows what happened until {trained_until}: "
            f"on {as_of} nothing can have come in since.",
            remedy=f"monitor on a later day, or a model trained until {as_of} or before",
        )
    cut = trained_until or as_of
    if cut == as_of:
        cut = as_of - timedelta(days=current_days)
    known = tables.opportunities.filter(pl.col("close_date") <= cut)
    first: date | None = known.select(pl.col("close_date").min()).collect().item()
    return Windows(first, cut, as_of, fiscal_year_start_month)


def newly_engaged(tables: CrmTables, within: Windows) -> pl.DataFrame:
    """One row per opportunity engaged in either window, with what was known of it on that day.

    Beside its agent, product, manager and region, the features of the catalogue that are about
    this opportunity alone. Those of the calendar are left out (`part` holds it), and so are
    histories: all opportunities of an agent share them, and counts grow by themselves.
    """
    rows = _in_windows(tables, within, "engage_date", ("sales_agent", "product"))
    if tables.sales_agents is not None:
        rows = rows.join(tables.sales_agents.collect(), on="sales_agent", how="left")
    on_engaging = rows.lazy().select("opportunity_id", snapshot_date="engage_date")
    features = build_features(on_engaging, tables, usable(tables, row_features()))
    return rows.join(features.drop("snapshot_date").collect(), on="opportunity_id", how="left")


def newly_closed(tables: CrmTables, within: Windows) -> pl.DataFrame:
    """One row per opportunity closed in either window, with its account, which is known by then.

    `discounted`: its value as a share of the list price, null unless won and on the price list.
    """
    names = ("product", "deal_stage", "close_value")
    closed = pl.col("deal_stage").is_in(CLOSED_STAGES)
    won = pl.col("deal_stage") == "Won"
    rows = _in_windows(tables, within, "close_date", ("account", *names)).filter(closed)
    rows = rows.with_columns(won=won, won_value=pl.when(won).then(pl.col("close_value")))
    if tables.accounts is not None:
        accounts = tables.accounts.select("account", *OF_ACCOUNTS).collect()
        rows = rows.join(accounts, on="account", how="left")
    if tables.products is not None:
        prices = tables.products.select("product", "sales_price").collect()
        price = pl.when(pl.col("sales_price") > 0).then(pl.col("sales_price"))
        rows = rows.join(prices, on="product", how="left").with_columns(
            discounted=pl.col("won_value") / price
        )
    return rows.drop(names, "sales_price", strict=False)


def row_features() -> tuple[FeatureSpec, ...]:
    """The features of the catalogue that differ between opportunities engaged on the same day."""
    return tuple(
        spec
        for spec in CATALOGUE
        if spec.lens is Lens.ROW and spec.leak is not Leak.BANNED and spec.entity != "opportunity"
    )


def _in_windows(
    tables: CrmTables, within: Windows, event: str, columns: Sequence[str]
) -> pl.DataFrame:
    """Opportunities whose event fell into a window, as each was known at the window's end.

    With opportunity_id, the day of the event, and these columns.
    """
    then, now = within.trained_until, within.as_of
    day = pl.col(event)
    reference = as_known_on(tables, then).opportunities.filter(
        day.is_between(pl.lit(within.reference_from, pl.Date), then)
    )
    current = as_known_on(tables, now).opportunities.filter(day > then, day <= now)
    rows = pl.concat(
        [
            frame.select("opportunity_id", event, *columns, is_current=pl.lit(value=is_current))
            for frame, is_current in ((reference, False), (current, True))
        ]
    ).collect()
    days = day_number(rows[event].to_numpy())
    return rows.with_columns(part=pl.Series(within.part_of_quarter(days), dtype=pl.Int64))
