"""Snapshots and their features, written part by part: consecutive dates, as many as fit."""

import logging
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import narwhals as nw
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.engines.base import open_engine
from dealcast.features.build import (
    KEY,
    feature_contract,
    opportunity_facts,
    point_in_time_totals,
    snapshot_features,
)
from dealcast.features.changes import OUTCOME
from dealcast.features.selection import unavailable, usable
from dealcast.features.spec import FeatureSpec
from dealcast.snapshots import (
    SNAPSHOT,
    build_snapshots,
    dates_frame,
    day_number,
    open_counts,
    open_within,
    snapshot_dates,
)
from dealcast.workflow.layers import SETTLED, of_layer
from dealcast.workflow.memory import memory_allowed, rows_per_batch
from dealcast.workflow.renewal import MADE_FROM, Basis, Renewal, renewal
from dealcast.workflow.workspace import Made, Workspace

logger = logging.getLogger(__name__)

# What a snapshot of a part takes at its peak, with its features; larger parts are not faster.
SNAPSHOT_BYTES, SNAPSHOTS_GB = 1_500, 1.0
IS_SETTLED = "is_settled"
# What snapshots without features are made of.
OF_OPPORTUNITIES = ("opportunity_id", *OUTCOME)


def write_snapshots(ws: Workspace, made: Made) -> dict[str, Any]:
    """Save `snapshots` and `snapshot_features`; returns the figures.

    What the export since the last run cannot have changed stays as it is.
    """
    known = ws.known_tables()
    dates = snapshot_dates(known.opportunities, ws.settings.features, as_of=ws.as_of)
    specs = usable(known)
    basis = Basis.of(ws, specs, dates)
    renew = renewal(ws, known, dates, basis)
    rows = _write(ws, made, known, specs, renew)
    made.objects[MADE_FROM] = f"runs/{ws.run_id}/{MADE_FROM}.json"
    ws.store.put_json(made.objects[MADE_FROM], basis.to_dict(renew.boundary))
    missing = unavailable(known)
    logger.info(
        "snapshot_features: %s rows x %d features on %d dates; %d not available",
        f"{rows:,}",
        len(specs),
        len(dates),
        len(missing),
    )
    if renew.changes is not None:
        logger.info("%s", renew.text(len(dates)))
    return {
        "snapshot_rows": rows,
        "snapshot_dates": len(dates),
        "snapshot_dates_renewed": len(renew.features),
        "changed_opportunities": renew.changes.opportunities if renew.changes else None,
        "point_in_time_features": [s.name for s in specs],
        "features_not_available": missing,
    }


def _write(
    ws: Workspace, made: Made, tables: CrmTables, specs: Sequence[FeatureSpec], renew: Renewal
) -> int:
    """Save both tables; returns how many snapshots there are."""
    names = {table: [part.name for part in parts] for table, parts in renew.kept.items()}
    with (
        ws.parts(made, "snapshots", kept=names["snapshots"]) as snapshots,
        ws.parts(
            made, "snapshot_features", feature_contract(specs), kept=names["snapshot_features"]
        ) as features,
    ):
        for rows in _rows_with_features(ws, tables, specs, renew):
            for layer, dates in renew.outcomes.items():
                of_it = pl.col(IS_SETTLED) == (layer == SETTLED)
                own = rows.lazy().filter(of_it, pl.col("snapshot_date").is_in(dates))
                snapshots.add(own.select(SNAPSHOT).collect(), layer)
            features.add(rows.select(*KEY, *(spec.name for spec in specs)))
        for layer, dates in renew.outcomes.items():
            others = [day for day in dates if day not in set(renew.features)]
            settled_or_live = of_layer(tables.opportunities, layer, renew.boundary)
            for rows in _rows_without_features(ws, settled_or_live, others):
                snapshots.add(rows, layer)
    return snapshots.rows + sum(part.rows for part in renew.kept["snapshots"])


def _rows_with_features(
    ws: Workspace, tables: CrmTables, specs: Sequence[FeatureSpec], renew: Renewal
) -> Iterator[pl.DataFrame]:
    """The columns of Snapshots, whether the row is settled, and one column per spec.

    Made by the engine that the settings choose.
    """
    dates = renew.features
    if not dates:
        return
    month = ws.settings.data.fiscal_year_start_month
    engine = open_engine(ws.settings.engine)
    native = {name: engine.from_polars(frame) for name, frame in tables.to_dict().items()}
    totals = point_in_time_totals(
        native,
        specs,
        engine.from_polars(dates_frame(dates)),
        fiscal_year_start_month=month,
        settled=engine.settled,
    )
    facts = opportunity_facts(native, specs, totals, as_of=ws.as_of, fiscal_year_start_month=month)
    facts = facts.with_columns((nw.col("opened_on") < day_number(renew.boundary)).alias(IS_SETTLED))
    parts = _parts(ws, tables.opportunities, dates)
    if len(parts) > 1:
        # Joined once, not once for every part.
        facts = engine.settled({"facts": open_within(facts, dates[0], dates[-1])})["facts"]
    for part in parts:
        days = engine.from_polars(dates_frame(part))
        rows = snapshot_features(
            open_within(facts, part[0], part[-1]),
            days,
            specs,
            totals,
            fiscal_year_start_month=month,
            also=[IS_SETTLED],
        )
        yield _in_order(engine.collect(rows), parts)
        ws.progress(f"features until {part[-1]}", (dates.index(part[-1]) + 1) / len(dates))


def _rows_without_features(
    ws: Workspace, opportunities: pl.LazyFrame, dates: Sequence[date]
) -> Iterator[pl.DataFrame]:
    """The contract Snapshots."""
    if not dates:
        return
    closed = (pl.col("close_date") <= dates[0]).fill_null(value=False)
    asked = (pl.col("engage_date") <= dates[-1]) & ~closed
    # Found once, not once for every part.
    some = opportunities.filter(asked).select(OF_OPPORTUNITIES).collect().lazy()
    parts = _parts(ws, some, dates)
    for part in parts:
        yield _in_order(build_snapshots(some, part, as_of=ws.as_of).collect(), parts)


def _in_order(rows: pl.DataFrame, parts: Sequence[Sequence[date]]) -> pl.DataFrame:
    """Sorted, where that is quick: of a large table it would take a quarter of the time."""
    return rows.sort(KEY) if len(parts) == 1 else rows


def _parts(ws: Workspace, opportunities: pl.LazyFrame, dates: Sequence[date]) -> list[list[date]]:
    """Consecutive dates, as many together as their snapshots fit into memory."""
    counts = open_counts(opportunities, dates)
    allowed = memory_allowed(ws.settings.engine.memory_gb)
    most = rows_per_batch(
        sum(counts), bytes_per_row=SNAPSHOT_BYTES, memory_gb=min(SNAPSHOTS_GB, allowed / 8)
    )
    parts: list[list[date]] = []
    rows = 0
    for day, count in zip(dates, counts, strict=True):
        if not parts or rows + count > most:
            parts.append([])
            rows = 0
        parts[-1].append(day)
        rows += count
    return parts
