"""What the present state of a store needs, and what each run that is kept needs; and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dealcast.settings import TrackingSettings
from dealcast.tracking.base import open_registry
from dealcast.workflow.manifest import RunManifest, StepRecord, load_latest_steps
from dealcast.workflow.renewal import MADE_FROM
from dealcast.workflow.store import Store

NEXT_RUN = "the next run goes on from it"
# Named among a step's objects, and no keys of the store.
NO_KEYS = ("raw", "reading")


@dataclass
class Needs:
    """Table versions, keys of objects and raw exports that must stay, each with the reason.

    The first reason counts.
    """

    versions: dict[tuple[str, int], str] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)

    def add(self, records: Iterable[StepRecord], why: str) -> None:
        """Add what steps made."""
        for record in records:
            self.add_versions(record.tables, why)
            for name, key in record.objects.items():
                if name == "raw":
                    self.raw.setdefault(key, why)
                elif name not in NO_KEYS:
                    self.objects.setdefault(key, why)

    def add_versions(self, tables: Mapping[str, int], why: str) -> None:
        """Add versions of tables."""
        for name, version in tables.items():
            self.versions.setdefault((name, version), why)


def needs_of(store: Store, kept: Mapping[str, tuple[RunManifest, str]]) -> Needs:
    """What must stay: for the next run, for whoever scores, and for the runs that are kept."""
    needs = Needs()
    latest = load_latest_steps(store)
    needs.add(latest.values(), NEXT_RUN)
    if "features" in latest and (key := latest["features"].objects.get(MADE_FROM)):
        made_from = store.get_json(key) or {"tables": {}}
        needs.add_versions(made_from["tables"], "features are renewed from it")
    for key, why in _models(store).items():
        needs.objects.setdefault(key, why)
    for run_id, (manifest, why) in kept.items():
        needs.add((*manifest.steps, *manifest.earlier), f"run {run_id} is kept: {why}")
        if manifest.began is not None:
            again = f"to make run {run_id} again"
            needs.add(manifest.began.records, again)
            needs.add_versions(manifest.began.tables, again)
    return needs


def _models(store: Store) -> dict[str, str]:
    """The keys of the models that score, may score again, or are looked at in MLflow."""
    registry = open_registry(TrackingSettings(), store)
    keys = {version.model_id: version.key for version in registry.versions()}
    wanted = {promoted.model_id: "it was champion" for promoted in registry.promotions()}
    in_mlflow = (store.get_json("models/mlflow.json") or {"aliases": {}})["aliases"]
    wanted |= {model_id: f"@{alias} in MLflow" for alias, model_id in in_mlflow.items()}
    if keys:
        wanted[list(keys)[-1]] = "the newest model"
    if champion := registry.champion():
        wanted[champion.model_id] = "the champion"
    return {keys[model_id]: why for model_id, why in wanted.items() if model_id in keys}
