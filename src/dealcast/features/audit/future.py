"""LK1: erase the future, rebuild, and see which values move."""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.features.audit.candidates import Audited, Erased
from dealcast.features.audit.coding import plain
from dealcast.features.audit.spec import Bools, Finding, Findings, NotApplicable
from dealcast.snapshots import as_known_on

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-9, 1e-12
# Rows looked at on each day: a feature that sees the future moves on many of them.
ROWS_A_DAY = 3_000

# Tables as known on a day, and the day → the features of that day, with their key.
Rebuild = Callable[[CrmTables, date], pl.DataFrame]


def future_erased(audited: Audited) -> Findings:
    """Share of values (0-1) that move when the future is erased: 0 where none was seen."""
    candidates = audited.candidates
    if isinstance(candidates.erased, NotApplicable):
        return dict.fromkeys(candidates.features, candidates.erased)
    if not any(erased.now.height for erased in candidates.erased):
        why = "nothing closed or engaged after a date on which one of the rows was open"
        return dict.fromkeys(candidates.features, NotApplicable(why))
    return {name: _moved(name, candidates.erased) for name in candidates.features}


def _moved(feature: str, days: Sequence[Erased]) -> Finding | NotApplicable:
    moved = {}
    for erased in days:
        if feature not in erased.then.columns:
            return NotApplicable("the rebuilt table has no such column")
        now, then = plain(erased.now[feature]), plain(erased.then[feature])
        if now is None or then is None:
            return NotApplicable(f"its type {erased.now[feature].dtype} cannot be compared")
        moved[erased.day] = differs(now, then)
    share = float(np.concatenate(list(moved.values())).mean())
    worst = max(moved, key=lambda day: moved[day].mean() if len(moved[day]) else 0.0)
    counts = f"{moved[worst].sum():,} of {len(moved[worst]):,}"
    note = f"{counts} values of {worst} change" if share else None
    return Finding(share, share > 0, note)


def differs(now: pl.Series, then: pl.Series) -> Bools:
    """Where plain values are not the same; null is the same as null only.

    >>> differs(pl.Series([1.0, 2.0, None]), pl.Series([1.0 + 1e-12, None, None])).tolist()
    [False, True, False]
    """
    if now.dtype != then.dtype:
        now, then = now.cast(pl.String), then.cast(pl.String)
    if now.dtype == pl.String:
        return now.ne_missing(then).to_numpy()
    size = pl.max_horizontal(pl.col("now").abs(), pl.col("then").abs())
    apart = (pl.col("now") - pl.col("then")).abs() > RELATIVE_TOLERANCE * size + ABSOLUTE_TOLERANCE
    blank = pl.col("now").is_null() != pl.col("then").is_null()
    pairs = pl.DataFrame({"now": now, "then": then})
    return pairs.select(blank | apart.fill_null(value=False)).to_series().to_numpy()


def erase(  # noqa: PLR0913 - rows, what happened to them, and how to make them again
    frame: pl.DataFrame,
    facts: pl.DataFrame,
    tables: CrmTables,
    rebuild: Rebuild,
    *,
    dates: int,
    seed: int,
) -> tuple[Erased, ...]:
    """The frame's rows on so many dates, beside the same rebuilt from what was known then.

    A row that the rebuilt table lacks counts as blank there.
    """
    by_snapshot = "snapshot_date" in frame.columns
    key = ["opportunity_id", "snapshot_date"] if by_snapshot else ["opportunity_id"]
    compared = []
    for day in _spread(_days_with_a_future(facts, by_snapshot=by_snapshot), dates):
        rows = frame.filter(_open_on(facts, day, by_snapshot=by_snapshot))
        rows = rows.sample(min(ROWS_A_DAY, rows.height), seed=seed)
        rebuilt = rebuild(as_known_on(tables, day), day)
        then = rows.select(key).join(rebuilt, on=key, how="left", maintain_order="left")
        compared.append(Erased(day, rows, then))
    return tuple(compared)


def _days_with_a_future(facts: pl.DataFrame, *, by_snapshot: bool) -> list[date]:
    """Dates of the rows, or of closes, after which something closed."""
    closes = facts["closes"].drop_nulls()
    if closes.is_empty():
        return []
    days = facts["snapshot_date"] if by_snapshot else closes
    return days.filter(days < closes.max()).sort().to_list()


def _spread(days: list[date], count: int) -> list[date]:
    """So many of the days, from all parts of the time; fewer where several fall together."""
    places = (np.arange(count) + 0.5) / count * len(days)
    return sorted({days[int(place)] for place in places}) if days else []


def _open_on(facts: pl.DataFrame, day: date, *, by_snapshot: bool) -> pl.Series:
    if by_snapshot:
        return facts["snapshot_date"] == day
    still_open = facts["closes"].is_null() | (facts["closes"] > day)
    return (facts["engage_date"] <= day) & still_open
