"""No secret that this process was told, and no password within a URL, is written anywhere."""

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
# A shorter one would be found in words by chance.
SHORTEST = 4
# The remedies' own USER:PASSWORD is none.
IN_URLS = re.compile(r"(?<=://)(?!USER:PASSWORD@)[^/\s@]+(?=@)")

# What must not be shown, longest first.
_told: list[str] = []


def remember(secrets: Iterable[str]) -> None:
    """From now on hide these, however they are written, and no longer those of before."""
    _told.clear()
    remember_also(secrets)


def remember_also(secrets: Iterable[str]) -> None:
    """From now on hide these too, such as what was read from a file of credentials."""
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
    _told[:] = sorted({*_told, *forms}, key=len, reverse=True)


def hidden(text: str) -> str:
    """The text without what is remembered, and without user and password in URLs.

    >>> hidden("http://me:hunter2@host/")
    'http://***@host/'
    """
    for secret in _told:
        text = text.replace(secret, HIDDEN)
    return IN_URLS.sub(HIDDEN, text)


def _forms(secret: str) -> Iterable[str]:
    """A secret, and what of it is one by itself, as it is and as URLs write it."""
    # Escaped, as a traceback shows it.
    yield from (secret, repr(secret)[1:-1])
    for word in _passwords(secret):
        yield from (word, quote(word, safe=""), quote_plus(word))


def _passwords(secret: str) -> Iterable[str]:
    """The password of USER:PASSWORD or of a URL; not one that is no secret, as dealcast:dealcast.

    >>> list(_passwords("postgresql://me:p%40ss@db/crm")), list(_passwords("me:hunter2"))
    (['p%40ss', 'p@ss'], ['hunter2'])
    """
    _, is_url, rest = secret.partition("://")
    user, _, password = (rest.rpartition("@")[0] if is_url else secret).partition(":")
    if password and password != user:
        yield password
        if is_url:
            yield unquote(password)
