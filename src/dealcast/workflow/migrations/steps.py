"""From the schema that something was written in to the present one, step by step."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from dealcast.errors import refuse_newer

FIRST = 1  # of all that was written before there were marks

T = TypeVar("T")


def migrated(what: str, content: T, written_in: int, steps: Sequence[Callable[[T], T]]) -> T:
    """The content in the present schema. Raises StoreError where it is of a newer one.

    >>> migrated("a list", [1], 1, [lambda c: [*c, 2], lambda c: [*c, 3]])
    [1, 2, 3]
    >>> migrated("a list", [1, 2], 2, [lambda c: [*c, 2], lambda c: [*c, 3]])
    [1, 2, 3]
    """
    refuse_newer(what, written_in, FIRST + len(steps))
    for step in steps[written_in - FIRST :]:
        content = step(content)
    return content
