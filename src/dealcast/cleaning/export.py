"""A whole export, cleaned: dimension tables first, then the opportunities that name their keys."""

from collections.abc import Mapping
from dataclasses import dataclass

import dataframely as dy
import polars as pl

from dealcast.cells import (
    COLUMNS,
    CONTRACTS,
    DIMENSIONS,
    KEYS,
    PLAN_COLUMNS,
    REFERENCES,
    measures,
    usable,
)
from dealcast.cleaning.log import Applied, CleaningLog, RowCount, repaired, set_aside
from dealcast.cleaning.quarantine import quarantined, reasons_for, row_hash, with_reason
from dealcast.cleaning.repairs import REPAIRS, ROW_HASH
from dealcast.cleaning.spec import Context
from dealcast.contracts import OPEN_STAGES, PROVENANCE, CrmTables, Plans, Quarantine, RawExport
from dealcast.errors import QualityError
from dealcast.settings import CleaningSettings

REASONS_NAMED = 3


@dataclass(frozen=True)
class Cleaned:
    """A clean export, what was done to it, and the rows set aside."""

    tables: CrmTables
    log: CleaningLog
    quarantine: dy.DataFrame[Quarantine]


@dataclass(frozen=True)
class _Part:
    """One table, cleaned. `kept` still has every cell as text."""

    table: str
    kept: pl.DataFrame
    quarantine: dy.DataFrame[Quarantine]
    rules: tuple[Applied, ...]
    count: RowCount

    def typed(self) -> pl.DataFrame:
        """The rows in the types of their contract."""
        numbers = measures(self.table)
        return self.kept.select(
            usable(c) if c in numbers else pl.col(c) for c in CONTRACTS[self.table].columns()
        )


def clean(
    export: RawExport, corrections: pl.DataFrame | None, settings: CleaningSettings
) -> Cleaned:
    """Repair what can be repaired and set aside what cannot, by CLEANING_RULES in their order.

    A column that the export does not have is null throughout; so is a Won value that is blank.
    `corrections` keeps the contract Corrections. A dimension table of which no row is usable is
    left out. Raises QualityError where more opportunities are set aside than settings allow.

    >>> rows = {"opportunity_id": ["A1", "A2"], "deal_stage": ["Lost", "Wonn"],
    ...         "engage_date": ["2025-01-07"] * 2, "close_date": ["2025-03-04"] * 2,
    ...         "close_value": ["", "900"], "source_file": ["x.csv"] * 2, "source_row": [2, 3]}
    >>> cleaned = clean(RawExport({"opportunities": pl.DataFrame(rows)}), None, CleaningSettings())
    >>> cleaned.tables.opportunities.collect()["close_value"].to_list()
    [0.0]
    >>> cleaned.quarantine["reason"].item(), cleaned.quarantine["suggested_fix"].item()
    ('CL104', "set deal_stage to 'Won'")
    """
    if corrections is not None and corrections.is_empty():
        corrections = None
    parts = [
        _clean_table(export.tables[table], table, settings, corrections, {})
        for table in DIMENSIONS
        if table in export.tables
    ]
    keys = {p.table: p.kept[KEYS[p.table]] for p in parts if not p.kept.is_empty()}
    opportunities = _clean_table(
        export.opportunities,
        "opportunities",
        settings,
        corrections,
        {column: keys[table] for column, table in REFERENCES.items() if table in keys},
    )
    _refuse_too_many(opportunities, settings.max_quarantined)
    parts = [opportunities, *parts]
    return Cleaned(
        _tables(parts, export),
        CleaningLog(
            tuple(rule for part in parts for rule in part.rules),
            tuple(part.count for part in parts),
            _unmatched(corrections, export),
        ),
        Quarantine.cast(pl.concat([part.quarantine for part in parts])),
    )


def as_raw(tables: CrmTables, *, like: RawExport) -> RawExport:
    """The clean tables as text again, with the tables and columns of `like`, to be checked anew."""
    texts = {}
    for table, raw in like.tables.items():
        frame = getattr(tables, table, None)
        if frame is None:
            continue
        if table == "opportunities" and tables.plans is not None:
            frame = frame.join(tables.plans, on=KEYS[table], how="left", maintain_order="left")
        names = frame.collect_schema().names()
        columns = [c for c in COLUMNS[table] if c in raw.columns and c in names]
        texts[table] = frame.select(
            *(pl.col(c).cast(pl.String) for c in columns),
            source_file=pl.lit(f"clean {table}"),
            source_row=pl.int_range(2, pl.len() + 2, dtype=pl.UInt32),
        ).collect()
    return RawExport(texts)


def _clean_table(
    raw: pl.DataFrame,
    table: str,
    settings: CleaningSettings,
    corrections: pl.DataFrame | None,
    keys: Mapping[str, pl.Series],
) -> _Part:
    columns = COLUMNS[table]
    context = Context(
        table, frozenset(columns) & frozenset(raw.columns), settings.spelling, corrections, keys
    )
    rows = raw.select(
        *PROVENANCE,
        *(pl.col(c) if c in context.present else pl.lit(None, pl.String).alias(c) for c in columns),
        *([] if corrections is None else [row_hash(raw, table)]),
        raw_row=pl.int_range(pl.len()),
    )
    applied = []
    for rule in REPAIRS:
        if table in rule.tables:
            mended = rule.repair(rows, context)
            applied.append(repaired(rule, table, rows, mended))
            rows = mended
    rows = with_reason(rows, table, keys)
    quarantine = quarantined(rows, table, raw, keys)
    applied += [set_aside(rule, table, quarantine) for rule in reasons_for(table)]
    kept = rows.filter(pl.col("reason").is_null())
    count = RowCount(table, raw.height, kept.height, quarantine.height)
    return _Part(table, kept, quarantine, tuple(applied), count)


def _tables(parts: list[_Part], export: RawExport) -> CrmTables:
    frames = {p.table: p.typed().lazy() for p in parts if p.table == "opportunities" or len(p.kept)}
    if any(c in export.opportunities.columns for c in PLAN_COLUMNS):
        frames["plans"] = _plans(parts[0].kept).lazy()
    return CrmTables.cast(frames)


def _plans(opportunities: pl.DataFrame) -> pl.DataFrame:
    """One row per open opportunity for which something is planned."""
    return (
        opportunities.filter(pl.col("deal_stage").is_in(OPEN_STAGES))
        .select(*Plans.primary_key(), *(usable(c) for c in PLAN_COLUMNS))
        .filter(pl.any_horizontal(pl.col(PLAN_COLUMNS).is_not_null()))
    )


def _refuse_too_many(part: _Part, share_allowed: float) -> None:
    count = part.count
    if count.rows_quarantined <= share_allowed * count.rows_in:
        return
    reasons = sorted((r for r in part.rules if r.action == "set aside"), key=lambda r: -r.rows)
    named = "; ".join(
        f"{r.code} {r.title} ({r.rows:,} rows, such as {r.examples[0]})"
        for r in reasons[:REASONS_NAMED]
        if r.rows
    )
    raise QualityError(
        f"{count.rows_quarantined:,} of {count.rows_in:,} opportunities would be set aside, more "
        f"than the {share_allowed:.0%} allowed: {named}.",
        remedy="look at `dealcast validate`; where stages, dates or amounts are misread, choose "
        "--mapping, source.date_order or source.decimal; else raise cleaning.max_quarantined",
    )


def _unmatched(corrections: pl.DataFrame | None, export: RawExport) -> int:
    if corrections is None:
        return 0
    hashes = pl.concat([row_hash(f, t) for t, f in export.tables.items() if t in COLUMNS])
    asked = corrections[ROW_HASH].unique()
    return int((~asked.is_in(hashes.unique().implode())).sum())
