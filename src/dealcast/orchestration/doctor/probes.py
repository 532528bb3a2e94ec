"""PROBES: all that the doctor looks at. The one table to add to."""

from dealcast.orchestration.doctor.clock import clock
from dealcast.orchestration.doctor.database import database
from dealcast.orchestration.doctor.disk import disk
from dealcast.orchestration.doctor.kaggle import kaggle_credentials
from dealcast.orchestration.doctor.mlflow_server import mlflow
from dealcast.orchestration.doctor.packages import packages, python
from dealcast.orchestration.doctor.prefect_server import prefect, schedules
from dealcast.orchestration.doctor.settings_files import config_folder, settings
from dealcast.orchestration.doctor.spec import Probe
from dealcast.orchestration.doctor.storage import storage
from dealcast.settings import Settings


def _always(settings: Settings) -> str:  # noqa: ARG001 - as the other conditions
    return ""


def _unless_sql(settings: Settings) -> str:
    kind = settings.source.kind
    return "" if kind == "sql" else f"No database is read: source.kind is '{kind}'."


def _unless_kaggle(settings: Settings) -> str:
    kind = settings.source.kind
    return "" if kind == "kaggle" else f"Kaggle is not asked: source.kind is '{kind}'."


def _unless_mlflow(settings: Settings) -> str:
    kind = settings.tracking.kind
    return "" if kind == "mlflow" else f"Runs are recorded in files: tracking.kind is '{kind}'."


def _unless_prefect(settings: Settings) -> str:
    kind = settings.orchestration.kind
    return "" if kind == "prefect" else f"Steps run in-process: orchestration.kind is '{kind}'."


PROBES: tuple[Probe, ...] = (
    Probe("Python", "Is this a Python that is tested?", python),
    Probe("packages", "Are the installed packages those that are tested?", packages),
    Probe("config folder", "Where are the files of settings?", config_folder),
    Probe("settings", "Are the settings valid, and where do they come from?", settings),
    Probe("storage", "Can an object be written, read, listed and deleted?", storage, _always),
    Probe("disk space", "Is there room on the disk?", disk),
    Probe("database", "Does the source's database answer a query?", database, _unless_sql),
    Probe("Kaggle", "Are there credentials for Kaggle?", kaggle_credentials, _unless_kaggle),
    Probe("MLflow", "Does MLflow answer, with a tested version?", mlflow, _unless_mlflow),
    Probe("Prefect", "Does Prefect answer, with a tested version?", prefect, _unless_prefect),
    Probe("schedules", "Are there deployments and a worker?", schedules, _unless_prefect),
    Probe("clock", "Does this clock agree with the servers'?", clock, _always),
)
