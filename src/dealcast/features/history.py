"""Additive measures as of a date: what had entered and not left a running total by then.

A closed opportunity enters on the day after its close (closed strictly before the snapshot date)
and leaves when its window has passed; an open one enters on its engage date and leaves when it
closes. Daily sums, cumulated per entity over the days of events and of snapshots together, cost
O(n log n), need no as-of join and run on every engine (FACTS.md §5).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2s

import narwhals as nw

from dealcast.features.columns import ENTITIES, SHOWN, Frame, Lens
from dealcast.features.spec import FeatureSpec, Total

ASKED = "is_asked_for"


@dataclass(frozen=True)
class Running:
    """A total of one entity through one lens and window: what several features may share."""

    key: str
    lens: Lens
    window_days: int | None
    of: str

    @property
    def column(self) -> str:
        """A name for it, the same on every run, that any engine takes."""
        return f"running_{blake2s(repr(self).encode(), digest_size=8).hexdigest()}"


def with_running_totals(rows: Frame, opportunities: Frame, specs: Iterable[FeatureSpec]) -> Frame:
    """The rows (with entity keys and `snapshot_day`) and the running totals that measures read.

    0 where an entity has no history; null where the row does not name its entity.
    """
    wanted = _wanted(specs)
    joined = rows
    for key in sorted({running.key for running in wanted}):
        totals = {running: total for running, total in wanted.items() if running.key == key}
        asked = rows.select(key, day=nw.col("snapshot_day")).unique().filter(~nw.col(key).is_null())
        as_of_day = _cumulated(asked, _moves(opportunities, key, totals), key, totals)
        joined = joined.join(
            as_of_day.rename({"day": "snapshot_day"}), on=[key, "snapshot_day"], how="left"
        )
    return joined


def read_off(spec: FeatureSpec) -> nw.Expr:
    """The value of a measure from the running totals of its row."""
    own = [_value(spec, total, ENTITIES[spec.entity]) for total in spec.totals]
    if len(own) == 1:
        return own[0]
    strength = spec.prior_strength
    if not strength:
        return _ratio(*own)
    prior = _ratio(*(_value(spec, total, ENTITIES["everyone"]) for total in spec.totals))
    return (own[0] + strength * prior) / (own[1] + strength)


def _value(spec: FeatureSpec, total: Total, key: str) -> nw.Expr:
    return nw.col(_running(spec, total, key).column) / 10.0**total.decimals


def _ratio(total: nw.Expr, per: nw.Expr) -> nw.Expr:
    return total / nw.when(per != 0).then(per)


def _running(spec: FeatureSpec, total: Total, key: str) -> Running:
    return Running(key, spec.lens, spec.window_days, str(total))


def _wanted(specs: Iterable[FeatureSpec]) -> dict[Running, Total]:
    """Every running total that some spec reads, its own and the one its prior comes from."""
    wanted: dict[Running, Total] = {}
    for spec in specs:
        keys = [ENTITIES[spec.entity], *([ENTITIES["everyone"]] if spec.prior_strength else [])]
        wanted |= {_running(spec, t, key): t for t in spec.totals for key in keys}
    return wanted


def _cumulated(asked: Frame, moves: Iterable[Frame], key: str, running: Iterable[Running]) -> Frame:
    """The running totals at each asked-for (key, day)."""
    columns = [r.column for r in running]
    points = asked.with_columns(nw.lit(1, nw.Int64).alias(ASKED), *_zeros(columns))
    order = [key, "day", ASKED, *columns]
    together = nw.concat([points.select(order), *(m.select(order) for m in moves)], how="vertical")
    return (
        together.group_by(key, "day")
        .agg(nw.col(ASKED).max(), *(nw.col(c).sum() for c in columns))
        .with_columns(nw.col(c).cum_sum().over(key, order_by="day") for c in columns)
        .filter(nw.col(ASKED) == 1)
        .drop(ASKED)
    )


def _moves(opportunities: Frame, key: str, totals: Mapping[Running, Total]) -> Iterator[Frame]:
    """What enters (+) and leaves (-) each total, one frame per lens, window and direction."""
    for lens, window in sorted({(r.lens, r.window_days or 0) for r in totals}):
        flow = (lens, window)
        own = {r.column: t for r, t in totals.items() if (r.lens, r.window_days or 0) == flow}
        others = [r.column for r in totals if r.column not in own]
        for day, sign in _entries_and_exits(lens, window):
            daily = _daily_sums(
                opportunities.with_columns(day=day.cast(nw.Int64)), key, lens, own, sign
            )
            yield daily.with_columns(_zeros([ASKED, *others]))


def _entries_and_exits(lens: Lens, window: int) -> Iterator[tuple[nw.Expr, int]]:
    """First day on which an opportunity counts (+1), and first on which it no longer does (-1)."""
    closed, engaged = nw.col("close_day"), nw.col("engage_day")
    if lens is Lens.CLOSED:
        yield closed + 1, 1
        if window:
            yield closed + 1 + window, -1
    else:
        yield engaged, 1
        yield nw.min_horizontal(closed, engaged + window) if window else closed, -1


def _daily_sums(
    opportunities: Frame, key: str, lens: Lens, totals: Mapping[str, Total], sign: int
) -> Frame:
    """Sums per entity and day, in whole units, of expressions that see only the lens's columns."""
    placed = ~nw.col("day").is_null() & ~nw.col(key).is_null()
    return (
        opportunities.filter(placed)
        .select(*dict.fromkeys((key, "day", *SHOWN[lens])))
        .select(key, "day", *(_in_units(t, sign).alias(c) for c, t in totals.items()))
        .group_by(key, "day")
        .agg(nw.col(c).sum().cast(nw.Int64) for c in totals)
    )


def _in_units(total: Total, sign: int) -> nw.Expr:
    # Not round(): engines differ in what they do with a half.
    units = (total.of(nw.col).cast(nw.Float64) * 10.0**total.decimals + 0.5).floor()
    return units.cast(nw.Int64).fill_null(0) * sign


def _zeros(columns: Iterable[str]) -> list[nw.Expr]:
    return [nw.lit(0, nw.Int64).alias(c) for c in columns]
