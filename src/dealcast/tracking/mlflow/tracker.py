"""A run recorded in its folder, and in MLflow where that can be reached."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dealcast.errors import DealcastError, ServiceAwayError, ServiceError
from dealcast.settings import TrackingSettings
from dealcast.tracking.base import LogItem, Objects, Registry, Status
from dealcast.tracking.local import LocalRegistry, LocalTracker
from dealcast.tracking.mlflow.client import Connection, connect, quiet, told
from dealcast.tracking.mlflow.connection import check_server, would_make_a_file
from dealcast.tracking.mlflow.receipts import (
    is_sent,
    keep_receipt,
    receipt_of,
    running_since,
)
from dealcast.tracking.mlflow.registry import send_models
from dealcast.tracking.mlflow.sending import begin_run, end_run, send_run

logger = logging.getLogger(__name__)

# A run that says for so long that it is running was killed.
ABANDONED = timedelta(days=2)


class MlflowTracker(LocalTracker):
    """The local files, which always hold everything, sent to MLflow when the run has ended."""

    _connection: Connection | None = None
    _mlflow_run_id: str | None = None
    _is_refused = False
    _is_noted = False

    def start(self, started: datetime) -> None:
        """Begin the run in MLflow; where that is away, the end of the run tells.

        Raises ServiceError for another version, refused credentials or an old schema.
        """
        try:
            if would_make_a_file(self._settings, self._objects.root):
                # Nothing is written before the first step has read its input.
                check_server(self._settings, self._objects.root)
                return
            self._connection = connect(self._settings, self._objects.root)
            with quiet(), told(self._connection.uri):
                self._mlflow_run_id = begin_run(self._connection, self._run_id, started)
        except ServiceAwayError as error:
            logger.info("%s The run goes on.", error.problem)
        except DealcastError:
            self._is_refused = True
            raise

    def log(self, items: Iterable[LogItem]) -> None:
        """Write the items into the run's folder, and where the run is in MLflow."""
        super().log(items)
        if self._connection and self._mlflow_run_id and not self._is_noted:
            keep_receipt(
                self._connection, self._objects, self._run_id, self._mlflow_run_id, "running", None
            )
            self._is_noted = True

    def finish(self, status: Status, finished: datetime, error: str | None = None) -> None:
        """Send the run, its model and the aliases; what cannot be sent now stays to be sent."""
        if self._is_refused:
            return
        try:
            self._send(status, finished, error)
        except ServiceError as refused:
            logger.warning(
                "%s The run is recorded in the store all the same: `dealcast runs sync` sends it.",
                refused.problem,
            )

    def _send(self, status: Status, finished: datetime, error: str | None) -> None:
        is_recorded = self._objects.get_object(f"runs/{self._run_id}/manifest.json") is not None
        if not is_recorded and self._mlflow_run_id is None:
            return
        connection = self._connection or connect(self._settings, self._objects.root)
        with quiet(), told(connection.uri):
            if is_recorded:
                sent = send_run(connection, self._objects, self._run_id)
                registry = LocalRegistry(self._settings, self._objects)
                send_models(connection, registry, self._objects, {self._run_id: sent})
            elif self._mlflow_run_id is not None:
                end_run(connection, self._mlflow_run_id, status, finished, error)


@dataclass(frozen=True)
class Sent:
    """What was sent: our run ids, model ids; and the runs that are still running."""

    uri: str
    runs: tuple[str, ...]
    models: tuple[str, ...]
    running: tuple[str, ...]


def send_unsent(settings: TrackingSettings, objects: Objects, now: datetime) -> Sent:
    """Send every run and model that MLflow does not have as the store has it, oldest first.

    Raises ServiceError, or ServiceAwayError where MLflow does not answer.
    """
    connection = connect(settings, objects.root)
    registry: Registry = LocalRegistry(settings, objects)
    keys = objects.list_objects("runs")
    run_ids = sorted(k.split("/")[1] for k in keys if k.endswith("/manifest.json"))
    sent, running = [], []
    with quiet(), told(connection.uri):
        for run_id in run_ids:
            since = running_since(objects, run_id)
            if since is not None and now - since < ABANDONED:
                running.append(run_id)
            elif not is_sent(connection, objects, run_id):
                send_run(connection, objects, run_id)
                sent.append(run_id)
        receipts = {run_id: receipt_of(objects, run_id) for run_id in run_ids}
        known = {
            run_id: r.mlflow_run_id
            for run_id, r in receipts.items()
            if r is not None and r.uri == connection.uri
        }
        models = send_models(connection, registry, objects, known)
    return Sent(connection.uri, tuple(sent), tuple(models), tuple(running))
