"""Where each run of the store is in MLflow, and whether it is there as it is here."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dealcast.tracking.base import Objects, Status
from dealcast.tracking.mlflow.client import Connection


@dataclass(frozen=True)
class Receipt:
    """That a run was begun or sent: in which MLflow, its id there, and how it had ended by then.

    `url`: its page, where a server shows one.
    """

    uri: str
    experiment_id: str
    mlflow_run_id: str
    status: str
    finished: str | None
    url: str | None


def keep_receipt(  # noqa: PLR0913, PLR0917 - what it says
    connection: Connection,
    objects: Objects,
    run_id: str,
    mlflow_run_id: str,
    status: Status,
    finished: str | None,
) -> None:
    """Note in the run's folder where it is in MLflow."""
    page = f"/#/experiments/{connection.experiment_id}/runs/{mlflow_run_id}"
    url = connection.uri + page if connection.uri.startswith("http") else None
    receipt = Receipt(
        connection.uri, connection.experiment_id, mlflow_run_id, status, finished, url
    )
    objects.put_object(_receipt_key(run_id), json.dumps(vars(receipt), indent=2).encode())


def receipt_of(objects: Objects, run_id: str) -> Receipt | None:
    """When and where a run was sent last; None where it never was."""
    content = objects.get_object(_receipt_key(run_id))
    return Receipt(**json.loads(content)) if content else None


def is_sent(connection: Connection, objects: Objects, run_id: str) -> bool:
    """Whether this MLflow has the run as it is in the store."""
    receipt = receipt_of(objects, run_id)
    manifest = ended(read_run(objects, run_id, "manifest.json"))
    return receipt is not None and (
        receipt.uri,
        receipt.experiment_id,
        receipt.status,
        receipt.finished,
    ) == (connection.uri, connection.experiment_id, manifest["status"], manifest["finished"])


def running_since(objects: Objects, run_id: str) -> datetime | None:
    """When a run began that has not said how it ended; None where it has."""
    manifest = read_run(objects, run_id, "manifest.json")
    return datetime.fromisoformat(manifest["started"]) if manifest["finished"] is None else None


def ended(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest; of a run that never said how it ended: killed, at a time unknown."""
    if manifest["finished"] is not None:
        return manifest
    return {**manifest, "status": "interrupted", "finished": manifest["started"]}


def read_run(objects: Objects, run_id: str, name: str) -> dict[str, Any]:
    """A JSON file of a run's folder; empty where there is none."""
    content = objects.get_object(f"runs/{run_id}/{name}")
    read: dict[str, Any] = json.loads(content) if content else {}
    return read


def _receipt_key(run_id: str) -> str:
    return f"runs/{run_id}/mlflow.json"
