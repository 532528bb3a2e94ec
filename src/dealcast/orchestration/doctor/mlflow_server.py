"""Can MLflow be used? A server, or a SQLite file beside the store."""

from dealcast.orchestration.doctor.spec import ANSWER_SECONDS, Finding, Setup, ok
from dealcast.tracking.mlflow.connection import check_server, installed, tracking_uri
from dealcast.workflow.location import locate


def mlflow(setup: Setup) -> Finding:
    """Version of server and client, and whether a request gets through to the database."""
    settings = setup.settings.tracking
    root = locate(setup.settings.storage, setup.environment).root
    uri = tracking_uri(settings, root)
    seconds = min(settings.timeout_seconds, ANSWER_SECONDS)
    found = check_server(settings.model_copy(update={"timeout_seconds": seconds}), root)
    if uri.startswith("sqlite"):
        return ok(f"MLflow {found} keeps its records in {uri}.")
    return ok(
        f"The MLflow server at {uri} is {found}, the client {installed()}; its database answers."
    )
