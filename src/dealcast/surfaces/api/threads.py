"""Work beside the event loop: a request that is given up does not wait for it."""

import os
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")
# More at once would only keep each other from the one interpreter.
_AT_ONCE = CapacityLimiter(os.cpu_count() or 1)


async def computed(work: Callable[[], T]) -> T:
    """What `work` returns; no more of it at once than there are cores."""
    return await to_thread.run_sync(work, abandon_on_cancel=True, limiter=_AT_ONCE)


async def fetched(work: Callable[[], T]) -> T:
    """What `work`, which mostly waits for others, returns."""
    return await to_thread.run_sync(work, abandon_on_cancel=True)
