from pathlib import Path

import pytest

from dealcast.errors import SettingsError
from dealcast.settings import Settings, load_settings
from dealcast.surfaces.api.names import Names
from dealcast.workflow.manifest import StepRecord, save_latest_step
from dealcast.workflow.privacy import figures_of, pseudonyms_of
from dealcast.workflow.store import Store

KEY, OTHER_KEY = "a-key-of-tests-only", "another-key-of-tests"


def wanting(chosen: list[str], key: str | None = KEY) -> Settings:
    flags = {"privacy.pseudonyms": chosen} | ({"privacy.key": key} if key else {})
    return load_settings(flags=flags).settings


def told(settings: Settings) -> StepRecord:
    """What ingest tells with these settings, in an empty store."""
    figures = figures_of(pseudonyms_of(settings, None))
    return StepRecord("ingest", "r1", "", 0.0, figures=figures)


def test_the_same_names_by_the_same_key_are_taken_in_any_order() -> None:
    former = told(wanting(["sales_agent", "account"]))

    assert pseudonyms_of(wanting(["account", "sales_agent"]), former) is not None
    assert pseudonyms_of(wanting([]), told(wanting([]))) is None


def test_what_an_older_release_ingested_is_taken_as_it_is() -> None:
    older = StepRecord("ingest", "r1", "", 0.0, figures={"pseudonyms": ["account"]})

    assert pseudonyms_of(wanting(["account"], OTHER_KEY), older) is not None


def test_the_mark_of_a_key_is_not_the_key_nor_the_hash_of_a_name() -> None:
    made = pseudonyms_of(wanting(["account"]), None)
    assert made is not None

    assert KEY not in made.key_mark
    assert made.key_mark != made.of_name("key", "account")


def test_another_key_is_refused_by_the_api_too(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    save_latest_step(store, told(wanting(["account"])))

    with pytest.raises(SettingsError, match=r"another privacy\.key") as refused:
        Names(wanting(["account"], OTHER_KEY), store)

    assert OTHER_KEY not in str(refused.value)
    # Without pseudonyms it answers with what is kept.
    assert Names(wanting([]), store).kept("account", "account-01f03709bd39")
