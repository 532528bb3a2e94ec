"""Discrete-time competing risks: on each day an open opportunity is won, is lost, or stays open.

Prentice and Gloeckler 1978; Allison 1982, "Discrete-time methods for the analysis of event
histories"; for competing risks Tutz and Schmid 2016, chapter 8.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dealcast.modeling.history import PersonDays
from dealcast.snapshots import DayArray, month_of_quarter

FloatArray = npt.NDArray[np.float64]

# Knots stand at the ages that split the closes into so many equal shares.
AGE_BANDS = 12
# Person-days by which the hazard at one age is drawn to that of all ages.
PRIOR_DAYS = 50
MONTHS = 3
# More than any age in days: makes one number of a day and an age.
_AGES = 100_000


class Incidence(NamedTuple):
    """P(won) and P(lost) within each horizon: one row per opportunity, one column per horizon."""

    won: FloatArray
    lost: FloatArray


@dataclass(frozen=True, eq=False)
class HazardTable:
    """The chance of being won, and of being lost, on a day, for one that was open until then.

    Row: age on that day in days; the last row also holds for all older ones. Column: month of the
    fiscal quarter that the day falls in.
    """

    won: FloatArray
    lost: FloatArray
    fiscal_year_start_month: int

    def hazards(self, ages: DayArray, days: DayArray) -> tuple[FloatArray, FloatArray]:
        """Daily hazards (won, lost) for ages in days on calendar days (day numbers)."""
        month = month_of_quarter(days, fiscal_year_start_month=self.fiscal_year_start_month)
        at = np.minimum(ages, len(self.won) - 1), month - 1
        return self.won[at], self.lost[at]

    def incidence(self, ages: DayArray, days: DayArray, horizons: Sequence[int]) -> Incidence:
        """P(won) and P(lost) within (s, s + H], given age on day s and open at its end.

        The cumulative incidence of Aalen and Johansen 1978: the daily hazards, each times the
        chance of having stayed open until then, added up. `days` are the s, one per age.
        """
        # Opportunities of one age on one day share their hazards, so each pair is computed once.
        pairs, row = np.unique(days * _AGES + ages, return_inverse=True)
        day, age = np.divmod(pairs[:, None], _AGES)
        steps = np.arange(1, max(horizons) + 1)
        won, lost = self.hazards(age + steps, day + steps)
        # Rounding must not lead out of [0, 1].
        still_open = np.cumprod(np.maximum(1 - won - lost, 0), axis=1)
        until_then = np.concatenate([np.ones((len(won), 1)), still_open[:, :-1]], axis=1)
        last = np.asarray(horizons) - 1
        ended = (np.cumsum(until_then * hazard, axis=1)[:, last] for hazard in (won, lost))
        return Incidence(*(np.minimum(p, 1)[row] for p in ended))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives the same table back."""
        return {
            "fiscal_year_start_month": self.fiscal_year_start_month,
            "won": self.won.tolist(),
            "lost": self.lost.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "HazardTable":
        """The table that `to_dict` wrote."""
        return cls(
            won=np.asarray(content["won"], dtype=np.float64),
            lost=np.asarray(content["lost"], dtype=np.float64),
            fiscal_year_start_month=content["fiscal_year_start_month"],
        )


def hazards_by_age(person_days: PersonDays, *, fiscal_year_start_month: int) -> HazardTable:
    """Observed daily hazards at each age, drawn to the overall ones; the same in every month."""
    counts = person_days.by_age_and_month(fiscal_year_start_month=fiscal_year_start_month)
    at_risk, won, lost = (n.sum(axis=1, dtype=np.float64) for n in counts)

    def drawn(events: FloatArray) -> FloatArray:
        overall = events.sum() / at_risk.sum()
        hazard = (events + PRIOR_DAYS * overall) / (at_risk + PRIOR_DAYS)
        return np.repeat(hazard[:, None], MONTHS, axis=1)

    return HazardTable(drawn(won), drawn(lost), fiscal_year_start_month)


def fit_logit_hazards(
    person_days: PersonDays, *, penalty: float, fiscal_year_start_month: int
) -> HazardTable:
    """Daily hazards by a multinomial logit (open, won, lost) on age x month of the quarter.

    The log-odds are piecewise linear in age, one curve for all months plus a deviation for each;
    the ridge penalty (inverse strength) draws the deviations to zero. The last knot lies a day
    beyond the oldest age that ever closed, so the hazard ends near zero where many have got there.
    """
    counts = person_days.by_age_and_month(fiscal_year_start_month=fiscal_year_start_month)
    ages, months = np.divmod(np.arange(counts.at_risk.size), MONTHS)
    design = _design(ages, months, _age_knots(person_days))
    at_risk, won, lost = (n.ravel() for n in counts)
    # Half an event more of each kind, spread over all: an outcome that has not come up yet is
    # rare, not impossible, and every fit has its three outcomes.
    half = 0.5 * at_risk / at_risk.sum()
    outcomes = np.stack([at_risk - won - lost + half, won + half, lost + half])
    _, won_hazard, lost_hazard = _logit_probabilities(design, outcomes, penalty)
    shape = (-1, MONTHS)
    return HazardTable(
        won_hazard.reshape(shape), lost_hazard.reshape(shape), fiscal_year_start_month
    )


def _logit_probabilities(design: FloatArray, outcomes: FloatArray, penalty: float) -> FloatArray:
    """Fitted probability of each outcome (row) at each line of the design (column).

    `outcomes` has the same shape and says how often each came up.
    """
    # Over a second to import. threadpoolctl comes with scikit-learn.
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    outcome, line = np.nonzero(outcomes)
    # The default tolerance leaves the rare events of old opportunities ten times too likely.
    logit = LogisticRegression(C=penalty, solver="newton-cholesky", tol=1e-9, max_iter=200)
    # The matrices are small: threads would only wait for each other, and their number would
    # change the last digits, and with them the model's id.
    with threadpool_limits(1):
        logit.fit(design[line], outcome, sample_weight=outcomes[outcome, line])
        probabilities: FloatArray = logit.predict_proba(design).T
    return probabilities


def _age_knots(person_days: PersonDays) -> DayArray:
    closes = person_days.counts.won + person_days.counts.lost
    ages = np.repeat(person_days.age, closes)
    shares = np.linspace(0, 1, AGE_BANDS + 1)
    knots = np.quantile(ages, shares, method="nearest")
    return np.unique(np.concatenate([[1], knots, [person_days.oldest_closed_age + 1]])).astype(
        np.int64
    )


def _design(ages: DayArray, months: DayArray, knots: DayArray) -> FloatArray:
    """Hat functions of age, then for each month its indicator and its own hat functions."""
    at = np.clip(ages, knots[0], knots[-1])
    hats = np.stack([np.interp(at, knots, one) for one in np.eye(len(knots))], axis=1)
    in_month = (months[:, None] == np.arange(MONTHS)).astype(np.float64)
    by_month = [in_month[:, [m]] * np.column_stack([np.ones(len(at)), hats]) for m in range(MONTHS)]
    return np.concatenate([hats, *by_month], axis=1)
