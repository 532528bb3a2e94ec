"""Which features of the catalogue an export can have, and the fingerprint of a choice of them."""

from collections.abc import Iterable, Mapping
from hashlib import sha256

import polars as pl

from dealcast.contracts import CrmTables
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.spec import FeatureSpec, Leak


def usable(tables: CrmTables, specs: Iterable[FeatureSpec] = CATALOGUE) -> tuple[FeatureSpec, ...]:
    """The specs that can be built: not banned, and with what they need. UNDATED ones too."""
    specs = tuple(specs)
    missing = unavailable(tables, specs)
    return tuple(s for s in specs if s.leak is not Leak.BANNED and s.name not in missing)


def unavailable(tables: CrmTables, specs: Iterable[FeatureSpec] = CATALOGUE) -> dict[str, str]:
    """Name of each spec that this export has no data for, and why."""
    needs = {spec.name: spec.needs for spec in specs}
    members = tables.to_dict()
    blank = _blank_columns(members, set().union(*needs.values()))
    why = {}
    for name, needed in needs.items():
        absent = sorted({table for table, _ in needed} - set(members))
        empty = sorted(f"{table}.{column}" for table, column in needed & blank)
        if absent:
            why[name] = f"the export has no table {', '.join(absent)}"
        elif empty:
            why[name] = f"{', '.join(empty)} holds no value"
    return why


def _blank_columns(
    members: Mapping[str, pl.LazyFrame], needs: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """The (table, column) pairs without a single value."""
    tables = sorted({table for table, _ in needs} & set(members))
    filled = pl.collect_all(
        members[t].select(pl.col(c).is_not_null().any() for n, c in sorted(needs) if n == t)
        for t in tables
    )
    return {
        (table, column)
        for table, answer in zip(tables, filled, strict=True)
        for column, has_value in answer.row(0, named=True).items()
        if not has_value
    }


def catalogue_fingerprint(specs: Iterable[FeatureSpec]) -> str:
    """16 hex digits that change when a feature is added, dropped or computed in another way.

    Neither the order of the specs nor what is said of them counts.

    >>> catalogue_fingerprint(CATALOGUE) == catalogue_fingerprint(reversed(CATALOGUE))
    True
    """
    return sha256("\n".join(sorted(s.definition for s in specs)).encode()).hexdigest()[:16]
