"""Why a score is what it is: parts on the log-odds scale that add up to it.

The chance to be won within a horizon is computed again and again, each time with one thing more
taken into account; what each adds to the log-odds is its part (a sequential decomposition, always
in the order of PARTS). From the base rate, with all parts added, the score itself comes out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from dealcast.contracts import ScoreReasons
from dealcast.modeling.history import FloatArray, Traits
from dealcast.modeling.recalibration import UNCHANGED
from dealcast.modeling.risks import CompetingRisks
from dealcast.modeling.training import WinModel
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


def reasons(model: WinModel, opened: pl.DataFrame, traits: Traits, days: DayArray) -> pl.DataFrame:
    """The contract ScoreReasons: one row per opportunity and part.

    For the longest horizon, that of grade and value. `opened`: opportunity_id, scored_on and the
    names that reasons mention, row by row with `traits` and `days`. A part that the model does
    not have is left out.
    """
    horizon = model.horizons_days[-1]
    former = np.full(len(traits), _odds(model.base_rates.rates[horizon][0]))
    frames = [_rows(opened, BASE, former, horizon)]
    for name, predict in _stages(model, horizon):
        odds = log_odds_of(predict(traits, days))
        frames.append(_rows(opened, name, odds - former, horizon))
        former = odds
    return pl.concat(frames).sort("opportunity_id", maintain_order=True)


def told(parts: pl.DataFrame, opened: pl.DataFrame) -> pl.DataFrame:
    """Per opportunity the part that raises its score most, and that which lowers it most.

    Columns `reason_for` and `reason_against` in words with their size; null where none is worth
    telling.
    """
    named = parts.filter(pl.col("part") != BASE).join(opened, on="opportunity_id", how="left")
    largest = named.group_by("opportunity_id").agg(
        pl.all().get(pl.col("log_odds").arg_max()).name.prefix("up_"),
        pl.all().get(pl.col("log_odds").arg_min()).name.prefix("down_"),
    )
    lines = [
        {
            "opportunity_id": row["opportunity_id"],
            "reason_for": _told(row, "up_", "raises", row["up_log_odds"] > WORTH_TELLING),
            "reason_against": _told(row, "down_", "lowers", row["down_log_odds"] < -WORTH_TELLING),
        }
        for row in largest.iter_rows(named=True)
    ]
    schema = {"opportunity_id": pl.String, "reason_for": pl.String, "reason_against": pl.String}
    return pl.DataFrame(lines, schema=schema)


Predict = Callable[[Traits, DayArray], FloatArray]


def _stages(model: WinModel, horizon: int) -> Iterator[tuple[str, Predict]]:
    """Each part with the probability in which it, and all before it, are taken into account."""

    def within(fitted: CompetingRisks) -> Predict:
        return lambda traits, days: fitted.incidence(traits, days, [horizon]).won[:, 0]

    fitted = model.fitted
    bare = replace(fitted, speed=(), winning=(), boosted=None, recalibration=UNCHANGED)
    if bare.never_close is not None:
        levels = bare.never_close.levels
        bare = replace(bare, never_close=replace(bare.never_close, levels=()))
    else:
        levels = ()
    yield "age", within(replace(bare, table=bare.table.without_calendar()))
    if model.estimator != "age":
        yield "calendar", within(bare)
    for count, level in enumerate(levels, start=1):
        assert bare.never_close is not None  # noqa: S101 - levels come from it
        bare = replace(bare, never_close=replace(bare.never_close, levels=levels[:count]))
        yield f"{' and '.join(level.of)} never closes", within(bare)
    for entity in dict.fromkeys(n for e in (*fitted.speed, *fitted.winning) for n in e.of):
        bare = replace(
            bare,
            speed=(*bare.speed, *(e for e in fitted.speed if e.of == (entity,))),
            winning=(*bare.winning, *(e for e in fitted.winning if e.of == (entity,))),
        )
        yield entity, within(bare)
    if fitted.boosted is not None:
        yield TOGETHER, within(replace(bare, boosted=fitted.boosted))
    yield "recalibration", within(fitted)


def _rows(opened: pl.DataFrame, part: str, size: FloatArray, horizon: int) -> pl.DataFrame:
    return opened.select(
        "opportunity_id",
        "scored_on",
        horizon_days=pl.lit(horizon, dtype=pl.Int32),
        part=pl.lit(part),
        log_odds=pl.Series(size),
    ).select(ScoreReasons.column_names())


def _told(row: Mapping[str, object], prefix: str, way: str, worth: bool) -> str | None:
    if not worth:
        return None
    part = PARTS[str(row[f"{prefix}part"])]
    known = {n: row[f"{prefix}{n}"] for n in (*_ENTITY_WORDS, "age_days")}
    names = {n: "unknown" if value is None else value for n, value in known.items()}
    text = getattr(part, way).format(age=names["age_days"], **names)
    return f"{text} ({row[f'{prefix}log_odds']:+.2f})"


def log_odds_of(p: FloatArray) -> FloatArray:
    """Log-odds of chances, kept finite."""
    inside = np.clip(p, SMALLEST, 1 - SMALLEST)
    odds: FloatArray = np.log(inside) - np.log1p(-inside)
    return odds


def _odds(p: float) -> float:
    return float(log_odds_of(np.array([p]))[0])
