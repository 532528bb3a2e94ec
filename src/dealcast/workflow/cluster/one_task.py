"""A whole step in one task, on a bounded sample: what it finds comes here, its rows do not.

The step is the same function as on one machine; in the task it has a store of its own, in a
temporary folder, of which the objects (reports) are taken here and put into the real one.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import narwhals as nw
import polars as pl

from dealcast.cells import DIMENSIONS, PLAN_COLUMNS
from dealcast.contracts import PROVENANCE, FileFormat, RawExport
from dealcast.engines.base import Frame
from dealcast.errors import DealcastError, ModelError
from dealcast.settings import Settings, TrackingSettings, without_secrets
from dealcast.tracking.base import LogItem, Status, open_registry
from dealcast.workflow.champions import SAMPLED_FROM
from dealcast.workflow.cluster.cleaning import CLEAN_SCHEMA, PLAN_SCHEMA
from dealcast.workflow.cluster.parcels import (
    FAILED,
    MADE,
    OBJECT,
    PARCELS,
    TABLE,
    Parcel,
    error_of,
    logged_of,
    made_of,
    of_error,
    of_logged,
    of_made,
    of_table,
    table_of,
)
from dealcast.workflow.cluster.reading import RawRows
from dealcast.workflow.cluster.tables import ClusterTables, contract_of
from dealcast.workflow.manifest import StepRecord
from dealcast.workflow.store import Store
from dealcast.workflow.workspace import Made, Workspace

# Tables with a row for each sampled opportunity and more: the cluster writes them.
WITH_ROWS = ("backtest_predictions", "backtest_candidates")
KEY = "opportunity_id"

StepFunction = Callable[[Workspace], Made]
# Puts the sampled rows where the step looks for them.
Prepare = Callable[[Workspace, pl.DataFrame], None]


@dataclass
class Remembered:
    """A tracker that remembers what it is told, for the real one."""

    items: list[LogItem] = field(default_factory=list)

    def start(self, started: datetime) -> None:
        """The real one has been told."""

    def log(self, items: Iterable[LogItem]) -> None:
        """Remember the items."""
        self.items += items

    def finish(self, status: Status, finished: datetime, error: str | None = None) -> None:
        """The real one will be told."""


@dataclass(frozen=True)
class StepInTask:
    """A kernel: sampled rows in, what the step makes of them out (PARCELS)."""

    step: StepFunction
    prepare: Prepare
    settings: Settings
    run_id: str
    root: str
    records: Mapping[str, StepRecord]
    sampled_from: int

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The parcels; a DealcastError of the step is one of them, beside what it wrote."""
        with tempfile.TemporaryDirectory(prefix="dealcast-task-") as folder:
            store, tracker = Store(folder), Remembered()
            registry = open_registry(TrackingSettings(), store)
            ws = Workspace(
                store, self.settings, self.run_id, tracker, registry, dict(self.records), _silent
            )
            ws.memo[SAMPLED_FROM] = self.sampled_from
            self.prepare(ws, rows)
            parcels: list[Parcel] = []
            try:
                made = self.step(ws)
            except DealcastError as error:
                parcels.append(of_error(error, error.remedy.replace(folder, self.root)))
            else:
                parcels.append(of_made(made))
                parcels += [of_table(n, ws.at_version(n, v)) for n, v in made.tables.items()]
            parcels += of_logged(tracker.items)
            keys = store.list_objects("runs")
            parcels += [(OBJECT, key, store.get_object(key) or b"") for key in keys]
        return pl.DataFrame(parcels, PARCELS, orient="row")


@dataclass(frozen=True)
class Unpacked:
    """A kernel: parcels of a table in, its rows out."""

    schema: pl.Schema

    def __call__(self, parcels: pl.DataFrame) -> pl.DataFrame:
        """The rows."""
        parts = [table_of(content) for content in parcels["content"]]
        return pl.concat([self.schema.to_frame(), *parts])


def in_one_task(ws: Workspace, tables: ClusterTables, rows: Frame, task: StepInTask) -> Made:
    """Run the step in a task on these rows, and record here what it made and logged.

    Raises the DealcastError that the step raised, with what it had written in the store.
    """
    with tables.engine.keeping(tables.engine.in_one_task(rows, task, PARCELS)) as parcels:
        return _unpacked(ws, tables, parcels)


def _unpacked(ws: Workspace, tables: ClusterTables, parcels: Frame) -> Made:
    engine = tables.engine
    with_rows = nw.col("kind") == TABLE, nw.col("name").is_in(WITH_ROWS)
    few = engine.collect(parcels.filter(~(with_rows[0] & with_rows[1])))
    of_kind = {kind: few.filter(kind=kind) for kind in (OBJECT, FAILED, MADE, TABLE)}
    for key, content in of_kind[OBJECT].select("name", "content").iter_rows():
        ws.store.put_object(key, content)
    ws.tracker.log(logged_of(few.iter_rows()))
    for name, content in of_kind[FAILED].select("name", "content").iter_rows():
        raise error_of(name, content)
    if of_kind[MADE].is_empty():
        raise ModelError(
            f"No opportunity was known by {ws.as_of}.", remedy="choose a later data.as_of"
        )
    made = made_of(of_kind[MADE]["content"].item())
    for name, content in of_kind[TABLE].select("name", "content").iter_rows():
        ws.save(made, name, table_of(content))
    for name in WITH_ROWS:
        packed = parcels.filter(*with_rows, nw.col("name") == name)
        if engine.collect(packed.select(nw.len())).item():
            contract = contract_of(name)
            schema = contract().create_empty().schema
            tables.write(made, name, engine.mapped(packed, Unpacked(schema), schema), contract)
    return made


def task_of(
    ws: Workspace, step: StepFunction, prepare: Prepare, *, sampled_from: int
) -> StepInTask:
    """The step of this run, ready to be sent to a task."""
    settings = without_secrets(ws.settings)
    return StepInTask(
        step, prepare, settings, ws.run_id, ws.store.root, dict(ws.records), sampled_from
    )


@dataclass(frozen=True)
class RawSample:
    """Puts sampled raw rows, with the dimension tables, where `ws.export()` finds them."""

    dimensions: Mapping[str, pl.DataFrame]
    present: frozenset[str]
    formats: tuple[FileFormat, ...]

    @classmethod
    def of(cls, raw: RawRows) -> "RawSample":
        """The sample of a raw export."""
        return cls(raw.dimensions, raw.present, tuple(FileFormat(**f) for f in raw.formats))

    def __call__(self, ws: Workspace, rows: pl.DataFrame) -> None:
        """Rows in the order of their files, with the columns that the export has."""
        columns = [c for c in rows.columns if c in self.present]
        ordered = rows.sort(PROVENANCE).select(
            PROVENANCE[0], pl.col(PROVENANCE[1]).cast(pl.UInt32), *columns
        )
        tables = {"opportunities": ordered, **self.dimensions}
        ws.memo[ws.record("ingest").objects["raw"]] = RawExport(tables, self.formats)


@dataclass(frozen=True)
class CleanSample:
    """Puts sampled clean opportunities with their plans into the memory."""

    dimensions: Mapping[str, pl.DataFrame]

    def __call__(self, ws: Workspace, rows: pl.DataFrame) -> None:
        """Every table that `clean` made; those with a row per opportunity of the sample only."""
        made = ws.record("clean").tables
        ordered = rows.sort(KEY)
        found = {"crm_data_processed": ordered.select(*CLEAN_SCHEMA), **self.dimensions}
        if "plans" in made:
            has_plan = pl.any_horizontal(pl.col(PLAN_COLUMNS).is_not_null())
            found["plans"] = ordered.filter(has_plan).select(*PLAN_SCHEMA)
        ws.memo |= {f"{name}@{made[name]}": frame for name, frame in found.items()}


def clean_sample(ws: Workspace, tables: ClusterTables) -> tuple[Frame, CleanSample]:
    """A sample of model.max_judged known opportunities with their plans, and how to put it."""
    model, engine = ws.settings.model, tables.engine
    rows = tables.known_opportunities()
    sample = engine.sampled(rows, KEY, at_most=model.max_judged, seed=model.seed)
    plans = tables.read("plans", "clean")
    if plans is not None:
        sample = sample.join(plans, on=KEY, how="left")
    return sample, CleanSample(dimensions_of(ws))


def dimensions_of(ws: Workspace) -> dict[str, pl.DataFrame]:
    """The clean dimension tables, which are small."""
    made = ws.record("clean").tables
    return {name: ws.load(name, "clean") for name in DIMENSIONS if name in made}


def _silent(_what: str, _share: float) -> None:
    """Nobody looks at a task's progress."""
