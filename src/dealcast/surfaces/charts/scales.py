"""From figures to places in a drawing."""

import math
from dataclasses import dataclass

# A step between marks of an axis is one of these times a power of ten.
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """A straight scale: `low` lies at `start` (pixels), `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """About so many round values from the low to the high end, both covered.

    >>> ticks(0, 1_234_000)
    [0.0, 500000.0, 1000000.0, 1500000.0]
    """
    step = _round_step((high - low or 1.0) / max(wanted, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, max(last, first + 1) + 1)]


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(s * power for s in STEPS if s * power >= rough * (1 - 1e-9))
