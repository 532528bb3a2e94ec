"""The step of the features: the descriptive table, and what was known on each snapshot date."""

import logging
from typing import Any

from dealcast.features.descriptive import build_crm_features
from dealcast.features.split import split
from dealcast.workflow.snapshot_parts import write_snapshots
from dealcast.workflow.workspace import Made, Workspace

logger = logging.getLogger(__name__)


def features(ws: Workspace) -> Made:
    """The descriptive table for people, and what was known on each snapshot date for the model."""
    made = Made()
    figures = _describe(ws, made)
    made.figures = {**figures, **write_snapshots(ws, made)}
    return made


def _describe(ws: Workspace, made: Made) -> dict[str, Any]:
    """Save `crm_features`, its split, and what was fitted for it; returns the figures."""
    settings = ws.settings.features
    crm_features, transforms = build_crm_features(ws.crm_tables())
    with ws.parts(made, "crm_features") as table:
        table.add(crm_features)
    parts = split(
        crm_features, settings.split, test_share=settings.test_share, seed=ws.settings.model.seed
    )
    ws.save(made, "crm_features_split", parts)
    made.objects["transforms"] = f"runs/{ws.run_id}/transforms.json"
    ws.store.put_json(made.objects["transforms"], transforms.to_dict())
    logger.info(
        "crm_features: %s rows x %d columns", f"{crm_features.height:,}", crm_features.width
    )
    return {
        "crm_features_rows": crm_features.height,
        "crm_features_columns": crm_features.width,
        "split": dict(parts.group_by("part").len().sort("len", descending=True).iter_rows()),
    }
