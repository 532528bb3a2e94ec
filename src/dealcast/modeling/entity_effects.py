"""How agents, products and accounts differ in speed and in winning, where they do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dealcast.modeling.effects import GroupEffects, Level, converge
from dealcast.modeling.hazard import LEAN_ON_SHARE, MONTHS, ClosingTable
from dealcast.modeling.history import History
from dealcast.modeling.never_close import log_odds, logistic
from dealcast.modeling.traits import FloatArray
from dealcast.snapshots import DayArray, month_of_quarter

FIRST_VARIANCE = 0.1
TOLERANCE, STEPS = 1e-3, 60


def learn_winning(
    history: History, table: ClosingTable, entities: Sequence[str]
) -> tuple[FloatArray, tuple[GroupEffects, ...]]:
    """Share won (0-1) by month of the quarter, and effects on the log-odds of winning.

    A logit of won against lost among those that closed; months are drawn to the table's shares as
    strongly as these are to their mean, groups to zero.
    """
    ended = history.is_closed
    traits, won = history.traits.take(ended), history.won[ended].astype(np.float64)
    month = month_of_quarter(
        history.closed[ended], fiscal_year_start_month=table.fiscal_year_start_month
    )
    levels = [Level([name], traits, prior_variance=FIRST_VARIANCE) for name in entities]
    winning = _Winning(won, month - 1, table.won, levels)
    converge(winning.step, tolerance=TOLERANCE, at_most=STEPS)
    return logistic(winning.by_month), tuple(level.result() for level in levels)


@dataclass
class _Winning:
    won: FloatArray
    month: DayArray
    usual: FloatArray
    levels: list[Level]

    def __post_init__(self) -> None:
        self.by_month = log_odds(self.usual)

    def step(self) -> float:
        odds = self.by_month[self.month] + sum(level.values for level in self.levels)
        expected = logistic(odds)
        own = logistic(self.by_month)
        gradient = LEAN_ON_SHARE * (self.usual - own) + np.bincount(
            self.month, self.won - expected, MONTHS
        )
        curvature = LEAN_ON_SHARE * own * (1 - own) + np.bincount(
            self.month, expected * (1 - expected), MONTHS
        )
        change = np.clip(gradient / curvature, -1, 1)
        self.by_month = self.by_month + change
        odds = odds + change[self.month]
        largest = float(np.abs(change).max())
        for level in self.levels:
            expected = logistic(odds)
            spread = expected * (1 - expected)
            moved = level.step(level.code, self.won - expected, spread, spread)
            odds = odds + moved[level.code]
            largest = max(largest, float(np.abs(moved).max(initial=0.0)))
        return largest


class Speed:
    """Effects on the log of the hazard while they are learnt: observed against expected closes."""

    def __init__(self, history: History, entities: Sequence[str]) -> None:
        self._closed = history.is_closed.astype(np.float64)
        self.levels = [
            Level([name], history.traits, prior_variance=FIRST_VARIANCE) for name in entities
        ]

    @property
    def log_speed(self) -> FloatArray:
        """One per opportunity."""
        return sum((level.values for level in self.levels), np.zeros(len(self._closed)))

    def fit(self, expected: FloatArray) -> None:
        """Learn, given how many closes are expected of each at the usual speed."""
        for _ in range(3):
            for level in self.levels:
                closes = expected * np.exp(self.log_speed)
                level.step(level.code, self._closed - closes, closes, closes)
        for level in self.levels:
            level.centre(expected)

    def result(self) -> tuple[GroupEffects, ...]:
        """What was learnt."""
        return tuple(level.result() for level in self.levels)
