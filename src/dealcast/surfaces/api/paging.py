"""Filter, sort and page the issued scores: every row that fits exactly once, in order."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

import polars as pl

from dealcast.surfaces.api.problems import ProblemError

Sort = Literal[
    "-expected_value", "expected_value", "-amount", "amount", "-age_days", "age_days",
    "-engage_date", "engage_date", "-p_ever_won", "p_ever_won", "opportunity_id",
]  # fmt: skip
SORTS: tuple[str, ...] = get_args(Sort)
ID = "opportunity_id"


@dataclass(frozen=True)
class Found:
    """A page: its rows, how many there are on all pages, and where the next one begins."""

    rows: pl.DataFrame
    total: int
    next_cursor: str | None


def page(
    scores: pl.DataFrame,
    filters: Mapping[str, object],
    *,
    sort: Sort,
    limit: int,
    cursor: str | None,
) -> Found:
    """Rows whose columns have these values (None: any), after the cursor.

    In the order of `sort` (a column, - for falling), then of ids; rows without a value last. The
    cursor says which row came last, not how many did: where scores are issued anew between two
    pages, the next one goes on from the same place. Raises ProblemError where it is none of ours.
    """
    wanted = [pl.col(name) == value for name, value in filters.items() if value is not None]
    fitting = scores.filter(*wanted) if wanted else scores
    by, falls = sort.lstrip("-"), sort.startswith("-")
    after = fitting if cursor is None else fitting.filter(_after(cursor, sort, scores.schema[by]))
    ordered = after.sort(
        [by, ID], descending=[falls, False], nulls_last=True, maintain_order=True
    ).head(limit + 1)
    rows = ordered.head(limit)
    more = ordered.height > limit
    return Found(rows, fitting.height, _cursor(rows.row(-1, named=True), sort) if more else None)


def _cursor(last: Mapping[str, Any], sort: str) -> str:
    value = last[sort.lstrip("-")]
    told = value.isoformat() if isinstance(value, date) else value
    return base64.urlsafe_b64encode(json.dumps([sort, told, last[ID]]).encode()).decode()


def _after(cursor: str, sort: Sort, kind: pl.DataType) -> pl.Expr:
    value, last = _read(cursor, sort, kind)
    column, later_id = pl.col(sort.lstrip("-")), pl.col(ID) > last
    if value is None:
        blank: pl.Expr = column.is_null() & later_id
        return blank
    later: pl.Expr = column < value if sort.startswith("-") else column > value
    after: pl.Expr = later | ((column == value) & later_id) | column.is_null()
    return after


def _read(cursor: str, sort: str, kind: pl.DataType) -> tuple[Any, str]:
    """The value and the id of the row that came last."""
    try:
        return _parsed(cursor, sort, kind)
    except (ValueError, TypeError, RecursionError):
        raise ProblemError(
            "not-found",
            f"The cursor is none that was given for sort={sort}.",
            remedy="give next_cursor of the page before with the same sort, or no cursor",
        ) from None


def _parsed(cursor: str, sort: str, kind: pl.DataType) -> tuple[Any, str]:
    made_for, value, last = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    if made_for != sort or not isinstance(last, str):
        raise ValueError(made_for)
    if value is None:
        return None, last
    if kind == pl.Date:
        return date.fromisoformat(value), last
    return str(value) if kind == pl.String else float(value), last
