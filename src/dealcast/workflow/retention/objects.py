"""Runs, models and raw exports that are to go: what they left, but not that they were."""

from collections.abc import Mapping
from itertools import groupby

from dealcast.workflow.manifest import RunManifest
from dealcast.workflow.objects import Entry
from dealcast.workflow.retention.needs import Needs
from dealcast.workflow.retention.spec import Found, Keep
from dealcast.workflow.store import Store

REPORTS, OF_RUNS, MODELS, RAW = "reports", "other objects of runs", "models", "raw exports"
# What was done, and where else it is recorded, is small and stays.
KEPT_OF_A_RUN = ("manifest.json", "mlflow.json")
KEPT_OF_MODELS = ("registry.json", "mlflow.json")


def look_at_runs(
    store: Store,
    kept: Mapping[str, tuple[RunManifest, str]],
    needs: Needs,
    keep: Keep,
    found: Found,
) -> None:
    """Note what old runs left: all but their manifests, and what is still needed of them."""
    for _, reason in kept.values():
        found.stays("runs", reason)
    for entry in store.entries("runs"):
        _, run_id, *rest = entry.key.split("/")
        name = "/".join(rest)
        if not name or name in KEPT_OF_A_RUN or run_id in kept:
            continue
        if why := needs.objects.get(entry.key):
            found.stays("objects of older runs", why)
        elif not keep.spares(entry.written):
            found.goes(REPORTS if name == "report.html" else OF_RUNS, entry)


def look_at_models(store: Store, needs: Needs, keep: Keep, found: Found) -> None:
    """Note the models that nobody scores with, and no run that is kept has made."""
    for entry in store.entries("models"):
        if entry.key.removeprefix("models/") in KEPT_OF_MODELS:
            continue
        if why := needs.objects.get(entry.key):
            found.stays("models", why)
        elif entry.written >= min(keep.since, keep.spared):
            found.stays("models", "written since")
        else:
            found.goes(MODELS, entry)


def look_at_raw(store: Store, needs: Needs, keep: Keep, found: Found) -> None:
    """Note the raw exports that no run needs which is kept."""

    def export(entry: Entry) -> str:
        return entry.key.split("/")[1]

    for raw_hash, files in groupby(store.entries("raw"), export):
        entries = list(files)
        if why := needs.raw.get(raw_hash):
            found.stays("raw exports", why)
        elif any(keep.spares(entry.written) for entry in entries):
            found.stays("raw exports", "too new: a run may be in progress")
        else:
            found.goes(RAW, *entries)
