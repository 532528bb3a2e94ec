"""Additive measures as of a date: what had entered and not left a running total by then.

A closed opportunity enters on the day after its close (closed strictly before the snapshot date)
and leaves when its window has passed; an open one enters on its engage date and leaves when it
closes. All opportunities are added up once, per entity and day; from then on tables are small: the
sums are cumulated per entity over the days of events and of snapshots together. That costs
O(n log n), needs no as-of join and runs on every engine (FACTS.md §5).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2s

import narwhals as nw

from dealcast.features.columns import ENTITIES, FOUND_THROUGH, Lens
from dealcast.features.lens import with_dimensions
from dealcast.features.spec import FeatureSpec, Total
from dealcast.snapshots import Frame

# Beyond every day number that the contracts allow (1980 to 2099), none of which is negative.
LARGEST_DAY = 100_000
ASKED = "is_asked_for"
EVERYONE = ENTITIES["everyone"]


@dataclass(frozen=True)
class Running:
    """A total through one lens and window: what several features and entities may share."""

    lens: Lens
    window_days: int | None
    of: str

    @property
    def column(self) -> str:
        """A name for it, the same on every run, that any engine takes."""
        return f"running_{blake2s(repr(self).encode(), digest_size=8).hexdigest()}"


Wanted = Mapping[Running, Total]
# Computes frames now, so that whoever reads them twice does not; `dict` leaves them lazy.
Settle = Callable[[Mapping[str, Frame]], dict[str, Frame]]


def measures_by_entity(
    opportunities: Frame,
    tables: Mapping[str, Frame],
    days: Frame,
    specs: Iterable[FeatureSpec],
    *,
    settled: Settle = dict,
) -> dict[str, Frame]:
    """The measures among the specs: one row per entity and day, a column per spec.

    One table for each column of an opportunity through which entities are found, with its
    `place`s, and one for `everyone` by `snapshot_day`; managers stand in that of their agents.
    0 where an entity has no history. `settled` is given what is small and used again.
    """
    measures = [spec for spec in specs if spec.totals]
    wanted = _wanted(measures)
    bases = _keys_by_base(wanted)
    found = {b: _entities(opportunities, tables, b, keys) for b, keys in bases.items()}
    small = settled(
        {f"found {b}": frame for b, frame in found.items()}
        | {f"changes {b}": f for b, f in _changes_by_base(opportunities, bases, wanted).items()}
        | {"days": days}
    )
    asked = {b: small[f"found {b}"].join(small["days"], how="cross") for b in bases}
    running = settled(
        {
            key: _cumulated(
                asked[base],
                with_dimensions(small[f"changes {base}"], tables, [key]),
                key,
                wanted[key],
            )
            for base, keys in bases.items()
            for key in keys
        }
    )
    return settled(
        {b: _values(asked[b], running, b, [s for s in measures if _base(s) == b]) for b in bases}
    )


def _keys_by_base(wanted: Iterable[str]) -> dict[str, list[str]]:
    bases: dict[str, list[str]] = {}
    for key in sorted(wanted):
        bases.setdefault(FOUND_THROUGH[key], []).append(key)
    return bases


def measured(spec: FeatureSpec) -> str:
    """The column of a measure; no column of an opportunity has that name."""
    return f"measured_{spec.name}"


def _base(spec: FeatureSpec) -> str:
    return FOUND_THROUGH[ENTITIES[spec.entity]]


def _entities(
    opportunities: Frame, tables: Mapping[str, Frame], base: str, keys: Sequence[str]
) -> Frame:
    """Every entity that opportunities name, with those that are found through it."""
    named = opportunities.select(base).unique().filter(~nw.col(base).is_null())
    numbered = named.with_row_index("code", order_by=base)
    return with_dimensions(numbered, tables, keys)


def _values(
    rows: Frame, running: Mapping[str, Frame], base: str, specs: Sequence[FeatureSpec]
) -> Frame:
    """The measures from the running totals of their own entity, and of everyone."""
    keys = {ENTITIES[s.entity] for s in specs}
    if any(s.prior_strength for s in specs):
        keys.add(EVERYONE)
    for key in sorted(keys):
        by = ["snapshot_day"] if key == EVERYONE else [key, "snapshot_day"]
        rows = rows.join(running[key], on=by, how="left")
    values = (read_off(spec).cast(spec.dtype).alias(measured(spec)) for spec in specs)
    if base == EVERYONE:
        return rows.select("snapshot_day", *values)
    at = nw.col("code").cast(nw.Int64) * LARGEST_DAY + nw.col("snapshot_day")
    return rows.select(base, at.alias(place(base)), *values)


def place(base: str) -> str:
    """The column that tells an entity's row of a day: one integer, to find 10 million rows by."""
    return f"place_{base}"


def first_places(measures: Frame, base: str) -> Frame:
    """Where each entity's rows begin: its place on a day is this plus the day number."""
    at = nw.col(place(base))
    return measures.select(base, (at - at % LARGEST_DAY).alias(place(base))).unique()


def read_off(spec: FeatureSpec) -> nw.Expr:
    """The value of a measure from the running totals of its entity."""
    own = [_value(spec, total, ENTITIES[spec.entity]) for total in spec.totals]
    if len(own) == 1:
        return own[0]
    strength = spec.prior_strength
    if not strength:
        return _ratio(*own)
    prior = _ratio(*(_value(spec, total, EVERYONE) for total in spec.totals))
    return (own[0] + strength * prior) / (own[1] + strength)


def _value(spec: FeatureSpec, total: Total, key: str) -> nw.Expr:
    units = nw.col(f"{_running(spec, total).column}_{key}")
    return units / 10.0**total.decimals if total.decimals else units


def _ratio(total: nw.Expr, per: nw.Expr) -> nw.Expr:
    return total / nw.when(per != 0).then(per)


def _running(spec: FeatureSpec, total: Total) -> Running:
    return Running(spec.lens, spec.window_days, str(total))


def _wanted(specs: Iterable[FeatureSpec]) -> dict[str, dict[Running, Total]]:
    """Entity key -> every running total of it that some spec reads, as its own or as the prior."""
    wanted: dict[str, dict[Running, Total]] = {}
    for spec in specs:
        for key in [ENTITIES[spec.entity], *([EVERYONE] if spec.prior_strength else [])]:
            wanted.setdefault(key, {}).update({_running(spec, t): t for t in spec.totals})
    return wanted


def _cumulated(found: Frame, changes: Frame, key: str, wanted: Wanted) -> Frame:
    """The running totals, named for the key, of each of its entities on each day asked for."""
    by = ["snapshot_day"] if key == EVERYONE else [key, "snapshot_day"]
    columns = [r.column for r in wanted]
    totals = nw.col(*(f"{c}_{key}" for c in columns))
    points = found.select(by).unique().with_columns(nw.lit(1, nw.Int64).alias(ASKED))
    moved = changes.select(*by, nw.col(*columns).name.suffix(f"_{key}"))
    return (
        nw.concat([points, moved], how="diagonal")
        .drop_nulls(by)
        .group_by(by)
        .agg(nw.col(ASKED).max(), totals.sum())
        .with_columns(totals.cum_sum().over(*by[:-1], order_by="snapshot_day"))
        .filter(nw.col(ASKED) == 1)
        .drop(ASKED)
    )


def _changes_by_base(
    opportunities: Frame, bases: Mapping[str, Sequence[str]], wanted: Mapping[str, Wanted]
) -> dict[str, Frame]:
    """By how much each running total changes on each day; blank entities count for everyone."""
    changes, of_all = {}, wanted.get(EVERYONE, {})
    for base, keys in bases.items():
        totals = [*(wanted[key] for key in keys), of_all]
        if base != EVERYONE:
            of_base = {r: t for own in totals for r, t in own.items()}
            changes[base] = _changes(opportunities, base, of_base)
    if EVERYONE in bases:
        # Any of them adds up to it, in few rows.
        added_up = next(iter(changes.values()), None)
        if added_up is None:
            added_up = _changes(opportunities, EVERYONE, of_all)
        changes[EVERYONE] = added_up
    return changes


@dataclass(frozen=True)
class Move:
    """What enters (+1) or leaves (-1) totals so many days after something happened."""

    when: str
    days_after: int
    sign: int
    totals: tuple[Running, ...]


def _moves(wanted: Wanted) -> Iterator[Move]:
    windows = sorted({(r.lens, r.window_days or 0) for r in wanted})
    for lens in sorted({lens for lens, _ in windows}):
        own = tuple(r for r in wanted if r.lens is lens)
        yield Move("close_day", 1, 1, own) if lens is Lens.CLOSED else Move("engage_day", 0, 1, own)
    for lens, window in windows:
        own = tuple(r for r in wanted if (r.lens, r.window_days or 0) == (lens, window))
        if lens is Lens.OPEN:
            yield Move(f"until_{window}" if window else "close_day", 0, -1, own)
        elif window:
            yield Move("close_day", 1 + window, -1, own)


def _changes(opportunities: Frame, base: str, wanted: Wanted) -> Frame:
    moves = list(_moves(wanted))
    daily = {}
    for when in sorted({m.when for m in moves}):
        moved = {r: wanted[r] for m in moves if m.when == when for r in m.totals}
        daily[when] = _daily_sums(opportunities, base, when, moved)
    changed = [_change(daily[m.when], base, m) for m in moves]
    by = nw.concat(changed, how="diagonal").group_by(base, "snapshot_day")
    return by.agg(nw.col(*(r.column for r in wanted)).sum().cast(nw.Int64))


def _change(daily: Frame, base: str, move: Move) -> Frame:
    """The totals that move, and no others: a sum takes what is not there for 0."""
    day = nw.col("snapshot_day") + move.days_after
    if move.sign > 0:
        return daily.select(base, day, **{r.column: nw.col(_unit(r)) for r in move.totals})
    # What leaves has one window, so each unit is one total's: one expression for all of them.
    totals = {_unit(r): r.column for r in move.totals}
    return daily.select(base, day, nw.col(*totals) * move.sign).rename(totals)


def _daily_sums(opportunities: Frame, base: str, when: str, totals: Wanted) -> Frame:
    """Sums per entity and day on which something happened, in whole units."""
    units = {_unit(r): _in_units(t) for r, t in totals.items()}
    return (
        opportunities.select(base, snapshot_day=_day(when).cast(nw.Int64), **units)
        .drop_nulls("snapshot_day")
        .group_by(base, "snapshot_day")
        .agg(nw.col(*units).sum().cast(nw.Int64))
    )


def _day(when: str) -> nw.Expr:
    if not when.startswith("until_"):
        return nw.col(when)
    window = int(when.removeprefix("until_"))
    return nw.min_horizontal(nw.col("close_day"), nw.col("engage_day") + window)


def _unit(running: Running) -> str:
    """The daily sums of a total, whatever its window."""
    return Running(running.lens, None, running.of).column


def _in_units(total: Total) -> nw.Expr:
    # Not round(): engines differ in what they do with a half.
    units = (total.of(nw.col).cast(nw.Float64) * 10.0**total.decimals + 0.5).floor()
    return units.cast(nw.Int64).fill_null(0)
