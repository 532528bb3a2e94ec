"""Why a score is what it is: parts on the log-odds scale that add up to it.

The chance to be won within a horizon is computed again and again, each time with one thing more
taken into account; what each adds to the log-odds is its part (a sequential decomposition, always
in the order of PARTS). From the base rate, with all parts added, the score itself comes out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.contracts import ScoreReasons
from dealcast.modeling.recalibration import UNCHANGED
from dealcast.modeling.risks import CompetingRisks, Kinds
from dealcast.modeling.training import WinModel
from dealcast.modeling.traits import FloatArray
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

    `first`: an opportunity of each kind; `place`: the kind of each opportunity.
    """

    parts: tuple[str, ...]
    log_odds: FloatArray
    first: DayArray
    place: DayArray


def explain(model: WinModel, kinds: Kinds) -> Explained:
    """The parts of the chance to be won within the longest horizon, that of grade and value.

    A part that the model does not have is left out.
    """
    horizon = model.horizons_days[-1]
    base = np.full(len(kinds.days), _odds(model.base_rates.rates[horizon][0]))
    stages = list(_stages(model))
    reached = [
        log_odds_of(fitted.incidence(kinds.traits, kinds.days, [horizon]).won[:, 0])
        for _, fitted in stages
    ]
    sizes = np.diff(np.stack([np.zeros_like(base), base, *reached], axis=1), axis=1)
    return Explained((BASE, *(name for name, _ in stages)), sizes, kinds.first, kinds.place)


def reasons(explained: Explained, opened: pl.DataFrame, horizon_days: int) -> pl.DataFrame:
    """The contract ScoreReasons: one row per opportunity and part, in order of the ids.

    `opened`: opportunity_id and scored_on of each opportunity.
    """
    many = len(explained.parts)
    ids = opened.select("opportunity_id", "scored_on").with_row_index("at").sort("opportunity_id")
    place = explained.place[ids["at"].to_numpy()]
    each = ids.select(pl.all().gather(pl.Series(np.repeat(np.arange(ids.height), many))))
    part = pl.Series(explained.parts, dtype=pl.String)
    return each.with_columns(
        horizon_days=pl.lit(horizon_days, dtype=pl.Int32),
        part=part.gather(np.tile(np.arange(many), ids.height)),
        log_odds=pl.Series(explained.log_odds[place].ravel(), dtype=pl.Float64),
    ).select(ScoreReasons.column_names())


def told(explained: Explained, opened: pl.DataFrame) -> pl.DataFrame:
    """Per opportunity the part that raises its score most, and that which lowers it most.

    Columns `reason_for` and `reason_against` in words with their size, in the order of `opened`
    (age_days and the names that reasons mention); null where none is worth telling.
    """
    kinds = opened.select(*_ENTITY_WORDS, "age_days").select(
        pl.all().gather(pl.Series(explained.first, dtype=pl.Int64))
    )
    is_part = [part != BASE for part in explained.parts]
    names = np.array(explained.parts)[is_part]
    sizes, each = explained.log_odds[:, is_part], np.arange(len(kinds))
    up, down = sizes.argmax(axis=1), sizes.argmin(axis=1)
    lines = pl.DataFrame(
        {
            "reason_for": _told(kinds, names, up, sizes[each, up], "raises"),
            "reason_against": _told(kinds, names, down, sizes[each, down], "lowers"),
        }
    )
    return lines.select(pl.all().gather(pl.Series(explained.place, dtype=pl.Int64)))


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


def _told(
    kinds: pl.DataFrame, names: npt.NDArray[np.str_], at: DayArray, size: FloatArray, way: str
) -> pl.Series:
    """The largest part of each kind in words; null where it is too small."""
    is_worth = (size if way == "raises" else -size) > WORTH_TELLING
    if not is_worth.any():
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(kinds))
    text = pl.lit(None, dtype=pl.String)
    for name in np.unique(names[at[is_worth]]):
        words = getattr(PARTS[str(name)], way).replace("{age}", "{age_days}")
        known = [pl.col(n) for n in re.findall(r"{(\w+)}", words)]
        line = pl.format(re.sub(r"{\w+}", "{}", words) + " ({})", *known, "size")
        text = (
            pl.when((pl.col("part") == str(name)) & pl.col("is_worth")).then(line).otherwise(text)
        )
    told = kinds.lazy().with_columns(
        pl.col(*_ENTITY_WORDS).fill_null("unknown"),
        part=pl.Series(names[at], dtype=pl.String),
        size=_signed(size),
        is_worth=pl.Series(is_worth),
    )
    return told.select(text).collect().to_series()


def _signed(sizes: FloatArray) -> pl.Series:
    """The sizes with sign and two decimals; each that is the same to two decimals written once."""
    hundredths, at = np.unique(np.rint(sizes * 100), return_inverse=True)
    return pl.Series([f"{h / 100:+.2f}" for h in hundredths.tolist()], dtype=pl.String).gather(at)


def log_odds_of(p: FloatArray) -> FloatArray:
    """Log-odds of chances, kept finite."""
    inside = np.clip(p, SMALLEST, 1 - SMALLEST)
    odds: FloatArray = np.log(inside) - np.log1p(-inside)
    return odds


def _odds(p: float) -> float:
    return float(log_odds_of(np.array([p]))[0])
