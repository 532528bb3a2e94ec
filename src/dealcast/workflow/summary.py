"""What a run came to, short enough to read and complete enough for scripts."""

from typing import Any

import polars as pl

from dealcast.contracts import most_valuable
from dealcast.quality.report import QualityReport
from dealcast.workflow.manifest import RunManifest, StepRecord
from dealcast.workflow.store import Store

TOP = 10


def summarise(manifest: RunManifest, store: Store) -> dict[str, Any]:
    """The run's figures as one flat JSON-ready tree; a step that did not run adds nothing."""
    steps = {record.name: record for record in manifest.steps}
    return {
        "run_id": manifest.run_id,
        "status": manifest.status,
        "environment": manifest.environment,
        "root": store.root,
        "seconds": round(sum(s.seconds for s in manifest.steps), 2),
        "steps": {n: "skipped" if s.skipped else s.seconds for n, s in steps.items()},
        **_without_bulk(manifest.figures),
        **_quality(steps, store),
        **_cleaning(steps, store),
        "top_opportunities": _top(steps, store, manifest.settings["engine"]["name"]),
        "tables": {t: v for s in manifest.steps for t, v in s.tables.items()},
        "manifest": store.place(manifest.key),
        "report": store.place(key) if store.has_object(key := manifest.report_key) else None,
    }


def quality_report(store: Store, key: str) -> QualityReport:
    """A quality report that a run wrote."""
    return QualityReport.from_dict(store.require_json(key))


def _without_bulk(figures: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in figures.items() if k not in ("formats", "reading")}


def _quality(steps: dict[str, StepRecord], store: Store) -> dict[str, Any]:
    if "validate" not in steps:
        return {}
    report = quality_report(store, steps["validate"].objects["quality_raw"])
    return {
        "quality_deductions": [
            {"code": r.code, "title": r.title, "rows": r.rows, "deduction": round(r.deduction, 4)}
            for r in report.results
            if r.deduction > 0
        ],
        "quality_notices": [
            {"code": r.code, "title": r.title, "rows": r.rows, "note": r.note}
            for r in report.failed()
            if not r.deduction
        ],
        "blank_by_design": report.blank_by_design,
    }


def _cleaning(steps: dict[str, StepRecord], store: Store) -> dict[str, Any]:
    if "clean" not in steps:
        return {}
    log = store.require_json(steps["clean"].objects["cleaning_log"])

    def did(action: str) -> list[dict[str, Any]]:
        return [
            {"code": r["code"], "title": r["title"], "table": r["table"], "rows": r["rows"]}
            for r in log["rules"]
            if r["rows"] and r["action"] == action
        ]

    return {
        "repairs": did("repair"),
        "set_aside": did("set aside"),
        "keys_repaired": log["keys_repaired"],
    }


def _top(steps: dict[str, StepRecord], store: Store, engine: str) -> list[dict[str, Any]]:
    # Of what a cluster scored nothing is fetched here.
    if "score" not in steps or engine == "spark":
        return []
    version, key = steps["score"].tables["scores"], ["opportunity_id", "expected_value"]
    live = store.load("scores", version=version, where=~pl.col("is_stale"), columns=key)
    top = pl.col("opportunity_id").is_in(most_valuable(live)["opportunity_id"].head(TOP).to_list())
    return most_valuable(store.load("scores", version=version, where=top)).to_dicts()
