"""The lenses at work: each shows a feature its rows and columns and refuses all others."""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

import narwhals as nw
import polars as pl

from dealcast.errors import LeakError, listed, nearest
from dealcast.features.columns import COLUMNS, DIMENSIONS, ENTITIES, SHOWN, Known, Lens
from dealcast.features.spec import Expression, FeatureSpec, Leak, columns_read
from dealcast.snapshots import Frame, day_number, month_of_quarter, with_quarters


def opportunities_seen(
    tables: Mapping[str, Frame], columns: Collection[str], *, fiscal_year_start_month: int
) -> Frame:
    """One row per opportunity with these columns of the lenses and its own; days as day numbers."""
    engaged = nw.col("engage_day")
    month = month_of_quarter(engaged, fiscal_year_start_month=fiscal_year_start_month)
    derived = {
        "engaged_month_of_quarter": month,
        "cycle_days": nw.col("close_day") - engaged,
        "won": (nw.col("deal_stage") == "Won").cast(nw.Int64),
        "lost": (nw.col("deal_stage") == "Lost").cast(nw.Int64),
    }
    rows = (
        tables["opportunities"]
        .with_columns(
            engage_day=day_number(nw.col("engage_date")),
            close_day=day_number(nw.col("close_date")),
        )
        .with_columns(
            everyone=nw.lit(0),
            **{name: value for name, value in derived.items() if name in columns},
        )
    )
    return with_dimensions(rows, tables, columns)


def with_dimensions(rows: Frame, tables: Mapping[str, Frame], columns: Collection[str]) -> Frame:
    """The rows with those of the columns that stand in dimension tables.

    A dimension table that is not there gives nulls.
    """
    for table, key in DIMENSIONS.items():
        wanted = {n: c for n, c in COLUMNS.items() if c.table == table and n in columns}
        if not wanted:
            continue
        if table in tables:
            named = {name: nw.col(column.source) for name, column in wanted.items()}
            rows = rows.join(tables[table].select(key, **named), on=key, how="left")
        else:
            rows = rows.with_columns(
                **{name: nw.lit(None, dtype=column.dtype) for name, column in wanted.items()}
            )
    return rows


def calendar_seen(dates: Frame, *, fiscal_year_start_month: int) -> Frame:
    """One row per `snapshot_date`: its day number and what is known of the day."""
    days = dates.select("snapshot_date", snapshot_day=day_number(nw.col("snapshot_date")))
    return with_quarters(days, "snapshot_day", fiscal_year_start_month=fiscal_year_start_month)


def refuse_leaks(specs: Iterable[FeatureSpec]) -> None:
    """Raise LeakError for the first feature that sees what was not known on the snapshot date."""
    specs = tuple(specs)
    for spec in specs:
        if spec.leak is Leak.BANNED:
            raise LeakError(
                f"Feature '{spec.name}' is banned: {spec.reason}",
                remedy="build the specs of `usable(tables)`, which leaves it out",
            )
        if spec.lens is Lens.EXPORT:
            raise LeakError(
                f"Feature '{spec.name}' sees the whole export, future included.",
                remedy="use Lens.CLOSED to learn from what had closed by then",
            )
        hidden = sorted(spec.reads - set(SHOWN[spec.lens]))
        if hidden:
            raise _hidden(spec, hidden, spec.lens)
        # Whose history is to be looked up must be known of the snapshot's own opportunity.
        if ENTITIES[spec.entity] in set(COLUMNS) - set(SHOWN[Lens.ROW]):
            raise _hidden(spec, [ENTITIES[spec.entity]], Lens.ROW)
    # Features share expressions: each is tried once.
    for (_, expression), spec in {(s.lens, e): s for s in specs for e in s.expressions}.items():
        _refuse_other_rows(spec, expression)


def _hidden(spec: FeatureSpec, names: list[str], lens: Lens) -> LeakError:
    first = COLUMNS.get(names[0])
    if first is not None and first.known is Known.CLOSING:
        remedy = "use Lens.CLOSED to learn from earlier outcomes, or mark it Leak.BANNED"
    else:
        near = nearest(names[0], SHOWN[lens])
        remedy = (f"did you mean '{near}'? " if near else "") + (
            f"the lens shows {', '.join(SHOWN[lens])}"
        )
    known = f" (known {first.known})" if first is not None else ""
    return LeakError(
        f"Feature '{spec.name}' reads {listed(names)}{known}, which Lens.{lens.name} hides.",
        remedy=remedy,
    )


def _refuse_other_rows(spec: FeatureSpec, expression: Expression) -> None:
    """An expression must give one row the same value whatever stands in the others."""
    try:
        looks_at_others = _looks_at_other_rows(spec.lens, expression)
    except nw.exceptions.ColumnNotFoundError:
        read = ", ".join(sorted(columns_read(expression))) or "nothing"
        raise LeakError(
            f"Feature '{spec.name}' reads a column past its lens (through it: {read}).",
            remedy="read every column through the argument: `lambda col: col('engage_day')`",
        ) from None
    if looks_at_others:
        raise LeakError(
            f"Feature '{spec.name}' looks at other rows than its own.",
            remedy="leave adding up to a measure with Lens.CLOSED or Lens.OPEN",
        )


@lru_cache(maxsize=1024)
def _looks_at_other_rows(lens: Lens, expression: Expression) -> bool:
    # Kept, as the same features are built on many dates, and by the leak gate again.
    return any(
        _values(pair, expression) != _values(pair[:1], expression) + _values(pair[1:], expression)
        for pair in _PAIRS[lens]
    )


def _values(rows: pl.DataFrame, expression: Expression) -> list[object]:
    frame = nw.from_native(rows, eager_only=True)
    return frame.with_columns(value=expression(nw.col))["value"].to_list()


def _pair(lens: Lens, texts: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            name: texts if COLUMNS[name].dtype is nw.String else (17_000 + 3 * i, 17_500 + 5 * i)
            for i, name in enumerate(SHOWN[lens])
        }
    )


# Two rows that differ in every number, with every text alike (one group) and with none.
_PAIRS = {lens: tuple(_pair(lens, texts) for texts in (("a", "a"), ("a", "b"))) for lens in Lens}
