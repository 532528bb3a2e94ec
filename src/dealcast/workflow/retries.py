"""Trying again, a bounded number of times, with longer and longer pauses."""

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from deltalake.exceptions import TableNotFoundError

from dealcast.errors import StoreAwayError, StoreError
from dealcast.workflow.location import Location
from dealcast.workflow.store_errors import BROKE_OFF, STORE_ERRORS, translated

# Several who write at once each make the others try again: more tries than for a failing request.
TRIES_PER_ATTEMPT = 4
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 3.0

T = TypeVar("T")


def tries(count: int) -> Iterator[int]:
    """0, 1, 2 … with a pause before each but the first; pauses double, and each is drawn anew.

    Writers that met each other would meet again if all of them waited equally long.
    """
    for number in range(count):
        if number:
            longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**number)
            time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret hangs on it
        yield number


def patiently(
    location: Location, doing: str, read: Callable[[], T], *, remedy: str | None = None
) -> T:
    """What `read` gives; its failure as a StoreError that begins with `doing`.

    What is not there stays the library's own error: to the caller it may be no failure.
    """
    for attempt in tries(location.attempts):
        try:
            return read()
        except (FileNotFoundError, TableNotFoundError):
            raise
        except STORE_ERRORS as error:
            failed = translated(error, doing, location, remedy=remedy)
            if attempt + 1 == location.attempts or not broke_off(failed):
                raise failed from error
    raise AssertionError


def broke_off(error: StoreError) -> bool:
    """Whether a connection ended within an answer: the one failure libraries do not try again."""
    return isinstance(error, StoreAwayError) and BROKE_OFF in error.problem
