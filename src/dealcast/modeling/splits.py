"""Rolling origins: learn from what was known before a day, predict on the days after it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from dealcast.errors import HistoryTooShortError

# A year of origins sees every month of the fiscal year; older ones say little of today.
LATEST_ORIGINS = 12


@dataclass(frozen=True)
class Fold:
    """One origin: the model knows what happened before it, and predicts on the dates from it on.

    `test_dates` are, by horizon in days, the snapshot dates in the origin's month whose outcome
    within the horizon is known by the end of the export.
    """

    origin: date
    test_dates: Mapping[int, tuple[date, ...]]

    @property
    def known_until(self) -> date:
        """The last day of which the model knows."""
        return self.origin - timedelta(days=1)


def matured_until(known_until: date, horizon_days: int) -> date:
    """The last snapshot date whose outcome within the horizon is known by a day.

    The days in between are the gap: a label there would have to look into the future. The hazards
    need no gap, as they learn from each day that has passed.

    >>> matured_until(date(2017, 5, 31), 30)
    datetime.date(2017, 5, 1)
    """
    return known_until - timedelta(days=horizon_days)


def rolling_origins(
    dates: Sequence[date],
    *,
    history_from: date,
    first_after_days: int,
    horizons_days: Sequence[int],
    as_of: date,
) -> tuple[Fold, ...]:
    """One fold per month with snapshot dates to test on, at most the latest 12.

    Origins are first days of months, the first one `first_after_days` or more after
    `history_from`; the export ends on `as_of`. Raises HistoryTooShortError, saying how much is
    needed, where not even the shortest horizon has a date to test on.

    >>> mondays = [date(2024, 4, 8), date(2024, 4, 15), date(2024, 5, 6)]
    >>> for fold in rolling_origins(
    ...     mondays, history_from=date(2024, 1, 1), first_after_days=90,
    ...     horizons_days=(30, 60), as_of=date(2024, 6, 10),
    ... ):
    ...     print(fold.origin, {h: len(tests) for h, tests in fold.test_dates.items()})
    2024-04-01 {30: 2, 60: 1}
    2024-05-01 {30: 1, 60: 0}
    """
    earliest = history_from + timedelta(days=first_after_days)
    folds = []
    for origin, end in pairwise(_month_starts(earliest, as_of)):
        tests = {
            h: tuple(d for d in dates if origin <= d < end and d + timedelta(days=h) <= as_of)
            for h in sorted(horizons_days)
        }
        if any(tests.values()):
            folds.append(Fold(origin, tests))
    if not folds:
        shortest = min(horizons_days)
        raise HistoryTooShortError(
            f"The history from {history_from} to {as_of} ({(as_of - history_from).days} days) "
            f"is too short to test a model on later dates: that takes {first_after_days} days to "
            f"learn from, then a snapshot date after the start of a month, then {shortest} days.",
            remedy=f"give an export of {first_after_days + 31 + shortest} days or more, "
            "or lower model.first_origin_after_days",
        )
    return tuple(folds[-LATEST_ORIGINS:])


def _month_starts(earliest: date, as_of: date) -> Iterator[date]:
    """First days of months from `earliest` on, up to the first one after `as_of`."""
    start = earliest.replace(day=1)
    while start <= as_of:
        if start >= earliest:
            yield start
        start = (start + timedelta(days=31)).replace(day=1)
    yield start
