"""A client of MLflow with short time-outs, whose failures are ours to tell."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealcast.errors import ServiceAwayError, ServiceError
from dealcast.settings import TrackingSettings
from dealcast.tracking.mlflow.connection import (
    SQLITE,
    START,
    check_server,
    database_file,
    tracking_uri,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

# A request is tried once more, after a second; who is away for longer is told later.
RETRIES, BACK_OFF = 1, 1
PASSING = ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")
NOT_ANSWERED = ("failed with exception", "timeout exception", "Max retries")
# What a message from MLflow is cut to (characters): some hold whole web pages.
LONGEST = 300


@dataclass(frozen=True)
class Connection:
    """A client, where it asks, and the experiment that holds the runs."""

    client: "MlflowClient"
    uri: str
    experiment_id: str
    model_name: str


def connect(settings: TrackingSettings, root: object) -> Connection:
    """A client for the experiment of the settings, which is made where it is missing.

    Raises ServiceError, or ServiceAwayError where the server does not answer.
    """
    check_server(settings, root)
    uri = tracking_uri(settings, root)
    _prepare(settings)
    with quiet(), told(uri):
        import mlflow
        from mlflow import MlflowClient

        # Registering a model looks it up there, whatever the client was told.
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        return Connection(client, uri, _experiment(client, uri, settings), settings.model_name)


@contextmanager
def told(uri: str) -> Iterator[None]:
    """Turn what MLflow and its ways to artifacts raise into ServiceError or ServiceAwayError."""
    from mlflow.exceptions import MlflowException, RestException
    from requests.exceptions import RequestException

    failures: tuple[type[Exception], ...] = (
        MlflowException,
        RequestException,
        OSError,
        *_errors_of_s3(),
    )
    try:
        yield
    except failures as error:
        said = str(error).strip()[:LONGEST]
        passes = (
            isinstance(error, RequestException)
            or getattr(error, "error_code", None) in PASSING
            or (not isinstance(error, RestException) and any(n in said for n in NOT_ANSWERED))
        )
        if passes:
            raise ServiceAwayError(
                f"MLflow at {uri} does not answer: {said}", remedy=START
            ) from error
        raise ServiceError(
            f"MLflow at {uri} refused a request: {said}",
            remedy="see the log of the MLflow server; `dealcast doctor` checks the connection",
        ) from error


def _errors_of_s3() -> tuple[type[Exception], ...]:
    """What boto3 raises where artifacts go straight to S3."""
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return ()
    return (Boto3Error, BotoCoreError, ClientError)


@contextmanager
def quiet() -> Iterator[None]:
    """Without MLflow's own words: what matters is said by our log and our errors."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _prepare(settings: TrackingSettings) -> None:
    """MLflow is told by the environment alone how long to wait, and to keep silent."""
    os.environ |= {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(settings.timeout_seconds),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(RETRIES),
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": str(BACK_OFF),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }


def _experiment(client: "MlflowClient", uri: str, settings: TrackingSettings) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(settings.experiment)
    if found is not None and found.lifecycle_stage == "deleted":
        raise ServiceError(
            f"The MLflow experiment '{settings.experiment}' was deleted.",
            remedy=f"restore it (`mlflow experiments restore -x {found.experiment_id}`), or set "
            "tracking.experiment to another name",
        )
    if found is not None:
        return str(found.experiment_id)
    beside = None
    if uri.startswith(SQLITE):
        # Beside the database; else MLflow would use the folder in which the command was called.
        beside = (database_file(uri).parent / "artifacts").resolve().as_uri()
    try:
        return str(client.create_experiment(settings.experiment, artifact_location=beside))
    except MlflowException:
        # Somebody else has made it in the meantime.
        found = client.get_experiment_by_name(settings.experiment)
        if found is None:
            raise
        return str(found.experiment_id)
