"""Runs side by side: how they went, how good the data were, what drifted, who was champion."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import Block, Charts, Lead, Nothing, figure
from dealcast.surfaces.tables.shape import Table, number
from dealcast.surfaces.words import count, counted, day
from dealcast.surfaces.words import figure as of_merit
from dealcast.tracking.base import ModelVersion, Promotion
from dealcast.workflow.manifest import RunManifest

Row = Mapping[str, Any]
SIGNS = {"done": "✓", "failed": "✗", "interrupted": "✗", "running": "…"}


def run_name(run_id: str) -> str:
    """A run's id as people read it.

    >>> run_name("20261130T071218Z-d25f")
    '30 Nov 2026 07:12:18 (d25f)'
    """
    try:
        when, _, tail = run_id.partition("-")
        started = datetime.strptime(when, "%Y%m%dT%H%M%S%z")
    except ValueError:
        return run_id
    return f"{day(started.date())} {started:%H:%M:%S} ({tail})"


def seconds_of(manifest: RunManifest) -> float | None:
    """How long the run took; None while it is going on."""
    if manifest.finished is None:
        return None
    ends = (datetime.fromisoformat(t) for t in (manifest.started, manifest.finished))
    started, finished = ends
    return (finished - started).total_seconds()


def runs(manifests: Sequence[RunManifest], root: str) -> Iterator[Block]:
    """The runs, newest first: when, how they ended, what they took and made."""
    ended = sum(m.status == "done" for m in manifests)
    yield Lead(
        f"{counted(len(manifests), 'run', 'runs')} in the store {root}, {count(ended)} done."
    )
    rows = [
        (
            run_name(m.run_id),
            f"{SIGNS.get(m.status, '')} {m.status}".strip(),
            number(seconds_of(m), lambda s: "-" if s is None else f"{s:,.1f}"),
            f"{sum(not s.skipped for s in m.steps)} of {len(m.steps)}",
            number(m.figures.get("rows_in"), count),
            number(m.figures.get("quality_raw"), of_merit),
            m.figures.get("model_id") or "-",
            m.error or "-",
        )
        for m in manifests
    ]
    columns = (
        "run", "status", ">seconds", ">steps taken", ">rows", ">quality", "model", "error",
    )  # fmt: skip
    yield Table("Runs, newest first", columns, rows, is_stacked=True)


def qualities(manifests: Sequence[RunManifest]) -> Iterator[Block]:
    """The quality score of the export and of what cleaning left of it, run by run."""
    points = pl.DataFrame(
        [
            {"when": datetime.fromisoformat(m.started).date(), "series": words,
             "value": m.figures[key]}
            for m in reversed(manifests)
            for key, words in (("quality_raw", "as exported"), ("quality_clean", "after cleaning"))
            if m.figures.get(key) is not None
        ],
        schema={"when": pl.Date, "series": pl.String, "value": float},
    ).unique(["when", "series"], keep="last", maintain_order=True)  # fmt: skip
    if points["when"].n_unique() > 1:
        yield Charts(
            (
                figure(
                    charts.course,
                    points,
                    what="Quality score",
                    title="Quality score by day of the run",
                    caption="Of several runs on one day the last is drawn.",
                ),
            )
        )


def checks(reports: Sequence[tuple[str, Row]]) -> Iterator[Block]:
    """Rows that each check found, run by run; (run, quality report), the newest first."""
    if not reports:
        yield Nothing("No run has checked an export yet.", "`dealcast run` checks one")
        return
    found = {
        name: {r["code"]: r for r in report["results"] if r["outcome"] != "passed"}
        for name, report in reports
    }
    titles = {
        code: result["title"]
        for of_run in found.values()
        for code, result in of_run.items()
        if result["outcome"] == "failed"
    }
    rows = [
        (f"{code} {title}", *(_rows_found(of_run.get(code)) for of_run in found.values()))
        for code, title in sorted(titles.items())
    ]
    scores: tuple[Any, ...] = (
        "score",
        *(number(report["score"], of_merit) for _, report in reports),
    )
    columns = ("check", *(f">{run_name(name)}" for name in found))
    yield Table("Rows that each check found, run by run", columns, [scores, *rows])


def _rows_found(result: Row | None) -> Any:
    if result is None:
        return number(0, count)
    return "does not apply" if result["outcome"] == "not applicable" else number(
        result["rows"], count
    )  # fmt: skip


def drifts(manifests: Sequence[RunManifest]) -> Iterator[Block]:
    """What each run said of drift, newest first."""
    rows = [
        (run_name(m.run_id), m.figures["drift"], m.figures["drift_summary"],
         m.figures.get("retrain_reason") or "-")
        for m in manifests
        if m.figures.get("drift")
    ]  # fmt: skip
    if rows:
        columns = ("run", "level", "what was found", "trained anew because")
        yield Table("What each run found, newest first", columns, rows, is_stacked=True)


def champions(
    promotions: Sequence[Promotion], versions: Sequence[ModelVersion], root: str
) -> Iterator[Block]:
    """Who became champion, when and why, newest first; the others that were registered."""
    if not promotions:
        yield Nothing("No model was ever champion.", f"`dealcast run --root {root}` trains one")
        return
    about = {v.model_id: v for v in versions}
    told = about.get(promotions[-1].model_id)
    yield Lead(
        f"Champion: {promotions[-1].model_id}"
        + (f", {told.estimator}, trained until {day(told.trained_until)}" if told else "")
        + f". Why: {promotions[-1].reason}."
    )
    rows = [(run_name(p.run_id), p.model_id, *_version(about, p), p.reason)
            for p in reversed(promotions)]  # fmt: skip
    columns = ("since run", "model", "estimator", "trained until", "why")
    yield Table("Champions, newest first", columns, rows, is_stacked=True)
    others = [v for v in versions if v.model_id not in {p.model_id for p in promotions}]
    if others:
        lines = [(v.model_id, v.estimator, day(v.trained_until), run_name(v.run_id))
                 for v in reversed(others)]  # fmt: skip
        heads = ("model", "estimator", "trained until", "by run")
        yield Table("Challengers that were not promoted", heads, lines, is_stacked=True)


def _version(about: Mapping[str, ModelVersion], promotion: Promotion) -> tuple[str, str]:
    version = about.get(promotion.model_id)
    return ("-", "-") if version is None else (version.estimator, day(version.trained_until))
