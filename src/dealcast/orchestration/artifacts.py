"""ARTIFACTS: what a step found, as a short markdown page beside its task in Prefect."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from dealcast.workflow.manifest import RunManifest, StepRecord
from dealcast.workflow.store import Store

ROWS_SHOWN = 10
NONE = "-"


@dataclass(frozen=True)
class Artifact:
    """A page: the step that makes it, its key in Prefect, and how it is written."""

    step: str
    key: str
    about: str
    written: Callable[[StepRecord, Store], str]


def quality(record: StepRecord, store: Store) -> str:
    """The score of the raw export and every check that failed."""
    report = store.require_json(record.objects["quality_raw"])
    failed = [r for r in report["results"] if r["outcome"] == "failed"]
    failed.sort(key=lambda r: -r["deduction"])
    lines = [
        (r["code"], r["title"], _count(r["rows"]), _number(r["deduction"], 4), r["remedy"])
        for r in failed[:ROWS_SHOWN]
    ]
    skipped = sum(r["outcome"] == "not applicable" for r in report["results"])
    return _page(
        "Quality of the export",
        f"Score **{record.figures['quality_raw']:.3f}** (1 is best). {len(failed)} of "
        f"{len(report['results'])} checks found something, {skipped} do not apply.",
        _table(("Check", "What", "Rows", "Deduction", "Remedy"), lines, of=len(failed)),
    )


def leak_gate(record: StepRecord, _store: Store) -> str:
    """What the leak gate left out, by which test."""
    leaks: Mapping[str, Sequence[str]] = record.figures["leaks"]
    lines = [(name, ", ".join(tests)) for name, tests in leaks.items()]
    return _page(
        "Leak gate",
        f"{record.figures['leak_gate']}.",
        _table(("Left out", "Failed"), lines[:ROWS_SHOWN], of=len(lines)),
    )


def evaluation(record: StepRecord, store: Store) -> str:
    """The verdict, and the figures on later dates, by horizon."""
    if "evaluation" not in record.objects:
        return _page("Evaluation", f"Not evaluated: {record.figures.get('not_evaluated')}")
    found = store.require_json(record.objects["evaluation"])
    lines = [
        (
            f"won within {h['horizon_days']} days",
            _count(h["n"]),
            _share(h["rate"]),
            _number(h["auc"]),
            _number(h["log_loss_skill"]),
            _share(h["ece"]),
        )
        for h in found["horizons"]
    ]
    columns = ("", "Snapshots", "Rate", "AUC", "Skill", "Calibration error")
    return _page("Evaluation", found["summary"], _table(columns, lines))


def forecast(record: StepRecord, store: Store) -> str:
    """Bookings to come, with intervals and what they are made of."""
    if "forecast" not in record.tables:
        return _page("Forecast", f"None: {record.figures.get('no_forecast')}")
    frame = store.load("forecast", version=record.tables["forecast"])
    months = frame.filter(pl.col("period_kind") != "week").sort("period_kind", "period_start")
    lines = [
        (
            f"{row['period_kind']} from {row['period_start']}",
            *(_count(row[part]) for part in ("forecast", "low", "high")),
            *(_count(row[part]) for part in ("booked", "pipeline", "new_business")),
        )
        for row in months.head(ROWS_SHOWN).to_dicts()
    ]
    columns = ("Period", "Forecast", "Low", "High", "Booked", "Pipeline", "New business")
    return _page(
        "Forecast of bookings",
        str(record.figures["forecast_summary"]),
        _table(columns, lines, of=months.height),
    )


def drift(record: StepRecord, store: Store) -> str:
    """What changed since training, and whether to train anew."""
    frame = store.load("drift", version=record.tables["drift"])
    found = frame.filter(pl.col("level").is_in(["warning", "alert"])).sort("level", "kind")
    lines = [
        (r["level"], r["kind"], r["what"], _number(r["effect"]), r["effect_unit"])
        for r in found.head(ROWS_SHOWN).to_dicts()
    ]
    reason = record.figures["retrain_reason"]
    return _page(
        "Drift",
        str(record.figures["drift_summary"]),
        _table(("Level", "Kind", "What", "Change", "Unit"), lines, of=found.height),
        f"The model is trained anew: {reason}." if reason else "The model stays.",
    )


ARTIFACTS: tuple[Artifact, ...] = (
    Artifact("validate", "quality-report", "How good the export is", quality),
    Artifact("audit", "leak-gate", "Features that know the outcome", leak_gate),
    Artifact("evaluate", "evaluation", "Is the model any good? A verdict", evaluation),
    Artifact("forecast", "forecast", "Bookings to come", forecast),
    Artifact("monitor", "drift", "What changed since training", drift),
)
LINKS = "run-links"


def links(manifest: RunManifest, store: Store) -> str:
    """Where the run's records lie: report, manifest, log, tables, and the run in MLflow.

    What is not there is left out.
    """
    sent = store.get_json(f"runs/{manifest.run_id}/mlflow.json") or {}
    drawn = [manifest.report_key] if store.has_object(manifest.report_key) else []
    places = [
        *(("Report", f"`{store.place(key)}`") for key in drawn),
        ("Manifest", f"`{store.place(manifest.key)}`"),
        ("Log", f"`{store.place(f'runs/{manifest.run_id}/run.log')}`"),
        ("Store", f"`{store.root}`"),
        *_mlflow(sent),
    ]
    steps = [
        (s.name, "unchanged" if s.skipped else f"{s.seconds:.1f} s", ", ".join(s.tables))
        for s in manifest.steps
    ]
    return _page(
        f"Run {manifest.run_id}",
        f"`dealcast runs show {manifest.run_id}` tells where every figure came from.",
        _table(("What", "Where"), places),
        _table(("Step", "Took", "Tables"), steps),
    )


def _mlflow(sent: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    run = sent.get("mlflow_run_id")
    if run and str(sent.get("uri")).startswith("http"):
        place = f"{sent['uri']}/#/experiments/{sent['experiment_id']}/runs/{run}"
        yield "MLflow", f"[{run}]({place})"
    elif run:
        yield "MLflow", f"run `{run}` in `{sent.get('uri')}`"


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *(p for p in parts if p)])


def _table(
    columns: Sequence[str], lines: Sequence[Sequence[object]], *, of: int | None = None
) -> str:
    """A markdown table; nothing where there are no lines. `of`: how many there are in all."""
    if not lines:
        return ""
    rows = [columns, ["---"] * len(columns), *lines]
    table = "\n".join("| " + " | ".join(_cell(c) for c in row) + " |" for row in rows)
    rest = (of or len(lines)) - len(lines)
    return f"{table}\n\n… and {rest} more" if rest > 0 else table


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _count(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


def _number(value: float | None, digits: int = 3) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return NONE if value is None else f"{value:.1%}"
