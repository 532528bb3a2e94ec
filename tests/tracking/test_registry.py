import json

import pytest

from dealcast.errors import ModelError
from dealcast.settings import TrackingSettings
from dealcast.tracking.base import ModelVersion, Promotion, Registry, open_registry, rollback
from servers.objects import Kept


def version(model_id: str, run_id: str = "run 1") -> ModelVersion:
    return ModelVersion(model_id, f"models/{model_id}.json", run_id, "age", "2024-06-30", "sample")


def registry_of(objects: Kept, *champions: str) -> Registry:
    registry = open_registry(TrackingSettings(), objects)
    for model_id in champions:
        registry.register(version(model_id))
        registry.promote(Promotion(model_id, "run 1", "better"))
    return registry


def champion(registry: Registry) -> str | None:
    now = registry.champion()
    return now.model_id if now else None


def test_at_first_there_is_neither_model_nor_champion() -> None:
    registry = registry_of(Kept())

    assert registry.versions() == registry.promotions() == ()
    assert registry.champion() is None


def test_a_registered_model_is_not_yet_champion() -> None:
    registry = registry_of(Kept())

    registry.register(version("aaa"))

    assert registry.versions() == (version("aaa"),)
    assert registry.champion() is None


def test_registering_the_same_model_again_changes_nothing() -> None:
    objects = Kept()
    registry = registry_of(objects, "aaa")
    before = dict(objects)

    registry.register(version("aaa", run_id="run 2"))

    assert objects == before
    assert registry.versions() == (version("aaa"),)


def test_the_model_promoted_last_is_champion() -> None:
    registry = registry_of(Kept(), "aaa", "bbb")

    registry.promote(Promotion("aaa", "run 2", "promoted by hand"))

    assert champion(registry) == "aaa"
    assert [(p.model_id, p.reason) for p in registry.promotions()] == [
        ("aaa", "better"),
        ("bbb", "better"),
        ("aaa", "promoted by hand"),
    ]


def test_what_is_registered_is_there_when_it_is_opened_again() -> None:
    objects = Kept()
    registry_of(objects, "aaa", "bbb")

    again = registry_of(objects)

    assert champion(again) == "bbb"
    assert again.versions() == (version("aaa"), version("bbb"))
    assert json.loads(objects["models/registry.json"])["versions"][0]["source"] == "sample"


@pytest.mark.parametrize(
    ("asked", "remedy"),
    [("1a2b3c4d5e6g", "did you mean '1a2b3c4d5e6f'?"), ("zzz", "`dealcast models` lists them")],
)
def test_an_unknown_model_is_not_promoted_and_the_nearest_is_named(asked: str, remedy: str) -> None:
    registry = registry_of(Kept(), "1a2b3c4d5e6f")

    with pytest.raises(ModelError) as refused:
        registry.promote(Promotion(asked, "run 2", "promoted by hand"))

    assert refused.value.problem == f"There is no registered model '{asked}'."
    assert refused.value.remedy == remedy
    assert champion(registry) == "1a2b3c4d5e6f"


def test_a_rollback_restores_the_former_champion() -> None:
    registry = registry_of(Kept(), "aaa", "bbb")

    done = rollback(registry, "run 2")

    assert done == Promotion("aaa", "run 2", "rolled back from bbb")
    assert champion(registry) == "aaa"
    assert registry.promotions()[-1] == done


def test_a_second_rollback_goes_to_the_one_before_and_not_forth_again() -> None:
    registry = registry_of(Kept(), "aaa", "bbb", "ccc")

    went = [rollback(registry, "run 2").model_id for _ in range(2)]

    assert went == ["bbb", "aaa"]
    assert champion(registry) == "aaa"


def test_after_a_rollback_another_champion_can_be_promoted_and_rolled_back() -> None:
    registry = registry_of(Kept(), "aaa", "bbb")
    rollback(registry, "run 2")
    registry.register(version("ccc"))
    registry.promote(Promotion("ccc", "run 3", "better"))

    assert rollback(registry, "run 4").model_id == "aaa"


def test_a_promotion_by_hand_is_rolled_back_too() -> None:
    registry = registry_of(Kept(), "aaa", "bbb")
    registry.promote(Promotion("aaa", "run 2", "promoted by hand"))

    assert rollback(registry, "run 3").model_id == "bbb"


@pytest.mark.parametrize("champions", [(), ("aaa",), ("aaa", "aaa")], ids=["none", "one", "same"])
def test_without_a_former_champion_a_rollback_is_refused(champions: tuple[str, ...]) -> None:
    registry = registry_of(Kept(), *champions)

    with pytest.raises(ModelError, match="no former champion") as refused:
        rollback(registry, "run 2")

    assert "dealcast models promote" in refused.value.remedy
    assert len(registry.promotions()) == len(champions)


def test_rolled_back_to_the_first_there_is_no_former_champion() -> None:
    registry = registry_of(Kept(), "aaa", "bbb")
    rollback(registry, "run 2")

    with pytest.raises(ModelError, match="no former champion"):
        rollback(registry, "run 3")
