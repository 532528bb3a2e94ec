"""No line of the doctor holds a secret, whatever a library or a server has said."""

import re
from collections.abc import Iterator

from pydantic import BaseModel, SecretStr

from dealcast.errors import SettingsError
from dealcast.orchestration.doctor.spec import Setup

HIDDEN = "***"
# A shorter one would be found in words by chance.
SHORTEST = 4
# The remedies' own USER:PASSWORD is none.
IN_URLS = re.compile(r"(?<=://)(?!USER:PASSWORD@)[^/\s@]+(?=@)")


def hidden(text: str, setup: Setup) -> str:
    """The text without the secrets of the settings, and without user and password in URLs.

    >>> from pathlib import Path
    >>> hidden("http://me:hunter2@host/", Setup(SettingsError("-", remedy="-"), Path()))
    'http://***@host/'
    """
    text = IN_URLS.sub(HIDDEN, text)
    if not isinstance(setup.loaded, SettingsError):
        for secret in _secrets(setup.loaded.settings):
            if len(secret) >= SHORTEST:
                text = text.replace(secret, HIDDEN)
    return text


def _secrets(section: BaseModel) -> Iterator[str]:
    for _, value in section:
        if isinstance(value, BaseModel):
            yield from _secrets(value)
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()
