"""LK6: numbers that summarise an entity over the whole export, the row's own outcome included."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from dealcast.features.audit.candidates import Audited
from dealcast.features.audit.facts import ENTITIES, opportunity_facts
from dealcast.features.audit.spec import Finding, Findings, NotApplicable

R_SQUARED = 0.999
FEWEST_ENTITIES = 5
# Few ranks agree by chance: 10 entities do so once in 1.8 million.
FEWEST_RANKED = 10
# How strongly a target mean may lean on the mean of all (count); others lie between these.
STRENGTHS = (0, 1, 2, 5, 10, 20, 50, 100)

Numbers = npt.NDArray[np.float64]


def full_sample_encoding(audited: Audited) -> Findings:
    """Highest R² of a feature that is constant within an entity with a total of that entity."""
    candidates = audited.candidates
    numeric = [n for n, values in audited.values.items() if values.dtype == pl.Float64]
    best: dict[str, tuple[float, str]] = {}
    for keys, totals in _totals(audited):
        frame = candidates.facts.select(keys).with_columns(audited.values[n] for n in numeric)
        for name, values, known in _constant_within(frame, keys, totals, numeric):
            likest = max((likeness(values, total), words) for words, total in known.items())
            best[name] = max(likest, best.get(name, (0.0, "")))
    return {name: _finding(name, numeric, best) for name in candidates.features}


def _finding(
    name: str, numeric: Sequence[str], best: Mapping[str, tuple[float, str]]
) -> Finding | NotApplicable:
    if name not in numeric:
        return NotApplicable("it is not a number")
    if name not in best:
        return NotApplicable("it is not constant within any entity, as a full-sample encoding is")
    r_squared, words = best[name]
    return Finding(r_squared, r_squared > R_SQUARED, f"likest to {words}")


def _totals(audited: Audited) -> Iterator[tuple[list[str], pl.DataFrame]]:
    """For each entity, and for each entity and date: what the whole export adds up to."""
    candidates = audited.everything
    opportunities = opportunity_facts(candidates.tables)
    for entity in ENTITIES:
        own = opportunities.filter(pl.col(entity).is_not_null())
        named = candidates.facts.filter(pl.col(entity).is_not_null())
        labels = named.group_by(entity).agg(
            pl.col(label.column).mean().alias(f"the mean of '{label.words}'")
            for label in candidates.labels
        )
        yield [entity], _whole_export(own, entity).join(labels, on=entity, how="left")
        if "snapshot_date" in named.columns and named.height:
            yield [entity, "snapshot_date"], _after_each_date(own, named, entity)


def _whole_export(own: pl.DataFrame, entity: str) -> pl.DataFrame:
    # No amounts: the mean value of won ones is all but the list price, which is honest.
    won, closed = pl.col("is_won").sum(), pl.col("has_closed").sum()
    base = int(own["is_won"].sum()) / max(int(own["has_closed"].sum()), 1)
    engaged = pl.col("engage_date").is_not_null()
    return own.group_by(entity).agg(
        pl.len().cast(pl.Float64).alias("the count of all opportunities"),
        engaged.sum().cast(pl.Float64).alias("the count of engaged opportunities"),
        (engaged & ~pl.col("has_closed")).sum().cast(pl.Float64).alias("the count of open ones"),
        closed.cast(pl.Float64).alias("the count of closed ones"),
        won.cast(pl.Float64).alias("the count of won ones"),
        pl.col("is_won").mean().alias("the share won of all"),
        *(
            ((won + k * base) / (closed + k)).fill_nan(None).alias(f"the win rate, prior {k}")
            for k in STRENGTHS
        ),
    )


def _after_each_date(own: pl.DataFrame, named: pl.DataFrame, entity: str) -> pl.DataFrame:
    # Date by date: every opportunity beside every date would not fit in memory.
    return pl.concat(
        own.lazy().group_by(entity).agg(**_after(day)).with_columns(snapshot_date=pl.lit(day))
        for day in named["snapshot_date"].unique().sort()
    ).collect()


def _after(day: date) -> dict[str, pl.Expr]:
    later, engaged = pl.col("close_date") > day, pl.col("engage_date") > day
    return {
        "what closes after the date": later.sum().cast(pl.Float64),
        "what is won after the date": (later & pl.col("is_won")).sum().cast(pl.Float64),
        "what is engaged after the date": engaged.sum().cast(pl.Float64),
    }


def _constant_within(
    frame: pl.DataFrame, keys: list[str], totals: pl.DataFrame, numeric: Sequence[str]
) -> Iterator[tuple[str, Numbers, dict[str, Numbers]]]:
    """Each feature that has one value per entity: its values, beside those of every total."""
    named = frame.filter(pl.all_horizontal(pl.col(keys).is_not_null()))
    if named[keys[0]].n_unique() < FEWEST_ENTITIES:
        return
    by = named.group_by(keys)
    least, most = (
        by.agg(each).sort(keys) for each in (pl.col(numeric).min(), pl.col(numeric).max())
    )
    constant = [name for name in numeric if _is_constant(least[name], most[name])]
    known = least.select(keys).join(totals, on=keys, how="left", maintain_order="left")
    values = _without_trend(least.select(*keys, *constant), keys)
    known = _without_trend(known, keys)
    beside = {f"{w}, by {keys[0]}": known[w].to_numpy() for w in known.columns if w not in keys}
    for name in constant:
        yield name, values[name].to_numpy(), beside


def _is_constant(least: pl.Series, most: pl.Series) -> bool:
    """Whether each entity has one value (within rounding), and not all of them the same."""
    low, high = least.to_numpy(), most.to_numpy()
    filled = ~np.isnan(low)
    if filled.sum() < FEWEST_ENTITIES or np.ptp(low[filled]) == 0:
        return False
    return np.allclose(low[filled], high[filled], rtol=1e-9, atol=1e-12)


def _without_trend(known: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Differences from the date's mean: what has passed and what is to come trend alike."""
    value = pl.col(pl.Float64)
    return known.with_columns(value - value.mean().over(dates)) if (dates := keys[1:]) else known


def likeness(values: Numbers, total: Numbers) -> float:
    """R² of two columns of numbers, of their ranks where that is higher; 0 where too few."""
    both = ~(np.isnan(values) | np.isnan(total))
    if both.sum() < FEWEST_ENTITIES:
        return 0.0
    straight = _r_squared(values[both], total[both])
    if both.sum() < FEWEST_RANKED:
        return straight
    return max(straight, _r_squared(_ranks(values[both]), _ranks(total[both])))


def _ranks(values: Numbers) -> Numbers:
    """1, 2, … from the least on; the mean rank for equal values."""
    at, counts = np.unique(values, return_inverse=True, return_counts=True)[1:]
    ranks: Numbers = (counts.cumsum() - (counts - 1) / 2)[at]
    return ranks


def _r_squared(x: Numbers, y: Numbers) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return min(1.0, float(np.corrcoef(x, y)[0, 1] ** 2))
