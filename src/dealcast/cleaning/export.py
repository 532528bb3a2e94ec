"""A whole export, cleaned: dimension tables first, then the opportunities that name their keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dataframely as dy
import polars as pl

from dealcast.cells import (
    COLUMNS,
    DIMENSIONS,
    KEYS,
    PLAN_COLUMNS,
    REFERENCES,
    REPEATS,
    Progress,
    compact,
    in_batches,
    repeated,
    silent,
    with_repeats,
)
from dealcast.cleaning.log import Applied, CleaningLog, RowCount
from dealcast.cleaning.quarantine import quarantined
from dealcast.cleaning.rows import (
    added_up,
    clean_rows,
    mended,
    plans,
    set_aside_by_reason,
    tidy_keys,
    typed,
)
from dealcast.cleaning.spec import Context
from dealcast.contracts import CrmTables, Quarantine, RawExport
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
class CleanTable:
    """One table, cleaned, in the types of its contract. `corrected`: hashes of corrected rows."""

    table: str
    frame: pl.DataFrame
    plans: pl.DataFrame
    quarantine: dy.DataFrame[Quarantine]
    rules: tuple[Applied, ...]
    count: RowCount
    corrected: frozenset[str]


def clean(
    export: RawExport,
    corrections: pl.DataFrame | None,
    settings: CleaningSettings,
    *,
    batch_rows: int | None = None,
    progress: Progress = silent,
) -> Cleaned:
    """Repair what can be repaired and set aside what cannot, by CLEANING_RULES in their order.

    A column that the export does not have is null throughout; so is a Won value that is blank.
    `corrections` keeps the contract Corrections. A dimension table of which no row is usable is
    left out. Opportunities are cleaned `batch_rows` at once (all, by default), which does not
    change the result. Raises QualityError where more are set aside than settings allow.

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
    parts = clean_dimensions(export.tables, corrections, settings)
    context = Context(
        "opportunities",
        frozenset(COLUMNS["opportunities"]) & frozenset(export.opportunities.columns),
        settings.spelling,
        corrections,
        known_keys(parts),
    )
    opportunities = _clean_table(export.opportunities, context, batch_rows, progress)
    refuse_too_many(opportunities.count, opportunities.rules, settings.max_quarantined)
    parts = [opportunities, *parts]
    return Cleaned(
        _tables(parts, export),
        CleaningLog.of(parts, corrections),
        Quarantine.cast(pl.concat([part.quarantine for part in parts])),
    )


def clean_dimensions(
    tables: Mapping[str, pl.DataFrame],
    corrections: pl.DataFrame | None,
    settings: CleaningSettings,
) -> list[CleanTable]:
    """The dimension tables that are there, cleaned. They name no keys of others."""
    return [
        _clean_table(
            tables[table],
            Context(
                table,
                frozenset(COLUMNS[table]) & frozenset(tables[table].columns),
                settings.spelling,
                corrections,
            ),
        )
        for table in DIMENSIONS
        if table in tables
    ]


def known_keys(dimensions: Sequence[CleanTable]) -> dict[str, pl.Series]:
    """The keys of each clean table that has rows, by the column of an opportunity that names them.

    Where there is none, its keys cannot be checked.
    """
    keys = {t.table: t.frame[KEYS[t.table]] for t in dimensions if not t.frame.is_empty()}
    return {column: keys[table] for column, table in REFERENCES.items() if table in keys}


def as_raw(tables: CrmTables, *, like: RawExport) -> RawExport:
    """The clean tables as text again, with the tables and columns of `like`, to be checked anew."""
    texts = {}
    for table, raw in like.tables.items():
        member: pl.LazyFrame | None = getattr(tables, table, None)
        if member is None:
            continue
        if table == "opportunities" and tables.plans is not None:
            member = member.join(tables.plans, on=KEYS[table], how="left", maintain_order="left")
        frame = member.collect()
        # Column by column: all text of a large table at once would be a second copy of it.
        columns = [
            compact(frame.select(pl.col(c).cast(pl.String))).to_series()
            for c in COLUMNS[table]
            if c in raw.columns and c in frame.columns
        ]
        text = pl.DataFrame(columns).with_columns(
            source_file=pl.lit(f"clean {table}"),
            source_row=pl.int_range(2, pl.len() + 2, dtype=pl.UInt32),
        )
        texts[table] = compact(text)
    return RawExport(texts)


def _clean_table(
    raw: pl.DataFrame,
    context: Context,
    batch_rows: int | None = None,
    progress: Progress = silent,
) -> CleanTable:
    """The table, cleaned batch by batch; the rows stay in their order."""
    table, repeats = context.table, None
    if batch_rows is not None and batch_rows < raw.height:
        repeats = _repeats(raw, context, batch_rows)
    frames, planned, asides, rules, corrected = [], [], [], [], frozenset[str]()
    for start, rows in in_batches(raw, batch_rows, progress):
        marks = None if repeats is None else repeats.slice(start, rows.height)
        batch = clean_rows(rows, context, marks)
        frames.append(typed(batch.kept, table))
        planned.append(plans(batch.kept) if table == "opportunities" else pl.DataFrame())
        asides.append(batch.aside)
        rules.append(batch.rules)
        corrected |= batch.corrected
    frame, aside = pl.concat(frames), pl.concat(asides)
    quarantine = quarantined(aside, table, context.keys)
    return CleanTable(
        table,
        frame,
        pl.concat(planned),
        quarantine,
        (*added_up(rules), *set_aside_by_reason(table, quarantine)),
        RowCount(table, raw.height, frame.height, quarantine.height),
        corrected,
    )


def _repeats(raw: pl.DataFrame, context: Context, batch_rows: int) -> pl.DataFrame:
    """The marks of rows that share their key with another, wherever that stands in the table."""
    where = repeated(_keys(raw, context, batch_rows)).arg_true()
    none = pl.repeat(False, raw.height, eager=True)
    if where.is_empty():
        return pl.DataFrame(dict.fromkeys(REPEATS, none))
    sharing = [mended(rows, context)[0] for _, rows in in_batches(raw[where], batch_rows)]
    marks = with_repeats(pl.concat(sharing), context.table)
    return pl.DataFrame({mark: none.clone().scatter(where, marks[mark]) for mark in REPEATS})


def _keys(raw: pl.DataFrame, context: Context, batch_rows: int) -> pl.Series:
    """The key of each row, corrected and tidy: no other repair writes it."""
    return pl.concat([tidy_keys(rows, context) for _, rows in in_batches(raw, batch_rows)])


def _tables(parts: list[CleanTable], export: RawExport) -> CrmTables:
    frames = {p.table: p.frame.lazy() for p in parts if p.table == "opportunities" or len(p.frame)}
    if any(c in export.opportunities.columns for c in PLAN_COLUMNS):
        frames["plans"] = parts[0].plans.lazy()
    return CrmTables.cast(frames)


def refuse_too_many(count: RowCount, rules: Sequence[Applied], share_allowed: float) -> None:
    """Raise QualityError, with the reasons named, where a larger share is set aside."""
    if count.rows_quarantined <= share_allowed * count.rows_in:
        return
    reasons = sorted((r for r in rules if r.action == "set aside"), key=lambda r: -r.rows)
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
