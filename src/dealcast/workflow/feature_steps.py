"""The step of the features: the descriptive table, and what was known on each snapshot date."""

import logging
from collections import Counter
from typing import Any

from dealcast.features.descriptive import CrmFeatures, describe
from dealcast.features.split import divide
from dealcast.workflow.memory import memory_allowed, rows_per_batch
from dealcast.workflow.snapshot_parts import write_snapshots
from dealcast.workflow.workspace import Made, Workspace

logger = logging.getLogger(__name__)

# What describing an opportunity of a batch takes at its peak; larger batches are not faster.
DESCRIBING_BYTES, DESCRIBING_GB = 2_000, 1.0


def features(ws: Workspace) -> Made:
    """The descriptive table for people, and what was known on each snapshot date for the model."""
    made = Made()
    figures = _describe(ws, made)
    made.figures = {**figures, **write_snapshots(ws, made)}
    return made


def _describe(ws: Workspace, made: Made) -> dict[str, Any]:
    """Save `crm_features`, its split, and what was fitted for it; returns the figures."""
    opportunities, settings = ws.crm_tables().opportunities, ws.settings.features
    description = describe(ws.crm_tables())
    divided = divide(
        opportunities, settings.split, test_share=settings.test_share, seed=ws.settings.model.seed
    )
    parts: Counter[str] = Counter()
    with ws.parts(made, "crm_features") as table, ws.parts(made, "crm_features_split") as split:
        for batch in description.batches(_batch_rows(ws, description.rows)):
            table.add(batch)
            own = divided.parts(batch)
            split.add(own)
            parts.update(dict(own["part"].value_counts().iter_rows()))
            ws.progress("crm_features", table.rows / max(description.rows, 1))
    made.objects["transforms"] = f"runs/{ws.run_id}/transforms.parquet"
    ws.store.put_object(made.objects["transforms"], description.transforms.to_parquet())
    columns = len(CrmFeatures.column_names())
    logger.info("crm_features: %s rows x %d columns", f"{table.rows:,}", columns)
    return {
        "crm_features_rows": table.rows,
        "crm_features_columns": columns,
        "split": dict(parts.most_common()),
    }


def _batch_rows(ws: Workspace, rows: int) -> int:
    allowed = memory_allowed(ws.settings.engine.memory_gb)
    return rows_per_batch(
        rows, bytes_per_row=DESCRIBING_BYTES, memory_gb=min(DESCRIBING_GB, allowed / 8)
    )
