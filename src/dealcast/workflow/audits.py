"""The leak gate on demand: for crm_features as it is stored, or a file of features."""

from datetime import date
from pathlib import Path

import polars as pl

from dealcast.contracts import CrmTables
from dealcast.errors import SourceError, StoreError
from dealcast.features.audit import AuditReport, audit_table, crm_features_rebuilt
from dealcast.features.build import KEY
from dealcast.features.transforms import FittedTransforms
from dealcast.modeling.judged import judged
from dealcast.settings import Settings
from dealcast.snapshots import build_snapshots, snapshot_dates
from dealcast.workflow.manifest import load_latest_steps
from dealcast.workflow.store import Store
from dealcast.workflow.workspace import clean_tables, recorded


def audit_stored(store: Store, settings: Settings) -> AuditReport:
    """Every column of crm_features by every test; it knows the outcome, and this shows where."""
    record = recorded(load_latest_steps(store), "features", store)
    if "crm_features" not in record.tables:
        raise StoreError(
            f"The features of '{store.root}' were made by Spark, which makes no crm_features.",
            remedy="with engine.name polars `dealcast features` makes it of the same tables; what "
            "the run's own audit found is in `dealcast export leak_audit`",
        )
    frame = store.load("crm_features", version=record.tables["crm_features"])
    transforms = FittedTransforms.from_parquet(store.require_object(record.objects["transforms"]))
    return audit_table(
        frame,
        _tables(store),
        settings=settings.audit,
        as_of=settings.data.as_of,
        seed=settings.model.seed,
        rebuild=crm_features_rebuilt(transforms),
    )


def audit_file(store: Store, settings: Settings, file: Path) -> AuditReport:
    """A CSV or Parquet file of features by every test that needs no rebuilding.

    Raises SourceError where it cannot be read.
    """
    try:
        if file.suffix.lower() == ".parquet":
            frame = pl.read_parquet(file)
        else:
            frame = pl.read_csv(file, try_parse_dates=True, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            f"'{file}' could not be read: {str(error).splitlines()[0]}",
            remedy="give a CSV or Parquet file with --file",
        ) from error
    if frame.is_empty():
        raise SourceError(f"'{file}' has no rows.", remedy="give one row per opportunity")
    tables = _tables(store)

    def audited(rows: pl.DataFrame) -> AuditReport:
        return audit_table(
            rows,
            tables,
            settings=settings.audit,
            as_of=settings.data.as_of,
            horizon_days=min(settings.model.horizons_days),
            seed=settings.model.seed,
        )

    if "snapshot_date" in frame.columns or "opportunity_id" not in frame.columns:
        return audited(frame)
    # A close date in disguise tells little of who wins, and much of who wins within 30 days. What
    # leaks there is not tried again with others, which it would take along.
    report = audited(_on_dates(frame, store, tables, settings))
    return report.or_else(audited(frame.drop(report.leaks)))


def _on_dates(
    frame: pl.DataFrame, store: Store, tables: CrmTables, settings: Settings
) -> pl.DataFrame:
    """The rows on snapshot dates on which their opportunities were open, at most so many.

    Dates become days from the snapshot date on: that is how a date tells when one closes.
    """
    # Made again of what is needed: the stored snapshots may be more than fit into memory.
    last = recorded(load_latest_steps(store), "clean", store).figures["last_date"]
    as_of = settings.data.as_of or date.fromisoformat(last)
    dates = snapshot_dates(tables.opportunities, settings.features, as_of=as_of)
    named = tables.opportunities.join(frame.lazy(), on="opportunity_id", how="semi").collect()
    some = judged(named, at_most=settings.model.max_judged, seed=settings.model.seed)
    keys = build_snapshots(some.opportunities.lazy(), dates, as_of=as_of).select(KEY).collect()
    rows = keys.join(frame, on="opportunity_id").sort(KEY)
    columns = [c for c in frame.columns if isinstance(frame.schema[c], (pl.Date, pl.Datetime))]
    return rows.gather_every(-(-max(rows.height, 1) // settings.audit.max_rows)).with_columns(
        (pl.col(c).cast(pl.Date) - pl.col("snapshot_date")).dt.total_days() for c in columns
    )


def _tables(store: Store) -> CrmTables:
    """The clean tables that `clean` made last."""
    made = recorded(load_latest_steps(store), "clean", store).tables
    return clean_tables(made, lambda name: store.load(name, version=made[name]))
