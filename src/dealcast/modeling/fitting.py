"""Fit the closing process, who never closes, and effects of entities, each given the others."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dealcast.modeling.boosting import learn_boosted
from dealcast.modeling.effects import GroupEffects
from dealcast.modeling.entity_effects import Speed, learn_winning
from dealcast.modeling.hazard import ClosingTable, fit_closing_table
from dealcast.modeling.history import History
from dealcast.modeling.mixture import Mixture
from dealcast.modeling.never_close import LEARNT, LEVELS, log_odds
from dealcast.modeling.risks import CompetingRisks
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


def fit_mixture(  # noqa: PLR0913 - the choices of the estimators
    history: History,
    *,
    fiscal_year_start_month: int,
    prior_groups: float = LEARNT,
    levels: Sequence[Sequence[str]] = LEVELS,
    entities: Sequence[str] = (),
    up_to_date: bool = True,
) -> CompetingRisks:
    """The closing process of those that close, who never does, and effects of the entities."""
    seen, of = history.at_risk, tuple(map(tuple, levels))
    key = ("settled", prior_groups, of, fiscal_year_start_month)
    settled = seen.once(key, lambda: _settled(history, prior_groups, of, fiscal_year_start_month))
    table, mixture = settled.table, settled.mixture
    winning: tuple[GroupEffects, ...] = ()
    speed = Speed(seen, entities)
    if entities:
        mixture, never = Mixture(seen, prior_groups, of, entities), settled.never
        mixture.go_on_from(settled.mixture)
        for _ in range(SPEED_ROUNDS):
            speed.fit((1 - never) * _exposure(seen, table))
            for _ in range(2):
                table = _table_given(
                    history, (1 - never) * np.exp(speed.log_speed), fiscal_year_start_month
                )
                never = mixture.fit(table, speed.log_speed, steps=STEPS)
        shares, winning = learn_winning(seen, table, entities)
        table = replace(table, won=shares)
    fitted = CompetingRisks(table, mixture.result(), speed.result(), winning)
    # As any later day would update it, so that a model of today scores today as it will tomorrow.
    return fitted.updated(history) if up_to_date else fitted


class _Settled(NamedTuple):
    """A closing process and who never closes, given each other; `never` of each opportunity."""

    table: ClosingTable
    mixture: Mixture
    never: FloatArray


def _settled(
    history: History,
    prior_groups: float,
    levels: Sequence[Sequence[str]],
    fiscal_year_start_month: int,
) -> _Settled:
    seen = history.at_risk
    mixture = Mixture(seen, prior_groups, levels)
    never = np.where(seen.is_closed, 0.0, FIRST_GUESS)
    for _ in range(ROUNDS):
        table = _table_given(history, 1 - never, fiscal_year_start_month)
        never = mixture.fit(table, steps=STEPS)
    return _Settled(table, mixture, never)


def _table_given(
    history: History, weights: FloatArray, fiscal_year_start_month: int
) -> ClosingTable:
    days = history.person_days
    return fit_closing_table(
        days, fiscal_year_start_month=fiscal_year_start_month, at_risk=days.at_risk(weights)
    )


def fit_boosted(
    history: History,
    *,
    fiscal_year_start_month: int,
    levels: Sequence[Sequence[str]] = LEVELS,
    entities: Sequence[str] = (),
    up_to_date: bool = True,
) -> CompetingRisks:
    """As `fit_mixture`, with boosted trees on what the entities do together.

    Raises MissingExtraError without LightGBM.
    """
    fitted = fit_mixture(
        history,
        fiscal_year_start_month=fiscal_year_start_month,
        levels=levels,
        entities=entities,
        up_to_date=up_to_date,
    )
    seen = history.at_risk
    ended = seen.is_closed
    known = log_odds(fitted.table.share_won(seen.closed[ended]))
    known += fitted.log_winning(seen.traits.take(ended))
    boosted = learn_boosted(seen, known, entities, fiscal_year_start_month=fiscal_year_start_month)
    return replace(fitted, boosted=boosted)


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
