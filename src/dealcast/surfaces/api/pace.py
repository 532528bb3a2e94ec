"""How often each key may ask: so many requests at once, and then at a steady pace."""

import math
import time
from collections.abc import Callable

from dealcast.settings import ApiSettings
from dealcast.surfaces.api.problems import ProblemError

SECONDS = 60


class Pace:
    """A token bucket per key, kept as the time at which it will be full again (GCRA).

    Requests without a known key share one, and so do all where there are no keys. Each process
    counts for itself.
    """

    def __init__(self, settings: ApiSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = settings.requests_per_minute
        self._every = SECONDS / self._per_minute if self._per_minute else 0.0
        self._ahead, self._clock = (settings.burst - 1) * self._every, clock
        self._full_at: dict[str | None, float] = {}

    def count(self, key_name: str | None) -> None:
        """Count a request. Raises ProblemError where it comes too soon, with when to come back."""
        now = self._clock()
        full_at = max(self._full_at.get(key_name, now), now)
        wait = full_at - now - self._ahead
        if wait > 0:
            whose = f"The key '{key_name}'" if key_name else "Whoever has no key"
            raise ProblemError(
                "too-often",
                f"{whose} asks more often than api.requests_per_minute ({self._per_minute:,}).",
                retry_after=math.ceil(wait),
            )
        self._full_at[key_name] = full_at + self._every
