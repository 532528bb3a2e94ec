"""LK1: erase the future, rebuild, and see which values move."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.features.audit.candidates import Audited, Erased
from dealcast.features.audit.coding import plain
from dealcast.features.audit.spec import Finding, Findings, NotApplicable
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
    moved = {erased.day: _moved(erased, candidates.features) for erased in candidates.erased}
    return {name: _finding(name, candidates.erased, moved) for name in candidates.features}


def _moved(erased: Erased, features: Sequence[str]) -> pl.DataFrame:
    """Where each feature that can be compared moved."""
    now, then = plain(erased.now.select(features)), plain(erased.then)
    both = [name for name in now.columns if name in then.columns]
    return differs(now.select(both), then.select(both))


def _finding(
    feature: str, days: Sequence[Erased], moved: Mapping[date, pl.DataFrame]
) -> Finding | NotApplicable:
    for erased in days:
        if feature not in erased.then.columns:
            return NotApplicable("the rebuilt table has no such column")
        if feature not in moved[erased.day].columns:
            return NotApplicable(f"its type {erased.now[feature].dtype} cannot be compared")
    flags = {day: rows[feature].to_numpy() for day, rows in moved.items()}
    share = float(np.concatenate(list(flags.values())).mean())
    worst = max(flags, key=lambda day: flags[day].mean() if len(flags[day]) else 0.0)
    counts = f"{flags[worst].sum():,} of {len(flags[worst]):,}"
    note = f"{counts} values of {worst} change" if share else None
    return Finding(share, share > 0, note)


def differs(now: pl.DataFrame, then: pl.DataFrame) -> pl.DataFrame:
    """Where plain values are not the same, by column; null is the same as null only.

    >>> now, then = [1.0, 2.0, None], [1.0 + 1e-12, None, None]
    >>> differs(pl.DataFrame({"x": now}), pl.DataFrame({"x": then}))["x"].to_list()
    [False, True, False]
    """
    # Numbered, as a feature may have any name.
    old = {name: f"now {i}" for i, name in enumerate(now.columns)}
    new = {name: f"then {i}" for i, name in enumerate(now.columns)}
    pairs = pl.concat([now.rename(old), then.rename(new)], how="horizontal")
    return pairs.select(
        _differs(
            pl.col(old[name]),
            pl.col(new[name]),
            as_text=dtype == pl.String or dtype != then.schema[name],
        ).alias(name)
        for name, dtype in now.schema.items()
    )


def _differs(now: pl.Expr, then: pl.Expr, *, as_text: bool) -> pl.Expr:
    if as_text:
        return now.cast(pl.String).ne_missing(then.cast(pl.String))
    size = pl.max_horizontal(now.abs(), then.abs())
    apart = (now - then).abs() > RELATIVE_TOLERANCE * size + ABSOLUTE_TOLERANCE
    return (now.is_null() != then.is_null()) | apart.fill_null(value=False)


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
        rebuilt = rebuild(as_known_on(tables, day).collect_all(), day)
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
