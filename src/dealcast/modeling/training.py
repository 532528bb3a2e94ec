"""Opportunities in, a win model out: fitted on all that is known, open opportunities too."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from dealcast.errors import ModelError
from dealcast.modeling.estimators import DEFAULT, ESTIMATORS, Fitted, estimator_named
from dealcast.modeling.hazard import Incidence
from dealcast.modeling.history import History, known_by
from dealcast.settings import ModelSettings
from dealcast.snapshots import EPOCH, DayArray


@dataclass(frozen=True, eq=False)
class WinModel:
    """A fitted estimator and what must be known to trust, refuse and explain it.

    `horizons_days` in rising order. `first_close`: no earlier close is in the export. `features`
    are named as in the feature catalogue, of which `catalogue_fingerprint` is the version.
    """

    estimator: str
    fitted: Fitted
    horizons_days: tuple[int, ...]
    trained_until: date
    first_close: date
    features: tuple[str, ...]
    catalogue_fingerprint: str
    oldest_closed_age_days: int
    won: int
    lost: int

    @property
    def model_id(self) -> str:
        """The same content, the same id."""
        content = json.dumps(self._content(), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def incidence(self, ages: DayArray, days: DayArray) -> Incidence:
        """P(won) and P(lost) within each of the horizons, given age on a day, open at its end."""
        return self.fitted.incidence(ages, days, self.horizons_days)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives a model back that scores the same."""
        return {"model_id": self.model_id, **self._content()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "WinModel":
        """The model that `to_dict` wrote. Raises ModelError where its content was changed."""
        estimator = estimator_named(content["estimator"])
        values = {k: v for k, v in content.items() if k != "model_id"} | {
            "fitted": estimator.load(content["fitted"]),
            "horizons_days": tuple(content["horizons_days"]),
            "trained_until": date.fromisoformat(content["trained_until"]),
            "first_close": date.fromisoformat(content["first_close"]),
            "features": tuple(content["features"]),
        }
        model = cls(**values)
        if model.model_id != content["model_id"]:
            raise ModelError(
                f"The content of model {content['model_id']} was changed after training: "
                f"it is that of {model.model_id}.",
                remedy="train it anew with `dealcast train`",
            )
        return model

    def _content(self) -> dict[str, Any]:
        return vars(self) | {
            "fitted": self.fitted.to_dict(),
            "horizons_days": list(self.horizons_days),
            "trained_until": self.trained_until.isoformat(),
            "first_close": self.first_close.isoformat(),
            "features": list(self.features),
        }


def train(
    opportunities: pl.DataFrame,
    settings: ModelSettings,
    *,
    as_of: date,
    fiscal_year_start_month: int,
    catalogue_fingerprint: str,
) -> WinModel:
    """The win model that knows everything up to `as_of` and nothing later.

    Raises ModelError where too few opportunities had closed by then, or all with one outcome.
    """
    history = known_by(opportunities, as_of)
    won, lost = _enough(history, settings.min_closed)
    chosen = ESTIMATORS[DEFAULT]
    return WinModel(
        estimator=DEFAULT,
        fitted=chosen.fit(history, settings, fiscal_year_start_month),
        horizons_days=tuple(sorted(set(settings.horizons_days))),
        trained_until=as_of,
        first_close=EPOCH + timedelta(days=history.first_close),
        features=chosen.features,
        catalogue_fingerprint=catalogue_fingerprint,
        oldest_closed_age_days=history.person_days.oldest_closed_age,
        won=won,
        lost=lost,
    )


def _enough(history: History, min_closed: int) -> tuple[int, int]:
    """Won and lost (counts). Raises ModelError where they are too few to learn from."""
    won = int(history.won.sum())
    lost = int(history.is_closed.sum()) - won
    if won + lost < min_closed:
        raise ModelError(
            f"Only {won + lost} opportunities had closed by {history.known_until}; "
            f"at least {min_closed} are needed to train on.",
            remedy="give an export with a longer history, or lower model.min_closed",
        )
    if not (won and lost):
        outcome = "won" if won else "lost"
        raise ModelError(
            f"All {won + lost} closed opportunities were {outcome}: "
            "there is no other outcome to tell it from.",
            remedy="check which stages the mapping counts as Won and Lost",
        )
    return won, lost
