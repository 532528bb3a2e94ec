"""ESTIMATORS: the ways to come to a probability, from the plainest on. One line each to add one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from dealcast.errors import ModelError, listed, nearest
from dealcast.modeling.courses import Incidence
from dealcast.modeling.fitting import fit_boosted, fit_mixtures, fit_process
from dealcast.modeling.history import History, Record
from dealcast.modeling.never_close import FIXED, levels_of
from dealcast.modeling.risks import CompetingRisks, updated_abreast
from dealcast.modeling.splits import matured_until
from dealcast.modeling.traits import Traits
from dealcast.settings import ModelSettings
from dealcast.snapshots import DayArray, day_number

# Opportunities of the histories (count) that are learnt from abreast: more take no less time, but
# more memory.
ABREAST = 150_000


class Fitted(Protocol):
    """What an estimator learnt: probabilities for an opportunity on a day."""

    def incidence(self, traits: Traits, days: DayArray, horizons: Sequence[int]) -> Incidence:
        """P(won) and P(lost) within each horizon (days) of day number s, open at its end."""
        ...

    def updated(self, history: History) -> "Fitted":
        """The same, with what is learnt anew each day learnt from what is known by now."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        ...


@dataclass(frozen=True)
class Context:
    """What an estimator is fitted with besides the history.

    `entities`: of sales_agent, product and account those that the leak gate lets in. `up_to_date`:
    who never closes is learnt as of the history's last day; needless where `updated` follows.
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

    def updated(self, history: History) -> "BaseRates":
        """The same rates."""
        del history
        return self

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


def fitted_by_day(
    names: Sequence[str], record: Record, days: Sequence[date], context: Context
) -> Iterator[tuple[History, Mapping[str, Fitted]]]:
    """What was known at the end of each day, and what each of the estimators learns from it.

    As many days abreast as there is room for.
    """
    at_a_time = max(1, ABREAST // max(1, len(record.closed)))
    for start in range(0, len(days), at_a_time):
        histories = [record.known_by(day) for day in days[start : start + at_a_time]]
        fits = [ESTIMATORS[name].fit_each(histories, context) for name in names]
        for history, *fitted in zip(histories, *fits, strict=True):
            yield history, dict(zip(names, fitted, strict=True))


def updated_by_day(
    fitted: Mapping[str, Fitted], histories: Sequence[History]
) -> list[Mapping[str, Fitted]]:
    """All of them as each of the histories updates them: what `updated` gives, but sooner."""
    risks = [f for f in fitted.values() if isinstance(f, CompetingRisks)]
    abreast = iter(updated_abreast([(f, known) for known in histories for f in risks]))
    return [
        {
            name: next(abreast) if isinstance(f, CompetingRisks) else f.updated(known)
            for name, f in fitted.items()
        }
        for known in histories
    ]


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
