"""Opportunities cleaned in tasks: rows of one id meet in one, else each by itself."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import narwhals as nw
import polars as pl

from dealcast.cells import COLUMNS, KEYS, PLAN_COLUMNS
from dealcast.cleaning.log import Applied, RowCount
from dealcast.cleaning.rows import CleanedRows, RowCleaner, added_up, tidy_keys
from dealcast.contracts import PROVENANCE, Opportunities, Plans, Quarantine
from dealcast.engines.base import Frame
from dealcast.engines.spark.engine import SparkEngine
from dealcast.workflow.cluster.reading import RawRows

TABLE = "opportunities"
TOGETHER = "(together)"
CLEAN, ASIDE, LOG = "clean", "aside", "log"
# Rows of a task: it takes about a kilobyte for each at its peak.
ROWS_PER_TASK = 200_000
CLEAN_SCHEMA = Opportunities.create_empty().schema
PLAN_SCHEMA = Plans.create_empty().schema
ASIDE_SCHEMA = Quarantine.create_empty().schema
# Clean rows with what is planned, rows set aside, and a log of each task, in one frame.
_COLUMNS: dict[str, Any] = {
    "kind": pl.String,
    **CLEAN_SCHEMA,
    **PLAN_SCHEMA,
    **ASIDE_SCHEMA,
    LOG: pl.String,
}
SCHEMA = pl.Schema(_COLUMNS)
KEYED = pl.Schema(
    {PROVENANCE[0]: pl.String, PROVENANCE[1]: pl.UInt32}
    | dict.fromkeys((*COLUMNS[TABLE], TOGETHER), pl.String)
)


@dataclass(frozen=True)
class WithKeys:
    """A kernel: raw rows with what they are brought together by, corrected and tidy as cleaned.

    A row without an id stays by itself.
    """

    cleaner: RowCleaner

    def __call__(self, raw: pl.DataFrame) -> pl.DataFrame:
        """The rows and the column TOGETHER."""
        ids = tidy_keys(raw, self.cleaner.context)
        alone = pl.format("{} {}", *PROVENANCE)
        return raw.with_columns(ids.alias(TOGETHER)).with_columns(
            pl.coalesce(TOGETHER, alone).alias(TOGETHER)
        )


@dataclass(frozen=True)
class CleanTogether:
    """A kernel: all raw rows of some ids in, SCHEMA out."""

    cleaner: RowCleaner

    def __call__(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Cleaned in the order of the files, so that the same row of several is the copy."""
        columns = [c for c in COLUMNS[TABLE] if c in self.cleaner.present]
        ordered = raw.select(*PROVENANCE, *columns).sort(PROVENANCE)
        cleaned = self.cleaner(ordered)
        clean = cleaned.opportunities.join(cleaned.plans, on=KEYS[TABLE], how="left")
        log = pl.DataFrame({LOG: [_told(cleaned)]})
        return pl.concat(
            [
                SCHEMA.to_frame(),
                *(
                    part.with_columns(kind=pl.lit(kind))
                    for kind, part in ((CLEAN, clean), (ASIDE, cleaned.quarantine), (LOG, log))
                ),
            ],
            how="diagonal_relaxed",
        )


@dataclass(frozen=True)
class ClusterClean:
    """Opportunities cleaned: `rows` (SCHEMA) in the cluster, what was done to them here."""

    rows: Frame
    rules: tuple[Applied, ...]
    count: RowCount
    corrected: frozenset[str]

    @property
    def opportunities(self) -> Frame:
        """Clean ones, in the columns of their contract."""
        return self._kind(CLEAN).select(*CLEAN_SCHEMA)

    @property
    def plans(self) -> Frame:
        """One row per open opportunity for which something is planned."""
        planned = [~nw.col(c).is_null() for c in PLAN_COLUMNS]
        return (
            self._kind(CLEAN)
            .filter(nw.any_horizontal(*planned, ignore_nulls=True))
            .select(*PLAN_SCHEMA)
        )

    @property
    def quarantine(self) -> Frame:
        """Rows set aside."""
        return self._kind(ASIDE).select(*ASIDE_SCHEMA)

    def _kind(self, kind: str) -> Frame:
        return self.rows.filter(nw.col("kind") == kind)


def clean_opportunities(engine: SparkEngine, raw: RawRows, cleaner: RowCleaner) -> ClusterClean:
    """The opportunities, cleaned where they are. Raises DealcastError where rows are lost."""
    keyed = engine.mapped(raw.opportunities, WithKeys(cleaner), KEYED)
    parts = max(engine.parallel, ceil(raw.rows / ROWS_PER_TASK))
    rows = engine.kept(
        engine.mapped_together(keyed, TOGETHER, CleanTogether(cleaner), SCHEMA, partitions=parts)
    )
    logs = engine.collect(rows.filter(nw.col("kind") == LOG).select(LOG))[LOG].sort()
    told = [json.loads(text) for text in logs]
    kinds = dict(engine.collect(rows.group_by("kind").agg(nw.len().alias("rows"))).iter_rows())
    return ClusterClean(
        rows,
        added_up([_rules(t["rules"]) for t in told]),
        RowCount(TABLE, raw.rows, kinds.get(CLEAN, 0), kinds.get(ASIDE, 0)),
        frozenset(name for t in told for name in t["corrected"]),
    )


def _told(cleaned: CleanedRows) -> str:
    rules = [asdict(rule) for rule in cleaned.rules]
    return json.dumps({"rules": rules, "corrected": sorted(cleaned.corrected)})


def _rules(content: Iterable[Mapping[str, Any]]) -> tuple[Applied, ...]:
    return tuple(Applied(**{**rule, "examples": tuple(rule["examples"])}) for rule in content)
