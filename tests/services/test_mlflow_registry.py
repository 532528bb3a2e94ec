"""The store's registry and its mirror in a real MLflow: versions, aliases, and who decides."""

import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dealcast.settings import TrackingSettings
from dealcast.tracking.base import ModelVersion, Promotion, Registry, open_registry, rollback
from dealcast.tracking.mlflow.client import Connection, connect, quiet
from dealcast.tracking.mlflow.registry import aliases_there, send_models, versions_there
from servers.objects import Kept

if TYPE_CHECKING:
    from servers.mlflow import MlflowServer

CONTENT = {"trained_until": "2026-06-30", "horizons_days": [30], "fitted": {}}


@dataclass
class Team:
    """A store with a registry, and a client of the MLflow that mirrors it."""

    settings: TrackingSettings
    objects: Kept
    connection: Connection

    @property
    def registry(self) -> Registry:
        return open_registry(self.settings, self.objects)

    def trains(self, *model_ids: str, promoted: bool = True) -> None:
        """Register models and send them, as runs do."""
        for model_id in model_ids:
            self.keeps(model_id, promoted=promoted)
            self.sends()

    def keeps(self, model_id: str, *, promoted: bool = True) -> None:
        """Register a model without sending it."""
        key = f"models/{model_id}.json"
        self.objects[key] = json.dumps({"model_id": model_id, **CONTENT}).encode()
        registry = open_registry(TrackingSettings(), self.objects)
        registry.register(ModelVersion(model_id, key, "r1", "age", "2026-06-30", "sample"))
        if promoted:
            registry.promote(Promotion(model_id, "r1", "better"))

    def sends(self) -> list[str]:
        with quiet():
            return send_models(self.connection, self.registry, self.objects, {})

    def moves_alias_by_hand(self, model_id: str) -> None:
        version = versions_there(self.connection)[model_id]
        self.connection.client.set_registered_model_alias(
            self.connection.model_name, "champion", version
        )

    @property
    def aliases(self) -> dict[str, str]:
        """Model id by alias, as MLflow shows it."""
        there = {version: m for m, version in versions_there(self.connection).items()}
        return {a: there.get(v, "not ours") for a, v in aliases_there(self.connection).items()}

    @property
    def champion(self) -> str | None:
        champion = self.registry.champion()
        return champion.model_id if champion else None


NewTeam = Callable[..., Team]


@pytest.fixture
def new_team(mlflow_server: "MlflowServer") -> NewTeam:
    """A store of its own on the shared server, with a model name of its own unless one is given."""

    def of(model_name: str | None = None) -> Team:
        name = model_name or f"model-{secrets.token_hex(4)}"
        settings = TrackingSettings.model_validate(mlflow_server.settings(model_name=name))
        return Team(settings, Kept(), connect(settings, "memory"))

    return of


@pytest.fixture
def team(new_team: NewTeam) -> Team:
    return new_team()


def test_models_become_versions_with_their_origin_as_tags(team: Team) -> None:
    team.trains("aaa", "bbb")

    first, second = sorted(
        team.connection.client.search_model_versions(f"name = '{team.settings.model_name}'"),
        key=lambda v: int(v.version),
    )
    assert (first.version, second.version) == ("1", "2")
    assert first.tags["dealcast.model_id"] == "aaa"
    assert first.tags["dealcast.key"] == "models/aaa.json"
    assert first.tags["dealcast.trained_until"] == "2026-06-30"
    assert team.sends() == []


def test_the_champion_and_a_newer_challenger_have_their_aliases(team: Team) -> None:
    team.trains("aaa")
    alone = team.aliases
    team.trains("bbb", promoted=False)
    contested = team.aliases
    team.registry.promote(Promotion("bbb", "by hand", "better"))

    assert alone == {"champion": "aaa"}
    assert contested == {"champion": "aaa", "challenger": "bbb"}
    assert team.aliases == {"champion": "bbb"}


def test_a_promotion_and_a_rollback_move_the_alias_at_once(team: Team) -> None:
    team.trains("aaa", "bbb")

    rollback(team.registry, "r2")

    assert team.aliases == {"champion": "aaa", "challenger": "bbb"}


def test_an_alias_moved_in_mlflow_is_taken_over_as_a_promotion(team: Team) -> None:
    team.trains("aaa", "bbb")
    team.moves_alias_by_hand("aaa")

    team.sends()
    before = team.champion
    team.registry.refresh()

    assert before == "bbb"  # a run that ends does not undo what a person did
    assert team.champion == "aaa"
    assert team.registry.promotions()[-1] == Promotion("aaa", "MLflow", "promoted in MLflow")
    assert team.aliases == {"champion": "aaa", "challenger": "bbb"}


def test_once_taken_over_it_is_not_taken_over_again(team: Team) -> None:
    team.trains("aaa", "bbb")
    team.moves_alias_by_hand("aaa")
    team.registry.refresh()

    team.registry.refresh()
    rollback(team.registry, "r2")
    team.registry.refresh()

    assert team.champion == "bbb"
    assert len(team.registry.promotions()) == 4


def test_a_promotion_that_was_not_sent_yet_holds_against_an_alias_moved_meanwhile(
    team: Team,
) -> None:
    team.trains("aaa", "bbb")
    team.moves_alias_by_hand("aaa")
    team.keeps("ccc")

    team.registry.refresh()
    team.sends()

    assert team.champion == "ccc"
    assert team.aliases == {"champion": "ccc"}


def test_an_alias_that_was_deleted_comes_back(team: Team) -> None:
    team.trains("aaa")
    team.connection.client.delete_registered_model_alias(team.settings.model_name, "champion")

    team.registry.refresh()
    team.sends()

    assert team.aliases == {"champion": "aaa"}


def test_the_alias_of_another_store_is_left_alone_with_a_warning(
    team: Team, new_team: NewTeam, caplog: pytest.LogCaptureFixture
) -> None:
    team.trains("aaa")
    other = new_team(team.settings.model_name)

    with caplog.at_level(logging.WARNING, logger="dealcast"):
        other.trains("zzz")

    assert team.aliases == {"champion": "aaa"}
    assert "no model of this store" in caplog.text
    assert "tracking.model_name" in caplog.text


def test_a_model_whose_file_is_gone_is_named_and_not_sent(
    team: Team, caplog: pytest.LogCaptureFixture
) -> None:
    team.keeps("aaa")
    del team.objects["models/aaa.json"]

    with caplog.at_level(logging.WARNING, logger="dealcast"):
        sent = team.sends()

    assert sent == []
    assert "models/aaa.json is gone" in caplog.text
    assert team.aliases == {}


def test_without_a_server_models_are_registered_in_a_file(tmp_path: Path) -> None:
    settings = TrackingSettings(kind="mlflow", uri=f"sqlite:///{tmp_path}/mlflow.db")
    alone = Team(settings, Kept(), connect(settings, tmp_path))

    alone.trains("aaa")
    alone.trains("bbb", promoted=False)

    assert alone.aliases == {"champion": "aaa", "challenger": "bbb"}
    assert len(list(tmp_path.rglob("win_model.json"))) == 2


def test_a_model_whose_registration_was_cut_off_is_not_written_twice(team: Team) -> None:
    team.trains("aaa")
    team.connection.client.delete_model_version(team.settings.model_name, "1")

    sent = team.sends()

    found = team.connection.client.search_logged_models(
        [team.connection.experiment_id], filter_string="tags.`dealcast.model_id` = 'aaa'"
    )
    names = [f"name = '{team.settings.model_name}'"]
    (version,) = team.connection.client.search_model_versions(*names)
    assert sent == ["aaa"]
    assert version.source in {f"models:/{m.model_id}" for m in found}
    assert team.aliases == {"champion": "aaa"}
