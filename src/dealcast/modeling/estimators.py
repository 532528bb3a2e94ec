"""ESTIMATORS: the ways to come to a probability, from the plainest on. One line each to add one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from dealcast.errors import ModelError, listed, nearest
from dealcast.modeling.hazard import (
    HazardTable,
    Incidence,
    fit_logit_hazards,
    hazards_by_age,
)
from dealcast.modeling.history import History
from dealcast.modeling.splits import matured_until
from dealcast.settings import ModelSettings
from dealcast.snapshots import DayArray, day_number


class Fitted(Protocol):
    """What an estimator learnt: probabilities for an age on a day."""

    def incidence(self, ages: DayArray, days: DayArray, horizons: Sequence[int]) -> Incidence:
        """P(won) and P(lost) within each horizon (days) of day number s, open at its end."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        ...


@dataclass(frozen=True)
class Estimator:
    """One way to learn: its name, what it does, the features it uses, how to fit and reload it.

    `fit` takes the history, the model settings and the month in which the fiscal year starts.
    """

    name: str
    about: str
    features: tuple[str, ...]
    fit: Callable[[History, ModelSettings, int], Fitted]
    load: Callable[[Mapping[str, Any]], Fitted]


@dataclass(frozen=True)
class BaseRates:
    """Shares won and lost within each horizon (days), the same for every opportunity."""

    rates: Mapping[int, tuple[float, float]]

    def incidence(self, ages: DayArray, days: DayArray, horizons: Sequence[int]) -> Incidence:
        """The base rates, whatever the age and day (only horizons that were fitted)."""
        del days
        table = np.array([self.rates[h] for h in horizons])
        return Incidence(*(np.tile(column, (len(ages), 1)) for column in table.T))

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


def _fit_climatology(
    history: History, settings: ModelSettings, fiscal_year_start_month: int
) -> BaseRates:
    del fiscal_year_start_month
    at_risk, won, lost = (n.sum() for n in history.person_days.counts)

    def constant(horizon: int) -> tuple[float, float]:
        # No snapshot has matured yet: what the mean daily rates would come to.
        closed = 1 - (1 - (won + lost) / at_risk) ** horizon
        return float(closed * won / (won + lost)), float(closed * lost / (won + lost))

    return BaseRates({h: base_rate(history, h) or constant(h) for h in settings.horizons_days})


def _fit_age(history: History, settings: ModelSettings, fiscal_year_start_month: int) -> Fitted:
    del settings
    return hazards_by_age(history.person_days, fiscal_year_start_month=fiscal_year_start_month)


def _fit_hazard(history: History, settings: ModelSettings, fiscal_year_start_month: int) -> Fitted:
    return fit_logit_hazards(
        history.person_days,
        penalty=settings.penalty,
        fiscal_year_start_month=fiscal_year_start_month,
    )


DEFAULT = "hazard"

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
                "daily hazards by age alone (Aalen-Johansen), drawn to the overall ones",
                ("age_days",),
                _fit_age,
                HazardTable.from_dict,
            ),
            Estimator(
                DEFAULT,
                "daily hazards by age and month of the fiscal quarter (multinomial logit)",
                ("age_days", "month_of_quarter"),
                _fit_hazard,
                HazardTable.from_dict,
            ),
        )
    }
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
