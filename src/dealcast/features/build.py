"""Snapshots, tables and specs → one row of features per snapshot, on any engine."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import dataframely as dy
import narwhals as nw
import polars as pl

from dealcast.contracts import EARLIEST, LATEST, CrmTables
from dealcast.features.columns import COLUMNS, Known
from dealcast.features.history import (
    EVERYONE,
    Settle,
    first_places,
    measured,
    measures_by_entity,
    place,
)
from dealcast.features.lens import calendar_seen, opportunities_seen, refuse_leaks
from dealcast.features.spec import FeatureSpec
from dealcast.snapshots import SNAPSHOT, Frame, day_number, engagements, open_on

KEY = ("opportunity_id", "snapshot_date")

# unit -> least and largest value; other units have the bounds of their type.
BOUNDS: dict[str, dict[str, int]] = {
    "days": {"min": 0, "max": 50_000},
    "weeks": {"min": 0, "max": 13},
    "month 1-3": {"min": 1, "max": 3},
    "flag 0-1": {"min": 0, "max": 1},
    "share 0-1": {"min": 0, "max": 1},
    "count": {"min": 0, "max": 2_000_000_000},
}


def build_features(
    snapshots: pl.LazyFrame,
    tables: CrmTables,
    specs: Sequence[FeatureSpec],
    *,
    fiscal_year_start_month: int = 1,
) -> pl.LazyFrame:
    """One row per snapshot: its key and a column per spec, from what was known on its date.

    Of `snapshots` only the key is read. Null: what the feature is about is not there (no such
    agent, nothing closed yet, no price list). Rows come in no particular order.
    Raises LeakError where a spec sees what was not known.

    >>> from datetime import date
    >>> from dealcast.features.selection import usable
    >>> tables = CrmTables.cast({"opportunities": pl.LazyFrame({
    ...     "opportunity_id": ["A", "B"], "sales_agent": ["Ann", "Ann"], "product": None,
    ...     "account": None, "deal_stage": ["Won", "Engaging"],
    ...     "engage_date": [date(2017, 3, 1), date(2017, 3, 2)],
    ...     "close_date": [date(2017, 3, 5), None], "close_value": [900.0, None],
    ... })})
    >>> snapshots = pl.LazyFrame({"opportunity_id": ["B"], "snapshot_date": [date(2017, 3, 6)]})
    >>> features = build_features(snapshots, tables, usable(tables)).collect()
    >>> features.select("age_days", "agent_won_count", "agent_open_count").row(0)
    (4, 1, 1)
    """
    native = {name: nw.from_native(frame) for name, frame in tables.to_dict().items()}
    features = point_in_time_features(
        nw.from_native(snapshots),
        native,
        specs,
        fiscal_year_start_month=fiscal_year_start_month,
        settled=collected,
    )
    native_features: pl.LazyFrame = features.to_native()
    return native_features


def point_in_time_features(
    snapshots: Frame,
    tables: Mapping[str, Frame],
    specs: Sequence[FeatureSpec],
    *,
    fiscal_year_start_month: int = 1,
    settled: Settle = dict,
) -> Frame:
    """The definition behind `build_features`, for lazy frames of any engine Narwhals knows."""
    month = fiscal_year_start_month
    totals = point_in_time_totals(
        tables, specs, snapshots, fiscal_year_start_month=month, settled=settled
    )
    return features_on(snapshots, tables, specs, totals, fiscal_year_start_month=month)


def collected(frames: Mapping[str, Frame]) -> dict[str, Frame]:
    """Frames of Polars, computed now and together."""
    done = pl.collect_all([frame.to_native() for frame in frames.values()])
    return {name: nw.from_native(rows.lazy()) for name, rows in zip(frames, done, strict=True)}


def point_in_time_totals(
    tables: Mapping[str, Frame],
    specs: Sequence[FeatureSpec],
    dates: Frame,
    *,
    fiscal_year_start_month: int = 1,
    settled: Settle = dict,
) -> dict[str, Frame]:
    """The measures of every entity on every `snapshot_date` of `dates`: small tables, by entity.

    They are made of all opportunities, once for as many calls of `snapshot_features` as there are.
    `settled` computes frames (an engine's, or `collected`); without it they stay lazy.
    Raises LeakError where a spec sees what was not known.
    """
    refuse_leaks(specs)
    read = frozenset[str]().union(*(spec.reads for spec in specs if spec.totals))
    opportunities = opportunities_seen(
        tables, read, fiscal_year_start_month=fiscal_year_start_month
    )
    day = day_number(nw.col("snapshot_date"))
    days = dates.select("snapshot_date").unique().select(snapshot_day=day)
    return measures_by_entity(opportunities, tables, days, specs, settled=settled)


def opportunity_facts(
    tables: Mapping[str, Frame],
    specs: Iterable[FeatureSpec],
    totals: Mapping[str, Frame],
    *,
    as_of: date,
    fiscal_year_start_month: int = 1,
) -> Frame:
    """One row per engaged opportunity: all that `snapshot_features` needs to know of it."""
    rows = _facts(tables, specs, totals, fiscal_year_start_month)
    also = [n for n in _facts_read(specs, totals) if n != "opportunity_id"]
    return engagements(rows, as_of=as_of, also=also)


def snapshot_features(  # noqa: PLR0913 - rows, what is made of them, and what is kept
    facts: Frame,
    dates: Frame,
    specs: Sequence[FeatureSpec],
    totals: Mapping[str, Frame],
    *,
    fiscal_year_start_month: int = 1,
    also: Sequence[str] = (),
    settled: Settle = dict,
) -> Frame:
    """The snapshots of these dates (contract Snapshots), each with its features.

    The same features as `features_on`, without looking up opportunities. `dates` are among those
    of the totals, none after the day as of which the facts are. `also` names further columns of
    the facts to keep. `settled` computes the calendar, which every opportunity meets.
    """
    (calendar,) = settled({"calendar": _calendar(dates, totals, fiscal_year_start_month)}).values()
    return _features(open_on(facts, calendar), (*SNAPSHOT, *also), specs, totals)


def features_on(
    snapshots: Frame,
    tables: Mapping[str, Frame],
    specs: Sequence[FeatureSpec],
    totals: Mapping[str, Frame],
    *,
    fiscal_year_start_month: int = 1,
) -> Frame:
    """One row per snapshot, of which only the key is read, with its features."""
    calendar = _calendar(
        snapshots.select("snapshot_date").unique(), totals, fiscal_year_start_month
    )
    # Of the opportunities only those that are asked for, so that few snapshots take little memory.
    asked = snapshots.select("opportunity_id").unique()
    own = tables["opportunities"].join(asked, on="opportunity_id", how="semi")
    facts = _facts({**tables, "opportunities": own}, specs, totals, fiscal_year_start_month)
    rows = (
        snapshots.select(*KEY)
        .join(calendar, on="snapshot_date", how="left")
        .join(facts.select(*_facts_read(specs, totals)), on="opportunity_id", how="left")
    )
    return _features(rows, KEY, specs, totals)


def _features(
    rows: Frame, key: Sequence[str], specs: Sequence[FeatureSpec], totals: Mapping[str, Frame]
) -> Frame:
    """The rows (opportunities on dates, with what lenses show of both) beside their measures."""
    for base in _bases(totals):
        at = nw.col(place(base)) + nw.col("snapshot_day")
        rows = rows.with_columns(at.alias(place(base)))
        rows = rows.join(totals[base].drop(base), on=place(base), how="left")
    return rows.select(*key, *(_value(spec).alias(spec.name) for spec in specs))


def _value(spec: FeatureSpec) -> nw.Expr:
    if spec.expr is None:
        return nw.col(measured(spec))
    return spec.expr(nw.col).cast(spec.dtype)


def _calendar(dates: Frame, totals: Mapping[str, Frame], fiscal_year_start_month: int) -> Frame:
    calendar = calendar_seen(dates, fiscal_year_start_month=fiscal_year_start_month)
    if EVERYONE in totals:
        return calendar.join(totals[EVERYONE], on="snapshot_day", how="left")
    return calendar


def _facts(
    tables: Mapping[str, Frame],
    specs: Iterable[FeatureSpec],
    totals: Mapping[str, Frame],
    fiscal_year_start_month: int,
) -> Frame:
    """One row per opportunity with what ROW features read, and where its entities' totals are."""
    rows = opportunities_seen(
        tables, _row_columns(specs), fiscal_year_start_month=fiscal_year_start_month
    )
    for base in _bases(totals):
        rows = rows.join(first_places(totals[base], base), on=base, how="left")
    return rows


def _facts_read(specs: Iterable[FeatureSpec], totals: Mapping[str, Frame]) -> list[str]:
    return ["opportunity_id", *_row_columns(specs), *(place(base) for base in _bases(totals))]


def _row_columns(specs: Iterable[FeatureSpec]) -> list[str]:
    """Columns of an opportunity that ROW features read."""
    read = frozenset[str]().union(*(spec.reads for spec in specs if spec.expr is not None))
    return sorted(n for n in read if COLUMNS[n].known is not Known.SNAPSHOT)


def _bases(totals: Mapping[str, Frame]) -> list[str]:
    return sorted(set(totals) - {EVERYONE})


def feature_contract(specs: Iterable[FeatureSpec]) -> type[dy.Schema]:
    """The contract of `build_features` for these specs: the key, then one nullable column each."""
    columns = {spec.name: _contract_column(spec) for spec in specs}
    return type(
        "Features",
        (dy.Schema,),
        {
            "__doc__": "Point-in-time features: one row per opportunity and snapshot date.",
            "opportunity_id": dy.String(primary_key=True, min_length=1),
            "snapshot_date": dy.Date(primary_key=True, min=EARLIEST, max=LATEST),
            **columns,
        },
    )


def _contract_column(spec: FeatureSpec) -> dy.Column:
    column: dy.Column = getattr(dy, spec.dtype.__name__)(
        nullable=True,
        description=spec.meaning,
        metadata={"unit": spec.unit, "lens": str(spec.lens), "leak": str(spec.leak)},
        **BOUNDS.get(spec.unit, {}),
    )
    return column
