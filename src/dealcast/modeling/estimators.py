"""ESTIMATORS: the ways to come to a probability, from the plainest on. One line each to add one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from dealcast.errors import ModelError, listed, nearest
from dealcast.modeling.courses import Incidence
from dealcast.modeling.fitting import fit_boosted, fit_mixtures, fit_process
from dealcast.modeling.history import History
from dealcast.modeling.never_close import FIXED, levels_of
from dealcast.modeling.risks import CompetingRisks
from dealcast.modeling.splits import matured_until
from dealcast.modeling.traits import Traits
from dealcast.settings import ModelSettings
from dealcast.snapshots import DayArray, day_number


class Fitted(Protocol):
    """What an estimator learnt: probabilities for an opportunity on a day."""

    def incidence(self, traits: Traits, days: DayArray, horizons: Sequence[int]) -> Incidence:
        """P(won) and P(lost) within each horizon (days) of day number s, open at its end."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        ...


@dataclass(frozen=True)
class Context:
    """What an estimator is fitted with besides the history.

    `entities`: of sales_agent, product and account those that the leak gate lets in. `up_to_date`:
    who never closes is learnt as of the history's last day; needless where an update follows.
    """

    settings: ModelSettings
    fiscal_year_start_month: int = 1
    entities: tuple[str, ...] = ("sales_agent", "product")
    up_to_date: bool = True


@dataclass(frozen=True)
class Estimator:
    """One way to learn: its name, what it does, the features it uses, how to fit and reload it.

    `fit_each` learns from each of several histories by itself. An optional one is tried only where
    the settings ask for it.
    """

    name: str
    about: str
    features: tuple[str, ...]
    fit_each: Callable[[Sequence[History], Context], Sequence[Fitted]]
    load: Callable[[Mapping[str, Any]], Fitted]
    is_optional: bool = False

    def fit(self, history: History, context: Context) -> Fitted:
        """What one history says."""
        (fitted,) = self.fit_each([history], context)
        return fitted


@dataclass(frozen=True)
class BaseRates:
    """Shares won and lost within each horizon (days), the same for every opportunity."""

    rates: Mapping[int, tuple[float, float]]

    def incidence(self, traits: Traits, days: DayArray, horizons: Sequence[int]) -> Incidence:
        """The base rates, whatever the age and day (only horizons that were fitted)."""
        del days
        table = np.array([self.rates[h] for h in horizons])
        return Incidence(*(np.tile(column, (len(traits), 1)) for column in table.T))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives the same rates back."""
        return {"rates": [[h, *rates] for h, rates in self.rates.items()]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "BaseRates":
        """The rates that `to_dict` wrote."""
        return cls({h: (won, lost) for h, won, lost in content["rates"]})


def base_rate(history: History, horizon_days: int) -> tuple[float, float] | None:
    """Shares of matured daily snapshots won and lost within the horizon; None where none matured.

    Counted per opportunity as lengths of intervals of days, so no snapshot has to be made.
    """
    first = np.maximum(history.engaged, history.first_close - 1)
    last = np.minimum(
        history.closed - 1, day_number(matured_until(history.known_until, horizon_days))
    )
    snapshots = np.maximum(last - first + 1, 0)
    closing = np.maximum(last - np.maximum(first, history.closed - horizon_days) + 1, 0)
    closing *= history.is_closed
    total = snapshots.sum()
    if total == 0:
        return None
    return float(closing[history.won].sum() / total), float(closing[~history.won].sum() / total)


def base_rates(history: History, horizons_days: Sequence[int]) -> BaseRates:
    """The base rate of each horizon; while no snapshot has matured, that of constant hazards."""
    at_risk, won, lost = (n.sum() for n in history.person_days.counts)

    def constant(horizon: int) -> tuple[float, float]:
        closed = 1 - (1 - (won + lost) / at_risk) ** horizon
        return float(closed * won / (won + lost)), float(closed * lost / (won + lost))

    return BaseRates({h: base_rate(history, h) or constant(h) for h in horizons_days})


def _fit_climatology(histories: Sequence[History], context: Context) -> Sequence[Fitted]:
    return [base_rates(history, context.settings.horizons_days) for history in histories]


def _fit_age(histories: Sequence[History], context: Context) -> Sequence[Fitted]:
    month = context.fiscal_year_start_month
    return [fit_process(h, fiscal_year_start_month=month, calendar=False) for h in histories]


def _fit_calendar(histories: Sequence[History], context: Context) -> Sequence[Fitted]:
    month = context.fiscal_year_start_month
    return [fit_process(h, fiscal_year_start_month=month) for h in histories]


def _fit_never_close(histories: Sequence[History], context: Context) -> Sequence[Fitted]:
    return fit_mixtures(histories, **_choices(context))


def _fit_shifting(histories: Sequence[History], context: Context) -> Sequence[Fitted]:
    return fit_mixtures(histories, prior_groups=FIXED, **_choices(context))


def _fit_entities(histories: Sequence[History], context: Context) -> Sequence[Fitted]:
    return fit_mixtures(histories, entities=context.entities, **_choices(context))


def _fit_boosting(histories: Sequence[History], context: Context) -> Sequence[Fitted]:
    return fit_boosted(histories, entities=context.entities, **_choices(context))


def _choices(context: Context) -> dict[str, Any]:
    """Those that all mixtures have in common."""
    return {
        "fiscal_year_start_month": context.fiscal_year_start_month,
        "levels": levels_of(context.entities),
        "up_to_date": context.up_to_date,
    }


DEFAULT = "never_close"
_AGE, _CALENDAR = ("age_days",), ("age_days", "week_of_quarter", "month_of_quarter")

# From the plainest to the richest: among those that predict equally well the first is chosen.
ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        e.name: e
        for e in (
            Estimator(
                "climatology",
                "share won within the horizon among all earlier snapshots that have matured",
                (),
                _fit_climatology,
                BaseRates.from_dict,
            ),
            Estimator(
                "age",
                "daily chance to close by age alone (Kaplan-Meier), one share won",
                _AGE,
                _fit_age,
                CompetingRisks.from_dict,
            ),
            Estimator(
                "calendar",
                "daily chance to close by age and week, share won by month of the fiscal quarter",
                _CALENDAR,
                _fit_calendar,
                CompetingRisks.from_dict,
            ),
            Estimator(
                DEFAULT,
                "as calendar, for those that close, and who never does by agent and cohort",
                _CALENDAR,
                _fit_never_close,
                CompetingRisks.from_dict,
            ),
            Estimator(
                "shifting",
                "as never_close, ready for agents and cohorts to change from now on",
                _CALENDAR,
                _fit_shifting,
                CompetingRisks.from_dict,
            ),
            Estimator(
                "entities",
                "as never_close, and how agents, products and accounts differ in speed and winning",
                _CALENDAR,
                _fit_entities,
                CompetingRisks.from_dict,
            ),
            Estimator(
                "boosting",
                "as entities, and boosted trees on who wins what together (model.try_boosting)",
                _CALENDAR,
                _fit_boosting,
                CompetingRisks.from_dict,
                is_optional=True,
            ),
        )
    }
)


def tried(settings: ModelSettings) -> tuple[str, ...]:
    """The estimators that a backtest tries: optional ones only where the settings ask for them.

    >>> "boosting" in tried(ModelSettings())
    False
    """
    wanted = {"boosting"} if settings.try_boosting else set()
    return tuple(
        e.name
        for e in ESTIMATORS.values()
        if not e.is_optional or e.name in {*wanted, settings.estimator}
    )


def estimator_named(name: str) -> Estimator:
    """The estimator of that name. Raises ModelError with the nearest one.

    >>> estimator_named("age").features
    ('age_days',)
    """
    if name in ESTIMATORS:
        return ESTIMATORS[name]
    near = nearest(name, ESTIMATORS)
    raise ModelError(
        f"There is no estimator '{name}'.",
        remedy=f"did you mean '{near}'?" if near else f"one of {listed(ESTIMATORS)}",
    )
