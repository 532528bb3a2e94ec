"""WATCHED: the columns whose values and blanks are compared, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import narwhals as nw
import numpy as np
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.features.selection import unavailable
from dealcast.monitoring import statistics
from dealcast.monitoring.comparison import Comparison, Kind, Unit, not_applicable, too_few
from dealcast.monitoring.statistics import FloatArray, IntArray
from dealcast.monitoring.windows import row_features

Population = Literal["engaged", "closed", "won"]

SHIFTS_TOLD = 3
_ROWS = "rows in the same parts of the quarter"


@dataclass(frozen=True)
class Watched:
    """A column, the table it is from, and the opportunities among which it is looked at.

    `kind` null: only how often it is filled in. Accounts are looked at among closed ones, as most
    CRMs fill them in at close: young opportunities would seem to lose theirs.
    """

    what: str
    table: str
    population: Population
    kind: Kind | None = None
    is_number: bool = False
    watch_blanks: bool = True


WATCHED: tuple[Watched, ...] = (
    Watched("sales_agent", "opportunities", "engaged", "mix"),
    Watched("product", "opportunities", "engaged", "mix"),
    Watched("manager", "sales_agents", "engaged", "mix"),
    Watched("regional_office", "sales_agents", "engaged", "mix"),
    *(
        Watched(s.name, "features", "engaged", "feature", is_number=s.dtype != nw.String)
        for s in row_features()
    ),
    Watched("account", "opportunities", "closed"),
    Watched("sector", "accounts", "closed", "mix"),
    Watched("office_location", "accounts", "closed", "mix"),
    Watched("won_value", "opportunities", "won", "feature", is_number=True),
    Watched("discounted", "products", "won", "feature", is_number=True, watch_blanks=False),
)


def compare_columns(
    populations: Mapping[Population, pl.DataFrame], tables: CrmTables, *, min_rows: int
) -> list[Comparison]:
    """Each watched column's distribution, and how often it is filled in."""
    absent = _absent(tables)
    compared = []
    for column in WATCHED:
        rows = populations[column.population]
        for kind in _kinds(column):
            unit: Unit = "share" if kind == "missing values" else "PSI"
            if column.what in absent:
                compared.append(not_applicable(kind, column.what, unit, absent[column.what]))
            elif kind == "missing values":
                compared.append(_compare_filled(column.what, rows, min_rows))
            else:
                compared.append(_compare_values(column, kind, rows, min_rows))
    return compared


def _kinds(column: Watched) -> list[Kind]:
    blanks: list[Kind] = ["missing values"] if column.watch_blanks else []
    return blanks if column.kind is None else [column.kind, *blanks]


def _absent(tables: CrmTables) -> dict[str, str]:
    """Watched columns that the export does not have, and why."""
    there = {*tables.to_dict(), "features"}
    return {
        c.what: f"the export has no table {c.table}" for c in WATCHED if c.table not in there
    } | unavailable(tables, row_features())


def _compare_filled(what: str, rows: pl.DataFrame, min_rows: int) -> Comparison:
    filled = rows[what].is_not_null()
    counts = _counted(rows, filled.cast(pl.Int64).to_numpy(), 2)
    n = _rows(counts)
    why = too_few(n, min_rows, _ROWS)
    if why is None and not filled.any():
        why = "it holds no value in either window"
    if why is not None:
        return not_applicable("missing values", what, "share", why, rows=n)
    statistic, p = statistics.chi_square(counts)
    before, now = statistics.standard_shares(counts)[:, 1]
    return Comparison(
        "missing values",
        what,
        "share",
        *n,
        test="Cochran-Mantel-Haenszel",
        statistic=statistic,
        p_value=p,
        effect=statistics.share_difference(counts),
        note=f"filled in {before:.1%} before, {now:.1%} now{_left_out(rows, n)}",
    )


def _compare_values(column: Watched, kind: Kind, rows: pl.DataFrame, min_rows: int) -> Comparison:
    filled = rows.filter(pl.col(column.what).is_not_null())
    values = filled[column.what]
    if column.is_number:
        numbers = values.cast(pl.Float64).to_numpy()
        code, categories = statistics.codes_on_grid(numbers)
    else:
        names = values.unique().sort()
        code, categories = names.search_sorted(values).cast(pl.Int64).to_numpy(), len(names)
    counts = _counted(filled, code, categories)
    n = _rows(counts)
    why = too_few(n, min_rows, f"filled {_ROWS}")
    if why is not None:
        return not_applicable(kind, column.what, "PSI", why, rows=n)
    if column.is_number:
        result, told = _numbers(filled, numbers, counts), _medians(numbers, filled)
    else:
        result, told = _categories(counts), _largest_shifts(counts, names)
    test, statistic, p, effect = result
    note = told + _left_out(filled, n)
    return Comparison(kind, column.what, "PSI", *n, test, statistic, p, effect, note)


def _numbers(
    rows: pl.DataFrame, numbers: FloatArray, counts: IntArray
) -> tuple[str, float, float, float]:
    """Test, statistic, p, PSI over tenths of all values."""
    distance, p = statistics.kolmogorov_smirnov(counts)
    tenths = _counted(rows, *statistics.codes_on_grid(numbers, statistics.BINS))
    return "Kolmogorov-Smirnov", distance, p, statistics.psi(tenths)


def _categories(counts: IntArray) -> tuple[str, float, float, float]:
    """Test, statistic, p, PSI over the values that are not too rare."""
    merged = statistics.merge_sparse(counts)
    statistic, p = statistics.chi_square(merged)
    return "Cochran-Mantel-Haenszel", statistic, p, statistics.psi(merged)


def _largest_shifts(counts: IntArray, names: pl.Series) -> str:
    before, now = statistics.standard_shares(counts)
    largest = np.argsort(-np.abs(now - before), kind="stable")[:SHIFTS_TOLD]
    return ", ".join(f"{names[int(i)]} {before[i]:.1%} before, {now[i]:.1%} now" for i in largest)


def _medians(numbers: FloatArray, rows: pl.DataFrame) -> str:
    current = rows["is_current"].to_numpy()
    before, now = np.median(numbers[~current]), np.median(numbers[current])
    return f"median {before:,.4g} before, {now:,.4g} now"


def _counted(rows: pl.DataFrame, code: IntArray, categories: int) -> IntArray:
    return statistics.count_by_part(
        rows["part"].to_numpy(), rows["is_current"].to_numpy(), code, categories
    )


def _rows(counts: IntArray) -> tuple[int, int]:
    before, now = counts.sum(axis=(0, 2)).tolist()
    return before, now


def _left_out(rows: pl.DataFrame, used: tuple[int, int]) -> str:
    missing = int(rows["is_current"].sum()) - used[1]
    return f"; {missing:,} rows in parts of the quarter not seen before left out" if missing else ""
