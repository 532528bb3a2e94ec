"""What features may read: each column, when its value is known, and which lens shows it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import narwhals as nw
from narwhals.dtypes import NumericType

DType: TypeAlias = type[NumericType] | type[nw.String]


class Lens(StrEnum):
    """Which rows and columns a feature may see. The lens owns time.

    ROW: this opportunity, as known on the snapshot date. CLOSED: the entity's opportunities closed
    strictly before that date. OPEN: those open on it, without outcome. EXPORT: all, future too.
    """

    ROW = "row"
    CLOSED = "closed"
    OPEN = "open"
    EXPORT = "export"


class Known(StrEnum):
    """When a value is known."""

    SNAPSHOT = "on the snapshot date"
    ENGAGING = "at engaging"
    UNDATED = "undated: as of export"
    CLOSING = "after the close"


@dataclass(frozen=True)
class Column:
    """A column that features read: the table and column behind it, its type, when it is known."""

    table: str
    source: str
    dtype: DType
    known: Known


# Days are day numbers (days since 1970-01-01); won and lost are 0 or 1. The account is filled in
# when an opportunity closes, so even its presence tells the outcome, and so does all behind it.
COLUMNS: dict[str, Column] = {
    "snapshot_day": Column("snapshots", "snapshot_date", nw.Int64, Known.SNAPSHOT),
    "quarter_start": Column("snapshots", "snapshot_date", nw.Int64, Known.SNAPSHOT),
    "quarter_end": Column("snapshots", "snapshot_date", nw.Int64, Known.SNAPSHOT),
    "month_of_quarter": Column("snapshots", "snapshot_date", nw.Int64, Known.SNAPSHOT),
    "sales_agent": Column("opportunities", "sales_agent", nw.String, Known.ENGAGING),
    "product": Column("opportunities", "product", nw.String, Known.ENGAGING),
    "engage_day": Column("opportunities", "engage_date", nw.Int64, Known.ENGAGING),
    "engaged_month_of_quarter": Column("opportunities", "engage_date", nw.Int64, Known.ENGAGING),
    "series": Column("products", "series", nw.String, Known.UNDATED),
    "sales_price": Column("products", "sales_price", nw.Float64, Known.UNDATED),
    "manager": Column("sales_agents", "manager", nw.String, Known.UNDATED),
    "regional_office": Column("sales_agents", "regional_office", nw.String, Known.UNDATED),
    "account": Column("opportunities", "account", nw.String, Known.CLOSING),
    "sector": Column("accounts", "sector", nw.String, Known.CLOSING),
    "revenue": Column("accounts", "revenue", nw.Float64, Known.CLOSING),
    "employees": Column("accounts", "employees", nw.Int64, Known.CLOSING),
    "office_location": Column("accounts", "office_location", nw.String, Known.CLOSING),
    "deal_stage": Column("opportunities", "deal_stage", nw.String, Known.CLOSING),
    "won": Column("opportunities", "deal_stage", nw.Int64, Known.CLOSING),
    "lost": Column("opportunities", "deal_stage", nw.Int64, Known.CLOSING),
    "close_day": Column("opportunities", "close_date", nw.Int64, Known.CLOSING),
    "close_value": Column("opportunities", "close_value", nw.Float64, Known.CLOSING),
    "cycle_days": Column("opportunities", "close_date", nw.Int64, Known.CLOSING),
}

# dimension table -> the column of an opportunity that names its row.
DIMENSIONS: dict[str, str] = {
    "products": "product",
    "sales_agents": "sales_agent",
    "accounts": "account",
}

# entity -> the column that tells which one; `everyone` is all opportunities together.
ENTITIES: dict[str, str] = {
    "opportunity": "opportunity_id",
    "sales_agent": "sales_agent",
    "product": "product",
    "manager": "manager",
    "regional_office": "regional_office",
    "account": "account",
    "everyone": "everyone",
}

# the same -> the column of an opportunity through which it is found: a manager through the agent.
FOUND_THROUGH: dict[str, str] = {
    key: DIMENSIONS.get(COLUMNS[key].table, key) if key in COLUMNS else key
    for key in ENTITIES.values()
}

_SHOWN_KINDS: dict[Lens, tuple[Known, ...]] = {
    Lens.ROW: (Known.SNAPSHOT, Known.ENGAGING, Known.UNDATED),
    Lens.CLOSED: (Known.ENGAGING, Known.UNDATED, Known.CLOSING),
    Lens.OPEN: (Known.ENGAGING, Known.UNDATED),
    Lens.EXPORT: (Known.ENGAGING, Known.UNDATED, Known.CLOSING),
}
SHOWN: dict[Lens, tuple[str, ...]] = {
    lens: tuple(name for name, column in COLUMNS.items() if column.known in kinds)
    for lens, kinds in _SHOWN_KINDS.items()
}
