"""The steps of the data: fetch, check, repair, and the leak gate."""

import logging
import tempfile
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from dealcast.cleaning import as_raw, clean
from dealcast.contracts import CrmTables
from dealcast.errors import QualityError
from dealcast.features.audit import AuditReport, audit_catalogue, audit_fields
from dealcast.features.catalogue import CATALOGUE
from dealcast.quality.report import QualityReport, assess
from dealcast.sources.base import IncrementalSource, Source, open_source
from dealcast.sources.pseudonyms import Pseudonyms, pseudonymise
from dealcast.sources.reading import ReadingOptions, read_export
from dealcast.tracking.base import DataSet, Metric
from dealcast.workflow.champions import judged_opportunities, judged_snapshots
from dealcast.workflow.erasure.ingest import without_erased
from dealcast.workflow.manifest import digest
from dealcast.workflow.memory import memory_allowed, rows_per_batch
from dealcast.workflow.privacy import figures_of, pseudonyms_of
from dealcast.workflow.store import RAW_INDEX
from dealcast.workflow.tables import TABLES
from dealcast.workflow.workspace import DIMENSIONS, Made, Workspace

logger = logging.getLogger(__name__)

# What cleaning takes for a row of a batch at its peak; larger batches than these are not faster.
CLEANING_BYTES, CLEANING_GB = 1_000, 1.0


def ingest(ws: Workspace) -> Made:
    """Fetch the source's files, read them, and only then keep their bytes under their hash."""
    options = ReadingOptions.of(ws.settings.source)
    source = open_source(ws.settings.source)
    pseudonyms = pseudonyms_of(ws.settings, ws.records.get("ingest"))
    with tempfile.TemporaryDirectory(prefix="dealcast-") as folder:
        files = fetched_files(ws, source, Path(folder), pseudonyms)
        export = read_export(files, options)
        came = export.rows
        kept = Path(folder) / "kept"
        files, export = without_erased(ws.store, files, export, options, into=kept)
        if came > export.rows:
            logger.info("%s rows of erased opportunities left out", f"{came - export.rows:,}")
        formats = [asdict(f) for f in export.formats]
        raw = ws.store.keep_raw(files, {"kind": ws.settings.source.kind, "formats": formats})
    ws.memo[raw] = export
    logger.info("%s opportunity rows kept as raw/%s", f"{export.rows:,}", raw)
    return Made(
        # What is read depends on the bytes and on how they were read.
        objects={"raw": raw, "reading": digest(options.to_dict())},
        figures={
            "rows_in": came,
            "rows_erased": came - export.rows,
            "source_kind": ws.settings.source.kind,
            "source_terms": terms_of(ws, source),
            **figures_of(pseudonyms),
            "formats": formats,
            "reading": options.to_dict(),
        },
    )


def fetched_files(
    ws: Workspace, source: Source, into: Path, pseudonyms: Pseudonyms | None
) -> list[Path]:
    """The source's files, with pseudonyms where they are wanted.

    Without them, only what changed is read where the kept export can be completed.
    """
    if pseudonyms is not None:
        return pseudonymise(source.fetch(into), ReadingOptions.of(ws.settings.source), pseudonyms)
    former, terms = ws.records.get("ingest"), terms_of(ws, source)
    if (
        isinstance(source, IncrementalSource)
        and former is not None
        and terms is not None
        and former.figures.get("source_terms") == terms
        and ws.store.has_object(f"raw/{former.objects['raw']}/{RAW_INDEX}")
    ):
        with ws.store.raw_files(former.objects["raw"]) as kept:
            return source.fetch_since(kept, into)
    return source.fetch(into)


def terms_of(ws: Workspace, source: Source) -> str | None:
    """What kept rows of an incremental source depend on; None where none can be completed.

    Kept pseudonyms cannot be, neither by names nor once they are wanted no longer.
    """
    if ws.settings.privacy.pseudonyms or not isinstance(source, IncrementalSource):
        return None
    return source.terms


def validate(ws: Workspace) -> Made:
    """Check the raw export. Raises QualityError under the threshold, with the report written."""
    report = _assess(ws, ws.export())
    key = f"runs/{ws.run_id}/quality_raw.json"
    ws.store.put_json(key, report.to_dict())
    threshold = ws.settings.quality.min_score
    logger.info("raw quality score %.3f (at least %.2f is wanted)", report.score, threshold)
    if report.score < threshold:
        raise QualityError(
            f"The export's quality score is {report.score:.2f}, under {threshold:.2f}: "
            f"{report.worst_in_words}.",
            remedy=f"`dealcast validate` shows every check (also in {ws.store.place(key)}); "
            "mend the export, or lower quality.min_score",
        )
    ws.tracker.log([Metric("quality_raw", report.score)])
    return Made(objects={"quality_raw": key}, figures={"quality_raw": report.score})


def clean_export(ws: Workspace) -> Made:
    """Repair what can be repaired, set the rest aside, and assess what remains."""
    corrections = ws.store.load("corrections") if ws.store.has("corrections") else None
    export = ws.export()
    cleaned = clean(
        export,
        corrections,
        ws.settings.cleaning,
        batch_rows=_batch_rows(ws, export.rows),
        progress=ws.progress,
    )
    after = _assess(ws, as_raw(cleaned.tables, like=export))
    erased = ws.record("ingest").figures.get("rows_erased", 0)
    rows_in = export.rows + erased
    del export
    ws.forget_export()
    made = Made()
    opportunities = cleaned.tables.opportunities.collect()
    ws.save(made, "crm_data_processed", opportunities)
    for name in DIMENSIONS:
        member = getattr(cleaned.tables, name)
        if member is not None:
            ws.save(made, name, member.collect())
    ws.save(made, "quarantine", cleaned.quarantine)
    for name, content in (("cleaning_log", cleaned.log), ("quality_clean", after)):
        made.objects[name] = f"runs/{ws.run_id}/{name}.json"
        ws.store.put_json(made.objects[name], content.to_dict())
    set_aside = cleaned.quarantine.filter(pl.col("table") == "opportunities").height
    logger.info(
        "%s rows in = %s clean + %s quarantined%s; quality after cleaning %.3f",
        *(f"{n:,}" for n in (rows_in, opportunities.height, set_aside)),
        f" + {erased:,} erased" if erased else "",
        after.score,
    )
    ws.tracker.log(
        [
            Metric("quality_clean", after.score),
            Metric("rows_quarantined", set_aside),
            _data_set(ws, made, opportunities),
        ]
    )
    made.figures = {
        "rows_in": rows_in,
        "rows_clean": opportunities.height,
        "rows_quarantined": set_aside,
        "rows_erased": erased,
        "quality_clean": after.score,
        "stages": _counts(opportunities, "deal_stage"),
        "quarantine_reasons": _counts(cleaned.quarantine, "reason"),
        "last_date": _last_date(opportunities),
    }
    return made


def audit_features(ws: Workspace) -> Made:
    """The leak gate: every feature and field by every test; what fails is left out by name.

    Of very many opportunities a sample of whole ones is looked at, as if it were the export.
    """
    settings, to_judge = ws.settings.audit, judged_opportunities(ws)
    tables = CrmTables.cast(
        {**ws.known_tables().to_dict(), "opportunities": to_judge.opportunities.lazy()}
    ).collect_all()
    snapshots = judged_snapshots(ws, to_judge.opportunities)
    # What is allowed may be a feature or a field, so both reports come together first.
    strict = settings.model_copy(update={"allow": {}})
    seed = ws.settings.model.seed
    fields = audit_fields(tables, settings=strict, seed=seed)
    features = AuditReport((), judged_on=to_judge.text)
    if not snapshots.is_empty():
        catalogue = audit_catalogue(
            tables,
            snapshots,
            CATALOGUE,
            as_of=ws.as_of,
            settings=strict,
            horizon_days=min(ws.settings.model.horizons_days),
            fiscal_year_start_month=ws.settings.data.fiscal_year_start_month,
            seed=seed,
        )
        features = features.together_with(catalogue)
    report = features.together_with(fields).allowing(settings.allow)
    made = Made()
    ws.save(made, "leak_audit", report.to_frame())
    made.objects["leak_audit"] = f"runs/{ws.run_id}/leak_audit.json"
    ws.store.put_json(made.objects["leak_audit"], report.to_dict())
    logger.info("%s", report.summary)
    made.figures = {
        "leak_gate": report.summary,
        "leaks": {name: list(codes) for name, codes in report.leaks.items()},
        "leaks_allowed": sorted({r.feature for r in report.overridden}),
        "excluded_features": sorted(report.excluded),
    }
    return made


def _data_set(ws: Workspace, made: Made, opportunities: pl.DataFrame) -> DataSet:
    name = "crm_data_processed"
    return DataSet(
        name,
        table=TABLES[name].path,
        version=made.tables[name],
        digest=ws.record("ingest").objects["raw"],
        rows=opportunities.height,
        schema={column: str(kind) for column, kind in opportunities.schema.items()},
    )


def _batch_rows(ws: Workspace, rows: int) -> int:
    allowed = memory_allowed(ws.settings.engine.memory_gb)
    return rows_per_batch(
        rows, bytes_per_row=CLEANING_BYTES, memory_gb=min(CLEANING_GB, allowed / 8)
    )


def _assess(ws: Workspace, export: Any) -> QualityReport:
    return assess(export, spelling=ws.settings.cleaning.spelling, as_of=ws.settings.data.as_of)


def _counts(frame: pl.DataFrame, column: str) -> dict[str, int]:
    counted = frame.group_by(column).len().sort("len", column, descending=[True, False])
    return dict(counted.iter_rows())


def _last_date(opportunities: pl.DataFrame) -> str | None:
    dates = opportunities.select(pl.max_horizontal(pl.max("engage_date"), pl.max("close_date")))
    last: date | None = dates.item()
    return last.isoformat() if last else None
