"""The model registry of the store, mirrored to MLflow: versions, @champion and @challenger."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from dealcast.errors import ServiceError
from dealcast.settings import TrackingSettings
from dealcast.tracking.base import ModelVersion, Objects, Promotion, Registry
from dealcast.tracking.local import LocalRegistry
from dealcast.tracking.mlflow.client import Connection, connect, quiet, told
from dealcast.tracking.mlflow.models import MODEL_TAG, log_model

logger = logging.getLogger(__name__)

CHAMPION, CHALLENGER = "champion", "challenger"
# Instead of a run, and why, where a person has moved the alias.
THERE, PROMOTED_THERE = "MLflow", "promoted in MLflow"
KEPT = "models/mlflow.json"


@dataclass
class Mirrored:
    """What MLflow was last seen to hold: version number by model id, model id by alias."""

    uri: str
    model_name: str
    versions: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)


class MlflowRegistry(LocalRegistry):
    """models/registry.json, which decides; promotions move the alias in MLflow at once.

    A model comes to MLflow with the run that trained it. Where MLflow is away, a promotion
    stands all the same, and the alias follows with the next run or `dealcast runs sync`.
    """

    def promote(self, promotion: Promotion) -> None:
        """Make a registered model the champion, here and in MLflow."""
        super().promote(promotion)
        with_mlflow(self._settings, self._objects, lambda c: move_aliases(c, self, self._objects))

    def refresh(self) -> None:
        """Take over an alias that was moved in MLflow, as a promotion."""
        if _may_be_moved(self, self._objects):
            with_mlflow(
                self._settings,
                self._objects,
                lambda c: adopt_alias(c, self, self._objects),
                level=logging.INFO,
            )


def with_mlflow(
    settings: TrackingSettings,
    objects: Objects,
    do: Callable[[Connection], None],
    *,
    level: int = logging.WARNING,
) -> None:
    """Do something in MLflow; where it cannot be reached, say so and go on."""
    try:
        connection = connect(settings, objects.root)
        with quiet(), told(connection.uri):
            do(connection)
    except ServiceError as error:
        logger.log(
            level,
            "%s The store has the whole record: `dealcast runs sync` sends it.",
            error.problem,
        )


def send_models(
    connection: Connection, registry: Registry, objects: Objects, runs: Mapping[str, str]
) -> list[str]:
    """Write every registered model that MLflow does not have yet, and move the aliases.

    `runs`: MLflow's id of a run by ours. A model whose run lies in the store and was not sent yet
    waits for it: its version names its run, once and for all. Returns the ids of those sent.
    """
    there = versions_there(connection)
    sent = []
    for version in registry.versions():
        if version.model_id in there or _waits(version, objects, runs):
            continue
        content = objects.get_object(version.key)
        if content is None:
            logger.warning("model %s is not sent: %s is gone", version.model_id, version.key)
            continue
        tags = {f"dealcast.{name}": str(value) for name, value in asdict(version).items()}
        log_model(connection, version, content, mlflow_run_id=runs.get(version.run_id), tags=tags)
        sent.append(version.model_id)
    move_aliases(connection, registry, objects)
    return sent


def _waits(version: ModelVersion, objects: Objects, runs: Mapping[str, str]) -> bool:
    if version.run_id in runs:
        return False
    return objects.get_object(f"runs/{version.run_id}/manifest.json") is not None


def versions_there(connection: Connection) -> dict[str, str]:
    """Version number by model id, of the models that Dealcast wrote."""
    from mlflow.exceptions import MlflowException

    name = connection.model_name
    try:
        connection.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    found: dict[str, str] = {}
    token: str | None = None
    while token != "":
        page = connection.client.search_model_versions(f"name = '{name}'", page_token=token)
        found |= {v.tags[MODEL_TAG]: str(v.version) for v in page if MODEL_TAG in v.tags}
        token = page.token or ""
    return found


def aliases_there(connection: Connection) -> dict[str, str]:
    """Version number by alias."""
    model = connection.client.get_registered_model(connection.model_name)
    return {name: str(version) for name, version in model.aliases.items()}


def move_aliases(connection: Connection, registry: Registry, objects: Objects) -> None:
    """Let @champion and @challenger say what the store's registry says.

    An alias that a person has moved stays until it is taken over (`adopt_alias`), and one on a
    model that this store does not know stays for good.
    """
    there, aliases = versions_there(connection), aliases_there(connection)
    kept, champion = mirrored(objects, connection), registry.champion()
    known = {v.model_id for v in registry.versions()}
    shown = _model_of(aliases.get(CHAMPION), there)
    kept.versions = {m: v for m, v in there.items() if m in known}
    if CHAMPION in aliases and shown not in known:
        logger.warning(
            "@champion of '%s' in MLflow is version %s, which is no model of this store: it is "
            "left alone. Give this store a tracking.model_name of its own, or delete the alias.",
            connection.model_name,
            aliases[CHAMPION],
        )
        return
    moved_there = shown is not None and shown != kept.aliases.get(CHAMPION, shown)
    moved_here = champion is not None and champion.model_id != kept.aliases.get(CHAMPION)
    if moved_there and not moved_here:
        return
    wanted = {
        CHAMPION: champion.model_id if champion else None,
        CHALLENGER: challenger_of(registry),
    }
    for alias, model_id in wanted.items():
        _point(connection, alias, there.get(model_id or ""), aliases.get(alias))
    kept.aliases = {a: m for a, m in wanted.items() if m is not None and m in there}
    objects.put_object(KEPT, json.dumps(asdict(kept), indent=2).encode())


def adopt_alias(connection: Connection, registry: Registry, objects: Objects) -> None:
    """Where somebody has moved @champion in MLflow, make that model the champion here.

    Not where a promotion of ours was not sent yet: then ours holds.
    """
    kept = mirrored(objects, connection)
    sent, champion = kept.aliases.get(CHAMPION), registry.champion()
    if champion is None or sent != champion.model_id:
        return
    there = versions_there(connection)
    shown = _model_of(aliases_there(connection).get(CHAMPION), there)
    if shown in (None, sent):
        return
    version = next((v for v in registry.versions() if v.model_id == shown), None)
    if version is None or objects.get_object(version.key) is None:
        logger.warning(
            "@champion was moved in MLflow to model %s, which this store does not have: %s stays",
            shown,
            champion.model_id,
        )
        return
    # What MLflow shows is kept first, so that ours is not taken for a promotion yet to be sent.
    kept.aliases[CHAMPION] = version.model_id
    objects.put_object(KEPT, json.dumps(asdict(kept), indent=2).encode())
    registry.promote(Promotion(version.model_id, THERE, PROMOTED_THERE))
    logger.info("champion is %s: %s", version.model_id, PROMOTED_THERE)


def _may_be_moved(registry: Registry, objects: Objects) -> bool:
    """Whether ours is what MLflow was last seen to show; asks no server."""
    kept, champion = read_mirrored(objects), registry.champion()
    return (
        kept is not None
        and champion is not None
        and kept.aliases.get(CHAMPION) == champion.model_id
    )


def challenger_of(registry: Registry) -> str | None:
    """The newest registered model, where that is not the champion."""
    champion = registry.champion()
    newest: ModelVersion | None = next(reversed(registry.versions()), None)
    if newest is None or (champion is not None and newest.model_id == champion.model_id):
        return None
    return newest.model_id


def mirrored(objects: Objects, connection: Connection) -> Mirrored:
    """What this MLflow was last seen to hold; nothing where it was another one."""
    kept = read_mirrored(objects)
    if kept and (kept.uri, kept.model_name) == (connection.uri, connection.model_name):
        return kept
    return Mirrored(connection.uri, connection.model_name)


def read_mirrored(objects: Objects) -> Mirrored | None:
    """What was last seen of any MLflow; None where there was none."""
    content = objects.get_object(KEPT)
    return Mirrored(**json.loads(content)) if content else None


def _model_of(number: str | None, there: Mapping[str, str]) -> str | None:
    return next((model_id for model_id, version in there.items() if version == number), None)


def _point(connection: Connection, alias: str, wanted: str | None, now: str | None) -> None:
    if wanted is not None and wanted != now:
        connection.client.set_registered_model_alias(connection.model_name, alias, wanted)
    elif wanted is None and now is not None and alias == CHALLENGER:
        connection.client.delete_registered_model_alias(connection.model_name, alias)
