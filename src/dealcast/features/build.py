"""Snapshots, tables and specs → one row of features per snapshot, on any engine."""

from collections.abc import Iterable, Mapping, Sequence

import dataframely as dy
import narwhals as nw
import polars as pl

from dealcast.contracts import EARLIEST, LATEST, CrmTables
from dealcast.features.columns import Frame
from dealcast.features.history import read_off, with_running_totals
from dealcast.features.lens import opportunities_with_dimensions, refuse_leaks, rows_seen
from dealcast.features.spec import FeatureSpec

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
        nw.from_native(snapshots), native, specs, fiscal_year_start_month=fiscal_year_start_month
    )
    native_features: pl.LazyFrame = features.to_native()
    return native_features


def point_in_time_features(
    snapshots: Frame,
    tables: Mapping[str, Frame],
    specs: Sequence[FeatureSpec],
    *,
    fiscal_year_start_month: int = 1,
) -> Frame:
    """The definition behind `build_features`, for lazy frames of any engine Narwhals knows."""
    refuse_leaks(specs)
    opportunities = opportunities_with_dimensions(
        tables, fiscal_year_start_month=fiscal_year_start_month
    )
    rows = rows_seen(snapshots, opportunities, fiscal_year_start_month=fiscal_year_start_month)
    rows = with_running_totals(rows, opportunities, specs)
    return rows.select(*KEY, *(_value(spec).cast(spec.dtype).alias(spec.name) for spec in specs))


def _value(spec: FeatureSpec) -> nw.Expr:
    return spec.expr(nw.col) if spec.expr is not None else read_off(spec)


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
