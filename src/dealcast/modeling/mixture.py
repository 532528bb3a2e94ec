"""Who never closes, while it is being learnt from a history."""

from collections.abc import Sequence

import numpy as np

from dealcast.modeling.abreast import Learnt, Task, learn_abreast
from dealcast.modeling.alike import Alike
from dealcast.modeling.effects import GroupEffects
from dealcast.modeling.hazard import ClosingTable
from dealcast.modeling.history import History
from dealcast.modeling.never_close import LEVELS, NeverClose, logistic
from dealcast.modeling.traits import FloatArray

STEPS = 60


class Mixture:
    """The mixture while it is being learnt by expectation and maximisation (Dempster et al. 1977).

    Given the closing process, an open opportunity belongs to those that never close with log-odds
    (prior) + (cumulative hazard so far); a closed one does not. One that entered late was already
    likelier to when it entered, so its prior is shifted by the hazard before (delayed entry).
    `learnt`: what it knows by now.
    """

    def __init__(
        self,
        history: History,
        prior_groups: float,
        levels: Sequence[Sequence[str]] = LEVELS,
        apart: Sequence[str] = (),
    ) -> None:
        """`apart`: names that the speeds given to `task` depend on."""
        self._history, self._prior_groups = history, prior_groups
        self._levels = tuple(map(tuple, levels))
        key = ("alike", self._levels, tuple(apart))
        self._alike = history.once(key, lambda: Alike.of(history, levels, apart))
        self.learnt = Learnt.nothing(self._alike)

    def told_apart(self, names: Sequence[str]) -> "Mixture":
        """The same, having learnt as much, for speeds that depend on these names."""
        other = Mixture(self._history, self._prior_groups, self._levels, names)
        other.learnt = self.learnt
        return other

    def task(self, table: ClosingTable, log_speed: FloatArray | None = None) -> Task:
        """What is to be learnt, given the closing process and the log of each one's speed."""
        return Task(self._alike, self._prior_groups, self.learnt, *self._reached(table, log_speed))

    def never(self, task: Task) -> FloatArray:
        """The chance of each that it never closes, by what is learnt by now of the task."""
        odds = self.learnt.log_odds(self._alike)[self._alike.open_prior]
        return self._alike.spread(logistic(odds + task.by_now))

    def result(self) -> NeverClose:
        """What was learnt."""
        found = self.learnt
        levels = []
        for of, effect, variance in zip(self._levels, found.effects, found.variances, strict=True):
            names = self._history.traits.groups(of).names
            effects = dict(zip(names, effect[:-1].tolist(), strict=True))
            levels.append(GroupEffects(of, effects, variance))
        return NeverClose(found.intercept, tuple(levels), self._prior_groups)

    def _reached(
        self, table: ClosingTable, log_speed: FloatArray | None
    ) -> tuple[FloatArray, FloatArray]:
        """Cumulative hazard when first seen, by prior, and by now, by kind that is still open."""
        history, alike = self._history, self._alike
        cohorts, cohort = history.cohorts
        if not len(cohorts):
            return np.zeros(0), np.zeros(0)
        key = ("cells", table.ages.tobytes(), table.fiscal_year_start_month)
        cells = history.once(key, lambda: table.cells(cohorts, history.last_day))
        course = table.course(cells)
        seen_from = history.entered[alike.first] - cohorts[0]
        before = course[cohort[alike.first], seen_from]
        by_now = course[cohort[alike.open_first], -1]
        if log_speed is None:
            return before, by_now
        speed = np.exp(log_speed)
        return speed[alike.first] * before, speed[alike.open_first] * by_now


def learn(mixtures: Sequence[Mixture], tasks: Sequence[Task], *, steps: int = STEPS) -> None:
    """Let each of the mixtures learn its task, all of them abreast.

    Until nothing moves any more, or so many steps.
    """
    found = learn_abreast(tasks, steps=steps)
    for mixture, learnt in zip(mixtures, found, strict=True):
        mixture.learnt = learnt
