"""API keys: long random words, of which only the hash is kept anywhere."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Literal

from dealcast.settings import ApiKey

Scope = Literal["read", "score"]
# So that a key is known as one where it turns up, such as in a log or a repository.
PREFIX = "dealcast_"
RANDOM_BYTES = 32


def new_key(name: str, scopes: Sequence[Scope]) -> tuple[str, ApiKey]:
    """A new key, to be given away once, and what is kept of it.

    Raises pydantic's ValidationError where the name is none.
    """
    key = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    return key, ApiKey(name=name, scopes=tuple(dict.fromkeys(scopes)), sha256=hash_of(key))


def hash_of(key: str) -> str:
    """SHA-256 as hexadecimal digits.

    A slow hash would add nothing: nobody guesses 256 random bits.

    >>> hash_of("dealcast_x")[:8]
    '0d70d416'
    """
    return hashlib.sha256(key.encode()).hexdigest()


def owner_of(keys: Sequence[ApiKey], key: str) -> ApiKey | None:
    """Whose key it is; None: nobody's. Takes as long wherever it differs."""
    given = hash_of(key)
    owners = [k for k in keys if hmac.compare_digest(k.sha256, given)]
    return owners[0] if owners else None
