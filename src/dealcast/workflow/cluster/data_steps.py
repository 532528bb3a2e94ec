"""The steps of the data on a cluster: fetch, check a sample, repair, build features, audit."""

import logging
import tempfile
from datetime import date
from functools import partial
from pathlib import Path

import dataframely as dy
import narwhals as nw
import polars as pl

from dealcast.cells import PLAN_COLUMNS
from dealcast.cleaning.export import clean_dimensions, known_keys, refuse_too_many
from dealcast.cleaning.log import CleaningLog, RowCount
from dealcast.cleaning.rows import RowCleaner
from dealcast.contracts import CrmTables
from dealcast.engines.base import Frame
from dealcast.features.build import (
    KEY,
    feature_contract,
    opportunity_facts,
    point_in_time_totals,
    snapshot_features,
)
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import unavailable, usable
from dealcast.features.spec import FeatureSpec
from dealcast.snapshots import SNAPSHOT, dates_frame, snapshot_dates
from dealcast.sources.base import open_source
from dealcast.sources.reading import ReadingOptions
from dealcast.tracking.base import Metric
from dealcast.workflow.cluster.cleaning import clean_opportunities
from dealcast.workflow.cluster.one_task import (
    RawSample,
    clean_sample,
    dimensions_of,
    in_one_task,
    task_of,
)
from dealcast.workflow.cluster.reading import forget_raw, raw_rows, read_raw
from dealcast.workflow.cluster.tables import ClusterTables, cluster_of, contract_of
from dealcast.workflow.data_steps import audit_features, fetched_files, terms_of, validate
from dealcast.workflow.erasure.ingest import refuse_erasures
from dealcast.workflow.manifest import digest
from dealcast.workflow.privacy import figures_of, pseudonyms_of
from dealcast.workflow.workspace import Made, Workspace

logger = logging.getLogger(__name__)

# Some value of each type of a clean opportunity.
_ANY = {pl.String: "some", pl.Date: date(2000, 1, 1), pl.Float64: 0.0}


def ingest(ws: Workspace) -> Made:
    """Keep the source's bytes under their hash, then read them in the cluster, a task per file."""
    engine = cluster_of(ws)
    refuse_erasures(ws.store)
    options = ReadingOptions.of(ws.settings.source)
    source = open_source(ws.settings.source)
    pseudonyms = pseudonyms_of(ws.settings, ws.records.get("ingest"))
    with tempfile.TemporaryDirectory(prefix="dealcast-") as folder:
        files = fetched_files(ws, source, Path(folder), pseudonyms)
        # Workers reach the store, not this folder; so it is kept before it is read.
        raw = ws.store.keep_raw(files, {"kind": ws.settings.source.kind})
    read = read_raw(ws, engine, raw, options)
    ws.memo[f"cluster {raw}"] = read
    logger.info("%s opportunity rows kept as raw/%s", f"{read.rows:,}", raw)
    return Made(
        objects={"raw": raw, "reading": digest(options.to_dict())},
        figures={
            "rows_in": read.rows,
            "source_kind": ws.settings.source.kind,
            "source_terms": terms_of(ws, source),
            **figures_of(pseudonyms),
            "formats": list(read.formats),
            "reading": options.to_dict(),
        },
    )


def validate_sample(ws: Workspace) -> Made:
    """Check all rows of a sample of ids, in one task. Raises QualityError under the threshold."""
    engine = cluster_of(ws)
    raw, most = raw_rows(ws, engine), ws.settings.model.max_judged
    rows = raw.opportunities
    if raw.rows > most:
        share = most / raw.rows
        rows = engine.sampled_keys(rows, "opportunity_id", share=share, seed=ws.settings.model.seed)
    task = task_of(ws, validate, RawSample.of(raw), sampled_from=raw.rows)
    return in_one_task(ws, ClusterTables(ws, engine), rows, task)


def clean_export(ws: Workspace) -> Made:
    """Repair what can be repaired, set the rest aside; every row is accounted for."""
    engine = cluster_of(ws)
    tables, raw, settings = ClusterTables(ws, engine), raw_rows(ws, engine), ws.settings.cleaning
    corrections = ws.store.load("corrections") if ws.store.has("corrections") else None
    dimensions = clean_dimensions(raw.dimensions, corrections, settings)
    known = {c: tuple(keys.to_list()) for c, keys in known_keys(dimensions).items()}
    cleaner = RowCleaner(known, settings.spelling, corrections, raw.present)
    cleaned = clean_opportunities(engine, raw, cleaner)
    refuse_too_many(cleaned.count, cleaned.rules, settings.max_quarantined)
    made = Made()
    tables.write(
        made, "crm_data_processed", cleaned.opportunities, contract_of("crm_data_processed")
    )
    if raw.present & set(PLAN_COLUMNS):
        tables.write(made, "plans", cleaned.plans, contract_of("plans"))
    for table in dimensions:
        if len(table.frame):
            ws.save(made, table.table, table.frame)
    aside = [cleaned.quarantine, *(engine.from_polars(t.quarantine) for t in dimensions)]
    tables.write(made, "quarantine", nw.concat(aside), contract_of("quarantine"))
    log = CleaningLog.of([cleaned, *dimensions], corrections)
    made.objects["cleaning_log"] = f"runs/{ws.run_id}/cleaning_log.json"
    ws.store.put_json(made.objects["cleaning_log"], log.to_dict())
    engine.release(cleaned.rows)
    forget_raw(ws, engine)
    made.figures = _figures(tables, made, cleaned.count)
    logger.info(
        "%s rows in = %s clean + %s quarantined",
        *(f"{made.figures[n]:,}" for n in ("rows_in", "rows_clean", "rows_quarantined")),
    )
    ws.tracker.log([Metric("rows_quarantined", cleaned.count.rows_quarantined)])
    return made


def _figures(tables: ClusterTables, made: Made, count: RowCount) -> dict[str, object]:
    rows = tables.at_version("crm_data_processed", made.tables["crm_data_processed"])
    reasons = tables.at_version("quarantine", made.tables["quarantine"])
    last = tables.engine.collect(
        rows.select(nw.col("engage_date").max(), nw.col("close_date").max())
    ).row(0)
    known = [day for day in last if day is not None]
    return {
        "rows_in": count.rows_in,
        "rows_clean": count.rows_clean,
        "rows_quarantined": count.rows_quarantined,
        "stages": counted(tables, rows, "deal_stage"),
        "quarantine_reasons": counted(tables, reasons, "reason"),
        "last_date": max(known).isoformat() if known else None,
    }


def counted(tables: ClusterTables, rows: Frame, column: str) -> dict[str, int]:
    """Rows by value of a column, most first."""
    counts = tables.engine.collect(rows.group_by(column).agg(nw.len().cast(nw.Int64).alias("n")))
    return dict(counts.sort("n", column, descending=[True, False]).iter_rows())


def features(ws: Workspace) -> Made:
    """What was known on each snapshot date, for the model; the descriptive table is not made."""
    engine = cluster_of(ws)
    tables, made = ClusterTables(ws, engine), Made()
    month = ws.settings.data.fiscal_year_start_month
    known = tables.known_opportunities()
    specs, missing = _usable(ws, tables)
    closes = engine.collect(known.select(nw.col("close_date").min()))
    dates = snapshot_dates(closes.lazy(), ws.settings.features, as_of=ws.as_of)
    days = engine.from_polars(dates_frame(dates))
    native = {n: engine.from_polars(rows) for n, rows in dimensions_of(ws).items()}
    native["opportunities"] = known
    totals = point_in_time_totals(
        native, specs, days, fiscal_year_start_month=month, settled=engine.settled
    )
    facts = opportunity_facts(native, specs, totals, as_of=ws.as_of, fiscal_year_start_month=month)
    rows = snapshot_features(
        facts, days, specs, totals, fiscal_year_start_month=month, settled=engine.settled
    )
    names = tuple(spec.name for spec in specs)
    # Both tables are made of the same rows, which are computed once.
    with engine.keeping(rows) as kept:
        tables.write(made, "snapshots", kept.select(*SNAPSHOT), contract_of("snapshots"))
        tables.write(
            made, "snapshot_features", kept.select(*KEY, *names), partial(contract_with, names)
        )
    count = counted(tables, tables.at_version("snapshots", made.tables["snapshots"]), "outcome")
    made.figures = {
        "snapshot_rows": sum(count.values()),
        "snapshot_dates": len(dates),
        "point_in_time_features": list(names),
        "features_not_available": missing,
    }
    logger.info(
        "snapshot_features: %s rows x %d features on %d dates; %d not available",
        f"{made.figures['snapshot_rows']:,}",
        len(specs),
        len(dates),
        len(missing),
    )
    return made


def _usable(ws: Workspace, tables: ClusterTables) -> tuple[tuple[FeatureSpec, ...], dict[str, str]]:
    """The specs that can be built, and why others cannot: judged by which columns hold a value."""
    rows = tables.known_opportunities()
    held = tables.engine.collect(rows.select(nw.all().count()))
    # One row in which a column is null where it is null throughout.
    schema = contract_of("crm_data_processed")().create_empty().schema
    filled = pl.DataFrame(
        {c: pl.Series([_ANY[kind.base_type()] if held[c].item() else None], dtype=kind)
         for c, kind in schema.items()}
    )  # fmt: skip
    stand_in = CrmTables.cast({"opportunities": filled, **dimensions_of(ws)})
    return usable(stand_in), unavailable(stand_in)


def contract_with(names: tuple[str, ...]) -> type[dy.Schema]:
    """The contract of snapshot_features with these features of the catalogue."""
    by_name = {spec.name: spec for spec in CATALOGUE}
    return feature_contract([by_name[name] for name in names])


def audit_sample(ws: Workspace) -> Made:
    """The leak gate on a sample of whole opportunities, in one task."""
    tables = ClusterTables(ws, cluster_of(ws))
    rows, prepare = clean_sample(ws, tables)
    known = tables.count_known()
    made = in_one_task(ws, tables, rows, task_of(ws, audit_features, prepare, sampled_from=known))
    made.figures["audited"] = min(known, ws.settings.model.max_judged)
    return made
