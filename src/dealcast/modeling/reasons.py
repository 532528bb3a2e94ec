"""Why a score is what it is: parts on the log-odds scale that add up to it.

The chance to be won within a horizon is computed again and again, each time with one thing more
taken into account; what each adds to the log-odds is its part (a sequential decomposition, always
in the order of PARTS). From the base rate, with all parts added, the score itself comes out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from dealcast.contracts import ScoreReasons
from dealcast.modeling.recalibration import UNCHANGED
from dealcast.modeling.risks import CompetingRisks, Kinds
from dealcast.modeling.training import WinModel
from dealcast.modeling.traits import FloatArray, combined, first_of_each
from dealcast.snapshots import DayArray

SMALLEST = 1e-9
BASE = "base_rate"
TOGETHER = "together"
# Parts (log-odds) too small to be worth telling.
WORTH_TELLING = 0.05


@dataclass(frozen=True)
class Part:
    """One thing taken into account: its name, and what is said where it raises or lowers."""

    name: str
    raises: str
    lowers: str


_ENTITY_WORDS = {"sales_agent": "the agent", "product": "the product", "account": "the account"}

PARTS: Mapping[str, Part] = {
    p.name: p
    for p in (
        Part("age", "open for {age} days, when many close", "open for {age} days, when few close"),
        Part(
            "calendar",
            "this time of the quarter is good for closing and winning",
            "this time of the quarter is bad for closing and winning",
        ),
        Part(
            "sales_agent never closes",
            "few opportunities of {sales_agent} are never closed",
            "many opportunities of {sales_agent} are never closed",
        ),
        Part(
            "cohort never closes",
            "few opportunities engaged in the same fortnight stay open",
            "many opportunities engaged in the same fortnight stay open",
        ),
        Part(
            "sales_agent and cohort never closes",
            "few that {sales_agent} engaged in the same fortnight stay open",
            "many that {sales_agent} engaged in the same fortnight stay open",
        ),
        *(
            Part(
                name,
                f"{words} ({{{name}}}) closes sooner or wins more often",
                f"{words} ({{{name}}}) closes later or wins less often",
            )
            for name, words in _ENTITY_WORDS.items()
        ),
        Part(
            TOGETHER,
            "this agent, product and account do well together",
            "this agent, product and account do badly together",
        ),
        Part(
            "recalibration",
            "the model has lately said too little",
            "the model has lately said too much",
        ),
    )
}


@dataclass(frozen=True, eq=False)
class Explained:
    """What each part (column) adds to the log-odds of each kind of opportunity (row).

    `place`: the kind of each opportunity.
    """

    parts: tuple[str, ...]
    log_odds: FloatArray
    place: DayArray


class Words(NamedTuple):
    """One of a few texts for each opportunity: its place among them. None: nothing to say."""

    texts: Sequence[str | None]
    at: DayArray

    def listed(self) -> list[str | None]:
        """The text of each."""
        return [self.texts[at] for at in self.at.tolist()]

    def series(self) -> pl.Series:
        """The same as a column."""
        return pl.Series(self.texts, dtype=pl.String)[self.at]


def explain(model: WinModel, kinds: Kinds, chance: FloatArray, raw: FloatArray) -> Explained:
    """The parts of the chance to be won within the longest horizon, that of grade and value.

    `chance` of each kind, and `raw` before recalibration: by the model itself. A part that the
    model does not have is left out.
    """
    horizon = model.horizons_days[-1]
    names, fitted = zip(*_stages(model), strict=True)
    odds = [
        np.full(len(kinds.days), _odds(model.base_rates.rates[horizon][0])),
        *_odds_by_stage(fitted[:-2], kinds, horizon),
        log_odds_of(raw),
        log_odds_of(chance),
    ]
    sizes = np.empty((len(kinds.days), len(odds)))
    sizes[:, 0] = odds[0]
    for at in range(1, len(odds)):
        np.subtract(odds[at], odds[at - 1], out=sizes[:, at])
    return Explained((BASE, *names), sizes, kinds.place)


def _odds_by_stage(
    stages: Sequence[CompetingRisks], kinds: Kinds, horizon: int
) -> Iterator[FloatArray]:
    """Log-odds of each kind by each stage, which tells apart what the one before did, and more."""
    place, known, alike = combined([kinds.days, kinds.traits.engaged]), frozenset[str](), None
    for fitted in stages:
        new = sorted(fitted.entities - known)
        if new or alike is None:
            place = combined([place, *(kinds.traits.groups([name]).code for name in new)])
            known, alike = known | fitted.entities, Kinds.of(kinds.traits, kinds.days, place)
        odds = [
            log_odds_of(c.incidence([horizon]).won[:, 0]) for c in fitted.courses(alike, horizon)
        ]
        yield np.concatenate(odds)[place]


def reasons(
    explained: Explained, ids: pl.Series, scored_on: date, horizon_days: int
) -> pl.DataFrame:
    """The contract ScoreReasons: one row per opportunity (`ids`) and part, in order of the ids."""
    many, order = len(explained.parts), ids.arg_sort().to_numpy()
    each = ids[np.repeat(order, many)].alias("opportunity_id").to_frame()
    part = pl.Series(explained.parts, dtype=pl.String)
    return each.with_columns(
        scored_on=pl.lit(scored_on),
        horizon_days=pl.lit(horizon_days, dtype=pl.Int32),
        part=part[np.tile(np.arange(many), len(order))],
        log_odds=pl.Series(explained.log_odds[explained.place[order]].ravel()),
    ).select(ScoreReasons.column_names())


def told(explained: Explained, kinds: Kinds) -> dict[str, Words]:
    """Per opportunity the part that raises its score most, and that which lowers it most.

    `reason_for` and `reason_against` in words with their size; None where none is worth telling.
    """
    is_part = [part != BASE for part in explained.parts]
    names = [part for part in explained.parts if part != BASE]
    sizes, each = explained.log_odds[:, is_part], np.arange(len(kinds.days))
    up, down = sizes.argmax(axis=1), sizes.argmin(axis=1)
    lines = {
        "reason_for": _lines(kinds, names, up, sizes[each, up], "raises"),
        "reason_against": _lines(kinds, names, down, sizes[each, down], "lowers"),
    }
    return {name: Words(texts, at[explained.place]) for name, (texts, at) in lines.items()}


def _stages(model: WinModel) -> Iterator[tuple[str, CompetingRisks]]:
    """Each part with the model in which it, and all before it, are taken into account."""
    fitted = model.fitted
    bare = replace(fitted, speed=(), winning=(), boosted=None, recalibration=UNCHANGED)
    if bare.never_close is not None:
        levels = bare.never_close.levels
        bare = replace(bare, never_close=replace(bare.never_close, levels=()))
    else:
        levels = ()
    yield "age", replace(bare, table=bare.table.without_calendar())
    if model.estimator != "age":
        yield "calendar", bare
    for count, level in enumerate(levels, start=1):
        assert bare.never_close is not None  # noqa: S101 - levels come from it
        bare = replace(bare, never_close=replace(bare.never_close, levels=levels[:count]))
        yield f"{' and '.join(level.of)} never closes", bare
    for entity in dict.fromkeys(n for e in (*fitted.speed, *fitted.winning) for n in e.of):
        bare = replace(
            bare,
            speed=(*bare.speed, *(e for e in fitted.speed if e.of == (entity,))),
            winning=(*bare.winning, *(e for e in fitted.winning if e.of == (entity,))),
        )
        yield entity, bare
    if fitted.boosted is not None:
        yield TOGETHER, replace(bare, boosted=fitted.boosted)
    yield "recalibration", fitted


def _lines(kinds: Kinds, names: Sequence[str], part: DayArray, size: FloatArray, way: str) -> Words:
    """The largest part of each kind in words; lines that are alike are written once."""
    at = np.zeros(len(kinds.days), dtype=np.int64)
    worth = np.flatnonzero((size if way == "raises" else -size) > WORTH_TELLING)
    if not len(worth):
        return Words((None,), at)
    part, hundredths = part[worth], np.rint(size[worth] * 100).astype(np.int64)
    whom, texts = np.zeros_like(part), {}
    for number in np.unique(part).tolist():
        words = getattr(PARTS[names[number]], way)
        about, named, code = _about(kinds, words)
        texts[number] = (words, about, named)
        whom = np.where(part == number, code[worth], whom)
    line = combined([part, whom, hundredths])
    at[worth], first = line + 1, first_of_each(line)
    lines: list[str | None] = [None]
    for number, code, size_ in zip(
        *(x[first].tolist() for x in (part, whom, hundredths)), strict=True
    ):
        words, about, named = texts[number]
        lines.append(f"{words.format(**{about: named[code]})} ({size_ / 100:+.2f})")
    return Words(lines, at)


def _about(kinds: Kinds, words: str) -> tuple[str, Sequence[object], DayArray]:
    """What words mention, what it may be, and which of these it is of each kind."""
    mentioned = re.search(r"{(\w+)}", words)
    if mentioned is None:
        return "nothing", ("",), np.zeros(len(kinds.days), dtype=np.int64)
    if mentioned[1] == "age":
        age = kinds.days - kinds.traits.engaged
        return "age", range(int(age.max()) + 1), age
    groups = kinds.traits.groups([mentioned[1]])
    return mentioned[1], (*groups.names, "unknown"), groups.code


def log_odds_of(p: FloatArray) -> FloatArray:
    """Log-odds of chances, kept finite."""
    inside = np.clip(p, SMALLEST, 1 - SMALLEST)
    odds: FloatArray = np.log(inside) - np.log1p(-inside)
    return odds


def _odds(p: float) -> float:
    return float(log_odds_of(np.array([p]))[0])
