"""What pages read of the store, once for all visitors.

What a run kept does not change when it has ended, and a table's version never does: what is kept
here by run is never out of date. Frames are shared, not copied, as no page changes one.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl
import streamlit as st

from dealcast.settings import TrackingSettings
from dealcast.surfaces.dashboard import pipeline
from dealcast.surfaces.dashboard.served import store
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.report.page import blocks_html
from dealcast.surfaces.report.parts import PARTS, write
from dealcast.tracking.base import ModelVersion, Promotion, open_registry
from dealcast.workflow.manifest import RunManifest, read_manifest, run_ids

# How old a list of runs may be (seconds), and how many runs are looked at.
FRESH, LATEST = 10, 50
# Runs whose tables are held at a time: the present one, and those looked back at.
HELD = 3


def latest_runs() -> list[str]:
    """Ids of the latest runs, newest first."""
    return _latest_runs(store().root)


def manifest(run_id: str) -> RunManifest | None:
    """The manifest of a run; None where it is gone."""
    return _manifest(store().root, run_id)


def manifests() -> list[RunManifest]:
    """Those of the latest runs, newest first."""
    return [m for m in map(manifest, latest_runs()) if m is not None]


def kept(run_id: str) -> Kept:
    """What a run kept."""
    return _kept(store().root, run_id)


def part(of: Kept, name: str) -> str:
    """A part of the report as HTML."""
    return _part(store().root, of.manifest.run_id, name, of)


def scores(of: Kept) -> pl.DataFrame:
    """The scores of a run, with regions."""
    version = of.records["score"].tables["scores"]
    return _scores(store().root, of.manifest.run_id, version, of)


def issued(of: Kept, opportunity_id: str) -> pl.DataFrame:
    """Every score of an opportunity that was issued until this run, the oldest first."""
    version = of.records["score"].tables["scores_issued"]
    return _issued(store().root, version, opportunity_id)


def quality_reports(runs: Sequence[RunManifest], shown: int) -> list[tuple[str, Any]]:
    """(run, its quality report) of the latest runs that checked an export and still have it."""
    keys = {
        step.objects["quality_raw"]: m.run_id
        for m in reversed(runs)
        for step in m.steps
        if "quality_raw" in step.objects
    }
    latest = list(reversed(keys.items()))[:shown]
    found = ((run_id, _object(store().root, key)) for key, run_id in latest)
    return [(run_id, report) for run_id, report in found if report is not None]


def registered() -> tuple[tuple[Promotion, ...], tuple[ModelVersion, ...]]:
    """Every change of champion, and every model; of the store's own registry."""
    return _registered(store().root)


def mlflow_page(run_id: str) -> str | None:
    """The page of a run in MLflow; None where it was not sent, or no server shows it."""
    receipt = _receipt(store().root, run_id)
    return receipt["url"] if receipt else None


def report_of(run: RunManifest) -> bytes | None:
    """The report of a run; None where it was not drawn."""
    return store().get_object(run.report_key)


def _has_ended(run: RunManifest | None) -> bool:
    return run is not None and run.finished is not None


def _is_of_ended(run: Kept) -> bool:
    return _has_ended(run.manifest)


@st.cache_data(ttl=FRESH, max_entries=4, show_spinner="Looking for runs …")
def _latest_runs(root: str) -> list[str]:  # noqa: ARG001 - the key
    return run_ids(store())[: -LATEST - 1 : -1]


@st.cache_resource(max_entries=4 * LATEST, validate=_has_ended, show_spinner="Reading runs …")
def _manifest(root: str, run_id: str) -> RunManifest | None:  # noqa: ARG001 - the key
    return read_manifest(store(), run_id)


@st.cache_resource(max_entries=HELD, validate=_is_of_ended, show_spinner="Reading the run …")
def _kept(root: str, run_id: str) -> Kept:  # noqa: ARG001 - the key
    found = manifest(run_id)
    if found is None:
        raise KeyError(run_id)
    return Kept(found, store())


@st.cache_data(ttl=60, max_entries=64, show_spinner="Drawing …")
def _part(root: str, run_id: str, name: str, _kept: Kept) -> str:  # noqa: ARG001 - the key
    return blocks_html(write(PARTS[name], _kept).blocks)


@st.cache_resource(max_entries=HELD, show_spinner="Reading the scores …")
def _scores(root: str, run_id: str, version: int, _kept: Kept) -> pl.DataFrame:  # noqa: ARG001
    return pipeline.with_regions(_kept)


@st.cache_resource(max_entries=200, show_spinner="Reading its history …")
def _issued(root: str, version: int, opportunity_id: str) -> pl.DataFrame:  # noqa: ARG001
    only = pl.col("opportunity_id") == opportunity_id
    return store().load("scores_issued", version=version, where=only)


@st.cache_resource(max_entries=40, show_spinner="Reading what was found …")
def _object(root: str, key: str) -> Any:  # noqa: ARG001 - the key
    return store().get_json(key)


@st.cache_data(ttl=FRESH, max_entries=4, show_spinner=False)
def _registered(root: str) -> tuple[tuple[Promotion, ...], tuple[ModelVersion, ...]]:  # noqa: ARG001
    registry = open_registry(TrackingSettings(), store())
    return registry.promotions(), registry.versions()


@st.cache_data(ttl=60, max_entries=4 * LATEST, show_spinner=False)
def _receipt(root: str, run_id: str) -> Any:  # noqa: ARG001 - the key
    return store().get_json(f"runs/{run_id}/mlflow.json")
