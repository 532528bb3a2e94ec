"""What a new export changes of a former one, and from which day on something else was known.

A feature of a snapshot date is made of what its lens shows: what was known at engaging of whoever
had engaged by then, and what was known after the close of whoever had closed. So an opportunity
that differs in a column known at engaging changes nothing before it engaged, one that differs only
in what a close tells nothing before the close; before the first such day, features are the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from dealcast.contracts import CrmTables, Opportunities
from dealcast.features.columns import COLUMNS, DIMENSIONS, Known

FORMER = "_former"
# Columns of an opportunity by when they are known; what a close tells are all others.
AT_ENGAGING = frozenset(
    c.source for c in COLUMNS.values() if c.table == "opportunities" and c.known is Known.ENGAGING
)
# What the outcome of a snapshot is made of.
OUTCOME = ("engage_date", "close_date", "deal_stage")


@dataclass(frozen=True)
class Changes:
    """How many opportunities are new, changed or gone (count), and the first days that this alters.

    Features are the same on snapshot dates before `features_from`, outcomes on those before
    `outcomes_from`; None: on all.
    """

    opportunities: int
    features_from: date | None
    outcomes_from: date | None


def changes_between(former: CrmTables, present: CrmTables) -> Changes:
    """What the present tables change of the former.

    >>> def export(close_date):
    ...     return CrmTables.cast({"opportunities": pl.LazyFrame({
    ...         "opportunity_id": ["A"], "sales_agent": None, "product": None, "account": None,
    ...         "deal_stage": ["Won" if close_date else "Engaging"],
    ...         "engage_date": [date(2017, 3, 1)], "close_date": [close_date],
    ...         "close_value": [900.0 if close_date else None],
    ...     })})
    >>> found = changes_between(export(None), export(date(2017, 3, 13)))
    >>> found.opportunities, str(found.features_from), str(found.outcomes_from)
    (1, '2017-03-13', '2017-03-01')
    """
    own = _changed_opportunities(former.opportunities, present.opportunities)
    days = own.select(
        features=pl.when(_differs(AT_ENGAGING))
        .then(_earlier("engage_date"))
        .otherwise(_earlier("close_date"))
        .min(),
        outcomes=pl.when(_differs(OUTCOME)).then(_earlier("engage_date")).min(),
    )
    features, outcomes = days.row(0)
    found = [features, *_days_of_changed_dimensions(former, present)]
    return Changes(own.height, min((d for d in found if d), default=None), outcomes)


def _changed_opportunities(former: pl.LazyFrame, present: pl.LazyFrame) -> pl.DataFrame:
    """Present and former values, side by side, of each that differs; null where it is not there."""
    columns = [c for c in Opportunities.column_names() if c != "opportunity_id"]
    return (
        present.join(former, on="opportunity_id", how="full", coalesce=True, suffix=FORMER)
        .filter(_differs(columns))
        .collect(engine="streaming")
    )


def _differs(columns: Iterable[str]) -> pl.Expr:
    return pl.any_horizontal(pl.col(c).ne_missing(pl.col(f"{c}{FORMER}")) for c in sorted(columns))


def _earlier(day: str) -> pl.Expr:
    return pl.min_horizontal(day, f"{day}{FORMER}")


def _days_of_changed_dimensions(former: CrmTables, present: CrmTables) -> list[date | None]:
    """First day on which somebody could know each changed row of a dimension table."""
    days: list[date | None] = []
    for name, key in DIMENSIONS.items():
        changed = _changed_keys(getattr(former, name), getattr(present, name), key)
        after_close = any(c.table == name and c.known is Known.CLOSING for c in COLUMNS.values())
        day = "close_date" if after_close else "engage_date"
        for tables in (former, present) if len(changed) else ():
            about = tables.opportunities.filter(pl.col(key).is_in(changed.implode()))
            days.append(about.select(pl.col(day).min()).collect().item())
    return days


def _changed_keys(former: pl.LazyFrame | None, present: pl.LazyFrame | None, key: str) -> pl.Series:
    there = [rows.collect() for rows in (former, present) if rows is not None]
    if not there:
        return pl.Series(key, [], pl.String)
    columns = there[0].columns
    # Every row that both have comes twice; a key is in a table once.
    once = pl.concat(there).group_by(columns).len().filter(pl.col("len") == 1)
    return once[key].unique()
