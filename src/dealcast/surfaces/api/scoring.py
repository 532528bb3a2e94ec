"""Opportunities of a request → scores, by the very function that the step `score` calls."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import compress
from typing import Any

import numpy as np
import polars as pl

from dealcast.errors import listed
from dealcast.modeling.figures import Column, Dates, Judging, figures, has_clock, notes
from dealcast.modeling.reasons import Explained, Words
from dealcast.modeling.traits import Traits
from dealcast.snapshots import day_number
from dealcast.surfaces.api.bodies import Opportunity
from dealcast.surfaces.api.loaded import Loaded
from dealcast.surfaces.api.problems import ProblemError

Item = dict[str, Any]
# Columns of Scores that an answer names as they are.
AS_THEY_ARE = (
    "opportunity_id", "scored_on", "model_id", "sales_agent", "product", "account", "deal_stage",
    "engage_date", "age_days", "p_ever_won", "amount", "amount_from", "expected_value", "grade",
    "closes_from", "closes_until", "is_stale", "stale_evidence", "is_low_information", "note",
    "reason_for", "reason_against",
)  # fmt: skip
ANY_GRADES = (0.5, 0.25, 0.1)
# What is said of an opportunity that has no clock.
WITHOUT_CLOCK: Item = {"is_stale": False, "is_low_information": False}


def score_given(
    loaded: Loaded,
    given: Sequence[Opportunity],
    as_of: date,
    grades: tuple[float, ...],
    *,
    with_reasons: bool,
) -> list[Item]:
    """The answer to each, in the order given.

    Raises ProblemError for one given twice, or a day before the last that the model knows.
    """
    if as_of < loaded.known_until:
        raise ProblemError(
            "conflict",
            f"The model knows what happened until {loaded.known_until}: "
            f"scores for {as_of} would know the future.",
            remedy=f"give an as_of from {loaded.known_until} on, or none",
        )
    _refuse_repeated([o.opportunity_id for o in given])
    engaged = np.array([o.engage_date for o in given], dtype="datetime64[D]")
    clock = has_clock(engaged, as_of)
    rows = [
        _as_given(loaded, o, as_of) | {"note": note, "reasons": [] if with_reasons else None}
        for o, note in zip(given, notes(engaged, clock).listed(), strict=True)
    ]
    clocked = list(compress(rows, clock.tolist()))
    judging = Judging(grades, explains=with_reasons)
    for row, said in zip(clocked, _said(loaded, clocked, engaged[clock], judging), strict=True):
        row.update(said)
    return list(_items(rows, loaded.model.horizons_days))


def warm_up(loaded: Loaded) -> None:
    """Score a made-up opportunity: a model that cannot is found here, and no caller waits."""
    example = Opportunity(opportunity_id="EXAMPLE", engage_date=loaded.known_until)
    for with_reasons in (False, True):
        score_given(loaded, [example], loaded.known_until, ANY_GRADES, with_reasons=with_reasons)


def items(scores: pl.DataFrame, horizons_days: Sequence[int]) -> Iterator[Item]:
    """Rows of Scores as an answer tells them, with the chances of the horizons in a list."""
    return _items(scores.iter_rows(named=True), horizons_days)


def _items(rows: Iterable[Mapping[str, Any]], horizons_days: Sequence[int]) -> Iterator[Item]:
    named = [(h, f"p_won_{h}", f"p_lost_{h}") for h in horizons_days]
    for row in rows:
        item = {name: row.get(name) for name in AS_THEY_ARE}
        item["chances"] = [
            {"horizon_days": h, "p_won": row.get(won), "p_lost": row.get(lost)}
            for h, won, lost in named
        ]
        item["reasons"] = row.get("reasons")
        yield item


def parts_by_id(reasons: pl.DataFrame) -> dict[str, list[Item]]:
    """Rows of ScoreReasons, by opportunity."""
    found: dict[str, list[Item]] = {}
    for id_, part, log_odds in reasons.select("opportunity_id", "part", "log_odds").iter_rows():
        found.setdefault(id_, []).append({"part": part, "log_odds": log_odds})
    return found


def _as_given(loaded: Loaded, given: Opportunity, as_of: date) -> Item:
    """What is known of an opportunity before it is scored."""
    return {
        **WITHOUT_CLOCK,
        **vars(given),
        **loaded.amount_of(given.product, given.amount)._asdict(),
        "deal_stage": given.deal_stage or "Engaging",
        "scored_on": as_of,
        "model_id": loaded.signs.version.model_id,
    }


def _said(
    loaded: Loaded, clocked: Sequence[Item], engaged: Dates, judging: Judging
) -> Iterator[Item]:
    """What the model says of those that have a clock, all on one day."""
    if not clocked:
        return
    names = {
        name: pl.Series([row[name] for row in clocked], dtype=pl.String)
        for name in loaded.model.fitted.entities
    }
    amount = np.array([row["amount"] for row in clocked], dtype=np.float64)
    traits = Traits(day_number(engaged), names)
    found = figures(loaded.model, traits, amount, clocked[0]["scored_on"], judging)
    rows = _rows(found.columns)
    if found.explained is None:
        yield from rows
        return
    for row, parts in zip(rows, _parts(found.explained), strict=True):
        yield row | {"reasons": parts}


def _rows(columns: Mapping[str, Column]) -> Iterator[Item]:
    """Columns as rows."""
    for row in zip(*map(_listed, columns.values()), strict=True):
        yield dict(zip(columns, row, strict=True))


def _listed(column: Column) -> list[Any]:
    """What is not known is None."""
    if isinstance(column, Words):
        return column.listed()
    if column.dtype.kind == "f" and np.isnan(column).any():
        return [None if math.isnan(value) else value for value in column.tolist()]
    return list(column.tolist())


def _parts(explained: Explained) -> Iterator[list[Item]]:
    """The parts of each that has a clock."""
    for log_odds in explained.log_odds[explained.place].tolist():
        each = zip(explained.parts, log_odds, strict=True)
        yield [{"part": part, "log_odds": size} for part, size in each]


def _refuse_repeated(ids: Sequence[str]) -> None:
    repeated = [id_ for id_, times in Counter(ids).items() if times > 1]
    if not repeated:
        return
    raise ProblemError(
        "conflict",
        f"{len(repeated):,} opportunities are given more than once: {listed(repeated)}.",
        remedy="give each opportunity once",
    )
