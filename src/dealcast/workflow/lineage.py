"""From a run's scores back to model, tables, raw export, code and settings, and where they lie."""

from dataclasses import asdict
from typing import Any

from dealcast.settings import TrackingSettings
from dealcast.tracking.base import ModelVersion, open_registry
from dealcast.workflow.manifest import RunManifest, StepRecord
from dealcast.workflow.store import RAW_INDEX, Store
from dealcast.workflow.tables import table_named


def lineage(manifest: RunManifest, store: Store) -> dict[str, Any]:
    """Where everything in a run came from, JSON-ready; what it did not touch is None or empty."""
    steps = {record.name: record for record in manifest.steps}
    return {
        "scores": _scores(steps.get("score")),
        "model": _model(manifest, store),
        "tables": [
            {
                "table": name,
                "version": version,
                "made_by_step": record.name,
                "made_by_run": record.run_id,
                "place": store.place(table_named(name).path),
            }
            for record in manifest.steps
            for name, version in record.tables.items()
        ],
        "raw": _raw(steps.get("ingest"), store),
        "code": {run_id: _code(run_id, manifest, store) for run_id in _makers(manifest)},
        "mlflow": store.get_json(f"runs/{manifest.run_id}/mlflow.json"),
        "removed": [asdict(removal) for removal in manifest.removed],
    }


def _scores(record: StepRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "version": record.tables["scores"],
        "made_by_run": record.run_id,
        "rows": record.figures.get("open_opportunities"),
        "scored_with": record.objects.get("scored_with"),
    }


def _model(manifest: RunManifest, store: Store) -> dict[str, Any] | None:
    """The model that scored, or else the one that was trained."""
    figures = manifest.figures
    model_id = figures.get("scoring_model") or figures.get("model_id")
    if model_id is None:
        return None
    # The store's own registry: looking at a run asks no server.
    registry = open_registry(TrackingSettings(), store)
    champion = registry.champion()
    version = next((v for v in registry.versions() if v.model_id == model_id), None)
    return {
        "model_id": model_id,
        "why": figures.get("scoring_model_why") or figures.get("promotion"),
        "is_champion_now": champion is not None and champion.model_id == model_id,
        **(_registered(version, store) if version else {}),
        "mlflow": _in_mlflow(model_id, store),
    }


def _registered(version: ModelVersion, store: Store) -> dict[str, Any]:
    made = asdict(version)
    return {
        "trained_by_run": made["run_id"],
        "place": store.place(made["key"]),
        **{name: made[name] for name in ("estimator", "trained_until", "source")},
    }


def _in_mlflow(model_id: str, store: Store) -> dict[str, Any] | None:
    """Version and aliases in MLflow, as last seen; None where it was never sent."""
    kept = store.get_json("models/mlflow.json")
    if kept is None or model_id not in kept["versions"]:
        return None
    return {
        "uri": kept["uri"],
        "name": kept["model_name"],
        "version": kept["versions"][model_id],
        "aliases": [a for a, aliased in kept["aliases"].items() if aliased == model_id],
    }


def _raw(record: StepRecord | None, store: Store) -> dict[str, Any] | None:
    if record is None:
        return None
    raw = record.objects["raw"]
    return {
        "hash": raw,
        "source": record.figures.get("source_kind"),
        "rows": record.figures.get("rows_in"),
        "erased": (store.get_json(f"raw/{raw}/{RAW_INDEX}") or {}).get("erased", []),
        "place": store.place(f"raw/{raw}"),
    }


def _makers(manifest: RunManifest) -> list[str]:
    """This run, and those that made what it skipped."""
    return list(dict.fromkeys([manifest.run_id, *(s.run_id for s in manifest.steps)]))


def _code(run_id: str, manifest: RunManifest, store: Store) -> dict[str, str] | None:
    if run_id == manifest.run_id:
        return dict(manifest.code)
    made = store.get_json(f"runs/{run_id}/manifest.json")
    return None if made is None else dict(made["code"])
