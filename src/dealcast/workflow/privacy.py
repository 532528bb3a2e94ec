"""Whether names are kept as the store has them: never by two keys, never here clear, there not."""

from typing import Any

from dealcast.errors import SettingsError
from dealcast.settings import Settings
from dealcast.sources.pseudonyms import Pseudonyms
from dealcast.workflow.manifest import StepRecord

CHOSEN, KEY_MARK = "pseudonyms", "pseudonym_key"


def pseudonyms_of(settings: Settings, ingest: StepRecord | None) -> Pseudonyms | None:
    """Those that the settings want; None where they want none.

    `ingest`: what it last told. Raises SettingsError where there is no key, or where the store has
    names of others, or by another key.
    """
    wanted = Pseudonyms.of(settings.privacy, settings.cleaning.spelling)
    former, now = ingest.figures if ingest else {}, figures_of(wanted)
    if sorted(former.get(CHOSEN, now[CHOSEN])) != sorted(now[CHOSEN]):
        raise SettingsError(
            f"The store holds {_said(former[CHOSEN])}, and privacy.pseudonyms asks for "
            f"{_said(now[CHOSEN])}.",
            remedy=f"set privacy.pseudonyms to [{', '.join(former[CHOSEN])}] and the key, or begin "
            "a new store with --root",
        )
    if former.get(KEY_MARK, now[KEY_MARK]) != now[KEY_MARK]:
        raise SettingsError(
            "The pseudonyms in the store were made with another privacy.key: every name would get "
            "a second one.",
            remedy="set DEALCAST__PRIVACY__KEY to the key of before, or begin a new store with "
            "--root",
        )
    return wanted


def figures_of(pseudonyms: Pseudonyms | None) -> dict[str, Any]:
    """What ingest tells of them: for whom they are, and a mark of the key that is not the key."""
    if pseudonyms is None:
        return {CHOSEN: [], KEY_MARK: None}
    return {CHOSEN: list(pseudonyms.chosen), KEY_MARK: pseudonyms.key_mark}


def _said(chosen: list[str]) -> str:
    return f"pseudonyms in the place of {' and '.join(chosen)}" if chosen else "names as they are"
