"""A registered win model in MLflow: signature, input example, pinned requirements, no pickle."""

import json
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dealcast.tracking.base import ModelVersion
from dealcast.tracking.mlflow.client import Connection

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature

SERVED = Path(__file__).with_name("served.py")
# Tag by which a model or a version in MLflow is one of ours.
MODEL_TAG = "dealcast.model_id"
# As served.py asks for it.
ARTIFACT = "win_model"
NAME = "win-model"
MODEL_TYPE = "win model"
# What the served model runs on; pinned to what is installed here.
REQUIRED = (
    "dealcast",
    "mlflow",
    "dataframely",
    "narwhals",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "scipy",
)
BOOSTED = "lightgbm"


def log_model(
    connection: Connection,
    version_: ModelVersion,
    content: bytes,
    *,
    mlflow_run_id: str | None,
    tags: dict[str, str],
) -> str:
    """Write a model into MLflow and make it a version of the registered model; its number.

    `content`: the WinModel as JSON, which is kept beside it to the byte.
    """
    client = connection.client
    logged = _logged(connection, tags) or _log(connection, content, mlflow_run_id, tags)
    if mlflow_run_id is not None:
        _link(client, mlflow_run_id, logged)
    made = client.create_model_version(
        connection.model_name,
        source=f"models:/{logged}",
        run_id=mlflow_run_id,
        model_id=logged,
        tags=tags,
        description=f"{version_.estimator}, trained until {version_.trained_until}",
    )
    return str(made.version)


def _logged(connection: Connection, tags: dict[str, str]) -> str | None:
    """MLflow's id of a model that came there whole, but was not registered any more."""
    from mlflow.entities.logged_model_status import LoggedModelStatus

    found = connection.client.search_logged_models(
        [connection.experiment_id],
        filter_string=f"tags.`{MODEL_TAG}` = '{tags[MODEL_TAG]}'",
    )
    ready = (str(m.model_id) for m in found if m.status == LoggedModelStatus.READY)
    return next(ready, None)


def _log(
    connection: Connection, content: bytes, mlflow_run_id: str | None, tags: dict[str, str]
) -> str:
    """Write a model into MLflow; its id there."""
    from mlflow.entities.logged_model_status import LoggedModelStatus
    from mlflow.models import Model

    client = connection.client
    logged = client.create_logged_model(
        connection.experiment_id,
        name=NAME,
        source_run_id=mlflow_run_id,
        tags=tags,
        model_type=MODEL_TYPE,
    )
    about = Model(
        artifact_path=logged.artifact_location,
        run_id=mlflow_run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        metadata=tags,
    )
    with tempfile.TemporaryDirectory(prefix="dealcast-") as folder:
        write_model(Path(folder), content, about)
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    return str(logged.model_id)


def write_model(folder: Path, content: bytes, about: "Model | None" = None) -> None:
    """Write a WinModel (JSON) as a model that MLflow can load, into an empty folder."""
    from mlflow.pyfunc import save_model

    model = json.loads(content)
    with tempfile.TemporaryDirectory(prefix="dealcast-") as beside:
        artifact = Path(beside) / f"{ARTIFACT}.json"
        artifact.write_bytes(content)
        save_model(
            folder,
            python_model=SERVED,
            artifacts={ARTIFACT: str(artifact)},
            signature=_signature(model),
            input_example=(example(model), {"as_of": model["trained_until"]}),
            pip_requirements=_requirements(model),
            mlflow_model=about,
        )


def example(model: dict[str, Any]) -> Any:
    """Two made-up open opportunities, so that no customer's rows leave the store with a model."""
    import pandas as pd

    last = pd.Timestamp(model["trained_until"])
    return pd.DataFrame(
        {
            "opportunity_id": ["EXAMPLE1", "EXAMPLE2"],
            "sales_agent": ["Agent One", "Agent Two"],
            "product": ["Product A", "Product B"],
            "engage_date": [last - pd.Timedelta(days=10), last - pd.Timedelta(days=60)],
            "deal_stage": ["Engaging", "Engaging"],
        }
    )


def _signature(model: dict[str, Any]) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    text, number = DataType.string, DataType.double
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(text, "opportunity_id"),
        *(ColSpec(text, name, required=False) for name in ("sales_agent", "product", "account")),
        ColSpec(DataType.datetime, "engage_date"),
        ColSpec(text, "deal_stage", required=False),
    ]
    chances = [f"p_{way}_{h}" for h in model["horizons_days"] for way in ("won", "lost")]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(text, "opportunity_id"),
        *(ColSpec(number, name) for name in (*chances, "p_ever_won")),
        ColSpec(DataType.boolean, "is_stale"),
    ]
    as_of = ParamSpec("as_of", text, default=model["trained_until"])
    return ModelSignature(Schema(inputs), Schema(outputs), ParamSchema([as_of]))


def _requirements(model: dict[str, Any]) -> list[str]:
    names = (*REQUIRED, BOOSTED) if model["fitted"].get("boosted") else REQUIRED
    return [f"{name}=={v}" for name in names if (v := _installed(name))]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _link(client: Any, mlflow_run_id: str, model_id: str) -> None:
    """Show the model among the outputs of the run that trained it."""
    from mlflow.entities import LoggedModelOutput

    shown = client.get_run(mlflow_run_id).outputs
    if shown is not None and model_id in {m.model_id for m in shown.model_outputs}:
        return
    client.log_outputs(mlflow_run_id, [LoggedModelOutput(model_id, step=0)])
