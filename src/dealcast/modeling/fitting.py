"""Fit the closing process, who never closes, and effects of entities, each given the others."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dealcast.modeling.boosting import learn_boosted
from dealcast.modeling.effects import GroupEffects
from dealcast.modeling.entity_effects import Speed, learn_winning
from dealcast.modeling.hazard import ClosingTable, fit_closing_table
from dealcast.modeling.history import History, PersonDays, once_each
from dealcast.modeling.mixture import Mixture, learn
from dealcast.modeling.never_close import LEARNT, LEVELS, log_odds
from dealcast.modeling.risks import CompetingRisks, updated_abreast
from dealcast.modeling.traits import FloatArray

# Rounds of fitting each part given the others; more changes the figures in the fourth digit.
ROUNDS, SPEED_ROUNDS, STEPS = 10, 8, 8
FIRST_GUESS = 0.2


def fit_process(
    history: History, *, fiscal_year_start_month: int, calendar: bool = True
) -> CompetingRisks:
    """The closing process alone: by age, and by the calendar unless switched off."""
    return CompetingRisks(
        fit_closing_table(
            history.person_days,
            fiscal_year_start_month=fiscal_year_start_month,
            calendar=calendar,
        )
    )


def fit_mixtures(  # noqa: PLR0913 - the choices of the estimators
    histories: Sequence[History],
    *,
    fiscal_year_start_month: int,
    prior_groups: float = LEARNT,
    levels: Sequence[Sequence[str]] = LEVELS,
    entities: Sequence[str] = (),
    up_to_date: bool = True,
) -> list[CompetingRisks]:
    """The closing process of those that close, who never does, and effects of the entities.

    What each history says by itself; they are learnt from abreast, which is quicker.
    """
    of = tuple(map(tuple, levels))
    fits = once_each(
        histories,
        ("settled", prior_groups, of, fiscal_year_start_month),
        lambda lacking: _settled(lacking, prior_groups, of, fiscal_year_start_month),
    )
    if entities:
        fits = _told_apart(fits, entities)
    found = [fit.result(entities) for fit in fits]
    # As any later day would update it, so that a model of today scores today as it will tomorrow.
    return updated_abreast(list(zip(found, histories, strict=True))) if up_to_date else found


def fit_boosted(
    histories: Sequence[History],
    *,
    fiscal_year_start_month: int,
    entities: Sequence[str] = (),
    **choices: Any,
) -> list[CompetingRisks]:
    """As `fit_mixtures`, with boosted trees on what the entities do together.

    Raises MissingExtraError without LightGBM.
    """
    month = fiscal_year_start_month
    fits = fit_mixtures(histories, fiscal_year_start_month=month, entities=entities, **choices)
    return [_boosted(*each, entities, month) for each in zip(fits, histories, strict=True)]


def _boosted(
    fitted: CompetingRisks, history: History, entities: Sequence[str], month: int
) -> CompetingRisks:
    seen = history.at_risk
    ended = seen.is_closed
    known = log_odds(fitted.table.share_won(seen.closed[ended]))
    known += fitted.log_winning(seen.traits.take(ended))
    boosted = learn_boosted(seen, known, entities, fiscal_year_start_month=month)
    return replace(fitted, boosted=boosted)


@dataclass(eq=False)
class _Fit:
    """What is learnt of a history, each part given the others.

    `seen`: those of it that were at risk, and their person-days; of the history itself, which
    keeps this, it would never be let go. `never`: the chance of each that it never closes.
    """

    seen: History
    days: PersonDays
    mixture: Mixture
    speed: Speed
    never: FloatArray
    fiscal_year_start_month: int
    table: ClosingTable = field(init=False)

    @classmethod
    def begun(cls, history: History, mixture: Mixture, fiscal_year_start_month: int) -> "_Fit":
        """A first guess, with the usual speed for all."""
        seen, days = history.at_risk, history.person_days
        never = np.where(seen.is_closed, 0.0, FIRST_GUESS)
        return cls(seen, days, mixture, Speed(seen, ()), never, fiscal_year_start_month)

    def told_apart(self, entities: Sequence[str]) -> "_Fit":
        """The same, from which to go on with a speed for each entity."""
        other = copy(self)
        other.mixture = self.mixture.told_apart(entities)
        other.speed = Speed(self.seen, entities)
        return other

    def fit_table(self) -> None:
        """The closing process, given who never closes and how fast the others do."""
        self.table = fit_closing_table(
            self.days,
            fiscal_year_start_month=self.fiscal_year_start_month,
            at_risk=self.days.at_risk((1 - self.never) * np.exp(self.speed.log_speed)),
        )

    def fit_speed(self) -> None:
        """How entities differ in speed, given the rest."""
        self.speed.fit((1 - self.never) * _exposure(self.seen, self.table))

    def result(self, entities: Sequence[str]) -> CompetingRisks:
        """The model, with how these entities differ in winning."""
        table, winning = self.table, tuple[GroupEffects, ...]()
        if entities:
            shares, winning = learn_winning(self.seen, table, entities)
            table = replace(table, won=shares)
        return CompetingRisks(table, self.mixture.result(), self.speed.result(), winning)


def _settled(
    histories: Sequence[History],
    prior_groups: float,
    levels: Sequence[Sequence[str]],
    fiscal_year_start_month: int,
) -> list[_Fit]:
    """Of each history, with the usual speed for all."""
    fits = [
        _Fit.begun(h, Mixture(h.at_risk, prior_groups, levels), fiscal_year_start_month)
        for h in histories
    ]
    for _ in range(ROUNDS):
        _learn_round(fits)
    return fits


def _told_apart(settled: Sequence[_Fit], entities: Sequence[str]) -> list[_Fit]:
    """The same with speeds of the entities, beginning with what has settled without."""
    fits = [fit.told_apart(entities) for fit in settled]
    for _ in range(SPEED_ROUNDS):
        for fit in fits:
            fit.fit_speed()
        for _ in range(2):
            _learn_round(fits)
    return fits


def _learn_round(fits: Sequence[_Fit]) -> None:
    """The closing process of each given the rest, then who never closes given that: abreast."""
    for fit in fits:
        fit.fit_table()
    mixtures = [fit.mixture for fit in fits]
    tasks = [fit.mixture.task(fit.table, fit.speed.log_speed) for fit in fits]
    learn(mixtures, tasks, steps=STEPS)
    for fit, task in zip(fits, tasks, strict=True):
        fit.never = fit.mixture.never(task)


def _exposure(history: History, table: ClosingTable) -> FloatArray:
    """Cumulative hazard of each over the days on which it was seen open.

    Of the day on which it closed one half: it was open for a part of it. With whole days more
    closes would be expected than the table was made from, and speeds would sink round by round.
    """
    before, day_before, until = table.cumulative(
        history.engaged,
        history.entered,
        np.minimum(history.closed - 1, history.last_day),
        np.minimum(history.closed, history.last_day),
    )
    seen: FloatArray = (day_before + until) / 2 - before
    return seen
