"""A run of the store written into MLflow: begun, then sent whole, as often as wanted."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from dealcast.tracking.base import Objects, Status
from dealcast.tracking.local import DATASETS, FOLDS, METRICS, PARAMS
from dealcast.tracking.mlflow.client import Connection
from dealcast.tracking.mlflow.figures import figures
from dealcast.tracking.mlflow.receipts import ended, keep_receipt, read_run

# Tags by which a run is found again, and its note on the page of MLflow.
RUN_TAG, NOTE_TAG, COMMIT_TAG = "dealcast.run_id", "mlflow.note.content", "mlflow.source.git.commit"
STATUS: Mapping[Status, str] = {
    "running": "RUNNING",
    "done": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
# Sections of the settings that figures depend on; the others say where things are kept.
PARAMETERS = (
    "data",
    "source",
    "quality",
    "cleaning",
    "features",
    "model",
    "audit",
    "forecast",
    "monitoring",
)
# Files of a run's folder that are sent; others hold rows of customers, or are large.
ARTIFACTS = (
    "manifest.json",
    "run.log",
    "quality_raw.json",
    "quality_clean.json",
    "cleaning_log.json",
    "leak_audit.json",
    "evaluation.json",
    "contest.json",
    "forecast.json",
    "drift.json",
)
HIDDEN = "**********"
# What MLflow takes in one request (count), and in one value (characters).
BATCH, LONGEST_VALUE, LONGEST_DIGEST = 100, 6_000, 36
# Figures that make the note of a run, and what stands before them.
NOTES = {
    "summary": "",
    "promotion": "Model: ",
    "forecast_summary": "Forecast: ",
    "drift_summary": "Drift: ",
}


def begin_run(connection: Connection, run_id: str, started: datetime) -> str:
    """The run in MLflow, made now where it is not there; its id."""
    client, experiment = connection.client, connection.experiment_id
    found = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{run_id}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    made = client.create_run(
        experiment,
        start_time=_milliseconds(started),
        run_name=run_id,
        tags={RUN_TAG: run_id, "mlflow.source.name": "dealcast"},
    )
    return str(made.info.run_id)


def end_run(
    connection: Connection,
    mlflow_run_id: str,
    status: Status,
    finished: datetime,
    error: str | None,
) -> None:
    """Say how it ended, and why where it failed."""
    if error:
        connection.client.set_tag(mlflow_run_id, "dealcast.error", error[:LONGEST_VALUE])
    connection.client.set_terminated(mlflow_run_id, STATUS[status], _milliseconds(finished))


def send_run(connection: Connection, objects: Objects, run_id: str) -> str:
    """Write a run that has ended into MLflow from what lies in the store; its id there.

    Sent again, it is the same run with the same content. One that never said how it ended was
    killed.
    """
    manifest = ended(read_run(objects, run_id, "manifest.json"))
    started, finished = (datetime.fromisoformat(manifest[k]) for k in ("started", "finished"))
    mlflow_run_id = begin_run(connection, run_id, started)
    _send_values(connection, mlflow_run_id, objects, manifest)
    _send_data(connection, mlflow_run_id, objects, manifest)
    _send_files(connection, mlflow_run_id, objects, run_id)
    status: Status = manifest["status"]
    end_run(connection, mlflow_run_id, status, finished, manifest["error"])
    keep_receipt(connection, objects, run_id, mlflow_run_id, status, manifest["finished"])
    return mlflow_run_id


def _send_values(
    connection: Connection, mlflow_run_id: str, objects: Objects, manifest: Mapping[str, Any]
) -> None:
    """Parameters, metrics with the folds as steps, and tags."""
    from mlflow.entities import Metric, Param, RunTag

    run_id, at = manifest["run_id"], _milliseconds(datetime.fromisoformat(manifest["finished"]))
    params = _parameters(manifest["settings"]) | read_run(objects, run_id, PARAMS)
    metrics = [
        Metric(name, value, at, 0)
        for name, value in read_run(objects, run_id, METRICS).items()
        if value is not None
    ]
    metrics += [
        Metric(name, value, at, int(step))
        for name, by_step in read_run(objects, run_id, FOLDS).items()
        for step, value in by_step.items()
    ]
    client = connection.client
    for part in _batches([Param(n, str(v)[:LONGEST_VALUE]) for n, v in params.items()]):
        client.log_batch(mlflow_run_id, params=part)
    for part in _batches(metrics):
        client.log_batch(mlflow_run_id, metrics=part)
    tags = _tags(manifest, str(objects.root))
    for part in _batches([RunTag(n, v[:LONGEST_VALUE]) for n, v in tags.items()]):
        client.log_batch(mlflow_run_id, tags=part)


def _parameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key, without secrets and places."""
    flat = dict(_flattened({name: settings[name] for name in PARAMETERS if name in settings}))
    return {key: value for key, value in flat.items() if value not in (None, HIDDEN)}


def _flattened(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and before == "":
            yield from _flattened(value, f"{name}.")
        else:
            yield f"{before}{name}", json.dumps(value) if isinstance(value, dict) else value


def _tags(manifest: Mapping[str, Any], root: str) -> dict[str, str]:
    """Code, libraries, tables and raw export: where everything in the run came from."""
    steps = manifest["steps"]
    figures = {k: v for step in steps for k, v in step["figures"].items()}
    made = {t: v for step in steps for t, v in step["tables"].items()}
    raw = next((s["objects"]["raw"] for s in steps if "raw" in s["objects"]), None)
    tags = {
        "dealcast.environment": manifest["environment"],
        "dealcast.store": root,
        "dealcast.raw": raw,
        "dealcast.skipped": ", ".join(s["name"] for s in steps if s["skipped"]) or None,
        "dealcast.scoring_model": figures.get("scoring_model"),
        COMMIT_TAG: manifest["code"].get("commit"),
        NOTE_TAG: "\n\n".join(
            f"{before}{figures[name]}" for name, before in NOTES.items() if figures.get(name)
        ),
        **{f"code.{name}": v for name, v in manifest["code"].items()},
        **{f"table.{name}": v for name, v in made.items()},
    }
    return {name: str(value) for name, value in tags.items() if value not in (None, "")}


def _send_data(
    connection: Connection, mlflow_run_id: str, objects: Objects, manifest: Mapping[str, Any]
) -> None:
    """The data sets that the run used, whichever run made them."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    makers = [s["run_id"] for s in manifest["steps"] if s["name"] == "clean"]
    inputs = [
        DatasetInput(
            Dataset(
                name=name,
                digest=f"{data['digest']}-v{data['version']}"[:LONGEST_DIGEST],
                source_type="delta_table",
                source=json.dumps(
                    {
                        "path": f"{objects.root}/{data['table']}",
                        "delta_table_version": data["version"],
                    }
                ),
                schema=json.dumps({"mlflow_colspec": _columns(data["schema"])}),
                profile=json.dumps({"num_rows": data["rows"]}),
            ),
            [
                InputTag("mlflow.data.context", "training"),
                InputTag("dealcast.raw", data["digest"]),
                InputTag("dealcast.table_version", str(data["version"])),
            ],
        )
        for maker in makers
        for name, data in read_run(objects, maker, DATASETS).items()
    ]
    if inputs:
        connection.client.log_inputs(mlflow_run_id, inputs)


def _columns(schema: Mapping[str, str]) -> list[dict[str, Any]]:
    """Columns in MLflow's words for types."""
    words = {"Float64": "double", "Int64": "long", "Int32": "integer", "Boolean": "boolean"}
    return [
        {
            "name": name,
            "type": "datetime" if kind.startswith("Date") else words.get(kind, "string"),
            "required": False,
        }
        for name, kind in schema.items()
    ]


def _send_files(connection: Connection, mlflow_run_id: str, objects: Objects, run_id: str) -> None:
    """Reports, manifest and log; tables as CSV; and the figures drawn from them."""
    prefix = f"runs/{run_id}/"
    names = [key.removeprefix(prefix) for key in objects.list_objects(f"runs/{run_id}")]
    tables: dict[str, pl.DataFrame] = {}
    with tempfile.TemporaryDirectory(prefix="dealcast-") as folder:
        for name in names:
            if name not in ARTIFACTS and not name.startswith("tables/"):
                continue
            content = objects.get_object(prefix + name) or b""
            target = Path(folder) / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content)
            if target.suffix == ".csv" and content.strip():
                tables[target.stem] = pl.read_csv(BytesIO(content), infer_schema_length=None)
        for name, figure in figures(tables):
            target = Path(folder) / "figures" / f"{name}.png"
            target.parent.mkdir(exist_ok=True)
            figure.savefig(target, dpi=144)
        connection.client.log_artifacts(mlflow_run_id, folder)


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
