"""One thing compared between the windows, before it is judged beside all the others."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["PSI", "share", "ratio"]
Kind = Literal["mix", "feature", "missing values", "rate", "score", "calibration"]


@dataclass(frozen=True)
class Comparison:
    """What a test found; without a p value it does not apply, and `note` says why.

    `effect` is in its unit: a PSI, current less reference (share 0-1), or current by reference
    (ratio). `n_reference` and `n_current` count the units of the test: opportunities, or scoring
    dates for scores.
    """

    kind: Kind
    what: str
    unit: Unit
    n_reference: int = 0
    n_current: int = 0
    test: str | None = None
    statistic: float | None = None
    p_value: float | None = None
    effect: float | None = None
    note: str | None = None


def not_applicable(
    kind: Kind, what: str, unit: Unit, why: str, *, rows: tuple[int, int] = (0, 0)
) -> Comparison:
    """A comparison that cannot be made, and why; neither good nor bad news."""
    return Comparison(kind, what, unit, n_reference=rows[0], n_current=rows[1], note=why)


def too_few(rows: tuple[int, int], fewest: int, of: str) -> str | None:
    """Why there is no test, where either window (reference, current) has too few rows."""
    for count, window in zip(rows, ("reference", "current"), strict=True):
        if count < fewest:
            return f"only {count:,} {of} in the {window} window, {fewest:,} are needed"
    return None
