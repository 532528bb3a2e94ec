"""STEPS: the order of the work. Each loads, calls a pure function, and saves.

The functions are named by path and loaded when they are first called, so that the names of the
steps cost nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dealcast.settings import EngineSettings
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
    run: "Callable[[Workspace], Made]"
    uses: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()
    asks_registry: bool = False


def loaded(path: str) -> "Callable[[Workspace], Made]":
    """The function `module:name` of the workflow, loaded when it is called."""
    module, name = path.split(":")

    def run(ws: "Workspace") -> "Made":
        made: Made = getattr(import_module(f"dealcast.workflow.{module}"), name)(ws)
        return made

    return run


STEPS: tuple[Step, ...] = (
    Step(
        "ingest",
        "fetch and keep the export",
        (),
        ("source", "privacy"),
        loaded("data_steps:ingest"),
    ),
    Step(
        "validate",
        "check the raw export and score its quality",
        ("ingest",),
        ("data", "quality", "cleaning"),
        loaded("data_steps:validate"),
    ),
    Step(
        "clean",
        "repair, set aside, check again",
        ("validate",),
        ("data", "cleaning"),
        loaded("data_steps:clean_export"),
        watches=("corrections",),
    ),
    Step(
        "features",
        "build the descriptive and the point-in-time features",
        ("clean",),
        ("data", "engine", "features", "model"),
        loaded("feature_steps:features"),
    ),
    Step(
        "audit",
        "the leak gate: does any feature know the outcome?",
        ("clean", "features"),
        ("data", "features", "model", "audit"),
        loaded("data_steps:audit_features"),
    ),
    Step(
        "evaluate",
        "judge every way to learn on later dates, and choose one",
        ("clean", "features", "audit"),
        ("data", "features", "model"),
        loaded("evaluate_steps:evaluate_model"),
    ),
    Step(
        "train",
        "fit the win model, and let it contest the champion",
        ("clean", "audit", "evaluate"),
        ("data", "model", "audit"),
        loaded("model_steps:train_model"),
    ),
    Step(
        "score",
        "score the open opportunities, with reasons",
        ("clean",),
        ("data", "model"),
        loaded("model_steps:score_open"),
        uses=("train",),
        asks_registry=True,
    ),
    Step(
        "forecast",
        "bookings to come, tested at earlier origins",
        ("clean", "audit", "score"),
        ("data", "model", "forecast"),
        loaded("outlook_steps:forecast"),
        uses=("train",),
        asks_registry=True,
    ),
    Step(
        "monitor",
        "what changed since training, and do chances come true?",
        ("clean", "score"),
        ("data", "monitoring"),
        loaded("outlook_steps:monitor_drift"),
        uses=("evaluate", "train"),
        asks_registry=True,
    ),
)
# What does a step on a cluster (engine.name: spark), where its rows stay.
ON_CLUSTER: "dict[str, Callable[[Workspace], Made]]" = {
    "ingest": loaded("cluster.data_steps:ingest"),
    "validate": loaded("cluster.data_steps:validate_sample"),
    "clean": loaded("cluster.data_steps:clean_export"),
    "features": loaded("cluster.data_steps:features"),
    "audit": loaded("cluster.data_steps:audit_sample"),
    "evaluate": loaded("cluster.model_steps:evaluate_sample"),
    "train": loaded("cluster.model_steps:train_model"),
    "score": loaded("cluster.model_steps:score_open"),
}
STEP_NAMES = tuple(step.name for step in STEPS)

# job -> the steps that one schedule runs. A model that was never trained is trained first.
JOBS: dict[str, tuple[str, ...]] = {
    "daily": ("ingest", "validate", "clean", "features", "audit", "score", "forecast"),
    "train": ("features", "audit", "evaluate", "train", "score", "forecast"),
    "monitor": ("monitor",),
}


def function_of(step: Step, engine: "EngineSettings") -> "Callable[[Workspace], Made]":
    """What does the step: on a cluster, where Spark is chosen. Raises MissingExtraError."""
    if engine.name != "spark":
        return step.run
    from dealcast.engines.base import open_engine

    open_engine(engine)
    return ON_CLUSTER[step.name]
