"""What is known of the request at hand, wherever in the code it is asked for."""

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

# A caller's own id is taken over where it can do no harm in a log or a header.
SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


@dataclass
class Noted:
    """A request: its id, whose key it came with, and how many opportunities it was about."""

    id: str
    key: str | None = None
    opportunities: int | None = None


_noted: ContextVar[Noted | None] = ContextVar("noted", default=None)


def begin(given_id: str | None) -> Noted:
    """Note a new request, under the id that it was given, or a new one."""
    sane = given_id is not None and SANE_ID.fullmatch(given_id)
    noted = Noted(given_id if given_id and sane else secrets.token_hex(8))
    _noted.set(noted)
    return noted


def noted() -> Noted:
    """The request at hand; outside of one, a note that nobody reads."""
    return _noted.get() or Noted("-")


def request_id() -> str:
    """The id of the request at hand."""
    return noted().id
