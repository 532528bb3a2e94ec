"""STEPS: the order of the work. Each loads, calls a pure function, and saves."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from dealcast.engines.base import open_engine
from dealcast.settings import EngineSettings
from dealcast.workflow.data_steps import (
    audit_features,
    clean_export,
    features,
    ingest,
    validate,
)
from dealcast.workflow.model_steps import evaluate_model, score_open, train_model
from dealcast.workflow.outlook_steps import forecast, monitor_drift
from dealcast.workflow.workspace import Made, Workspace


@dataclass(frozen=True)
class Step:
    """One step: what it needs, which settings it reads, and the function that does it.

    What it `needs` must have been made from the present data; what it `uses`, such as a model
    trained last week, may be older. A step is skipped where its code, its sections of the
    settings, the extra tables it reads (`watches`), the champion (`asks_registry`) and what its
    needs and uses made are all as they were.
    """

    name: str
    about: str
    needs: tuple[str, ...]
    sections: tuple[str, ...]
    run: Callable[[Workspace], Made]
    uses: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()
    asks_registry: bool = False


STEPS: tuple[Step, ...] = (
    Step("ingest", "fetch and keep the export", (), ("source",), ingest),
    Step(
        "validate",
        "check the raw export and score its quality",
        ("ingest",),
        ("data", "quality", "cleaning"),
        validate,
    ),
    Step(
        "clean",
        "repair, set aside, check again",
        ("validate",),
        ("data", "cleaning"),
        clean_export,
        watches=("corrections",),
    ),
    Step(
        "features",
        "build the descriptive and the point-in-time features",
        ("clean",),
        ("data", "engine", "features", "model"),
        features,
    ),
    Step(
        "audit",
        "the leak gate: does any feature know the outcome?",
        ("clean", "features"),
        ("data", "features", "model", "audit"),
        audit_features,
    ),
    Step(
        "evaluate",
        "judge every way to learn on later dates, and choose one",
        ("clean", "features", "audit"),
        ("data", "features", "model"),
        evaluate_model,
    ),
    Step(
        "train",
        "fit the win model, and let it contest the champion",
        ("clean", "audit", "evaluate"),
        ("data", "model", "audit"),
        train_model,
    ),
    Step(
        "score",
        "score the open opportunities, with reasons",
        ("clean",),
        ("data", "model"),
        score_open,
        uses=("train",),
        asks_registry=True,
    ),
    Step(
        "forecast",
        "bookings to come, tested at earlier origins",
        ("clean", "audit", "score"),
        ("data", "model", "forecast"),
        forecast,
        uses=("train",),
        asks_registry=True,
    ),
    Step(
        "monitor",
        "what changed since training, and do chances come true?",
        ("clean", "score"),
        ("data", "monitoring"),
        monitor_drift,
        uses=("evaluate", "train"),
        asks_registry=True,
    ),
)
# What does a step on a cluster (engine.name: spark), where its rows stay.
_CLUSTER = "dealcast.workflow.cluster"
ON_CLUSTER: dict[str, str] = {
    "ingest": f"{_CLUSTER}.data_steps:ingest",
    "validate": f"{_CLUSTER}.data_steps:validate_sample",
    "clean": f"{_CLUSTER}.data_steps:clean_export",
    "features": f"{_CLUSTER}.data_steps:features",
    "audit": f"{_CLUSTER}.data_steps:audit_sample",
    "evaluate": f"{_CLUSTER}.model_steps:evaluate_sample",
    "train": f"{_CLUSTER}.model_steps:train_model",
    "score": f"{_CLUSTER}.model_steps:score_open",
}
STEP_NAMES = tuple(step.name for step in STEPS)

# job -> the steps that one schedule runs. A model that was never trained is trained first.
JOBS: dict[str, tuple[str, ...]] = {
    "daily": ("ingest", "validate", "clean", "features", "audit", "score", "forecast"),
    "train": ("features", "audit", "evaluate", "train", "score", "forecast"),
    "monitor": ("monitor",),
}


def function_of(step: Step, engine: EngineSettings) -> Callable[[Workspace], Made]:
    """What does the step: on a cluster, where Spark is chosen. Raises MissingExtraError."""
    if engine.name != "spark":
        return step.run
    open_engine(engine)
    module, name = ON_CLUSTER[step.name].split(":")
    function: Callable[[Workspace], Made] = getattr(import_module(module), name)
    return function
