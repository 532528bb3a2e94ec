"""Opportunities in, a win model out: fitted on all that is known, open opportunities too."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from dealcast.errors import ModelError, OtherVersionError, listed
from dealcast.modeling.courses import Incidence
from dealcast.modeling.estimators import (
    DEFAULT,
    BaseRates,
    Context,
    base_rates,
    estimator_named,
)
from dealcast.modeling.history import History, known_by
from dealcast.modeling.recalibration import UNCHANGED, Recalibration
from dealcast.modeling.risks import CompetingRisks
from dealcast.modeling.traits import Traits
from dealcast.snapshots import EPOCH, DayArray


@dataclass(frozen=True, eq=False)
class WinModel:
    """A fitted estimator and what must be known to trust, refuse and explain it.

    `base_rates` are what its reasons are measured from. `horizons_days` in rising order.
    `oldest_closed_age_days`, `won` and `lost` are as known when it last learnt. `first_close`: no
    earlier close is in the export. `features` are named as in the
    feature catalogue, of which `catalogue_fingerprint` is the version; `entities` are the ones
    that the leak gate let in.
    """

    estimator: str
    fitted: CompetingRisks
    base_rates: BaseRates
    horizons_days: tuple[int, ...]
    trained_until: date
    first_close: date
    features: tuple[str, ...]
    entities: tuple[str, ...]
    catalogue_fingerprint: str
    oldest_closed_age_days: int
    won: int
    lost: int

    @property
    def model_id(self) -> str:
        """The same content, the same id."""
        content = json.dumps(self._content(), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def incidence(self, traits: Traits, days: DayArray) -> Incidence:
        """P(won) and P(lost) within each of the horizons, for those open at the end of a day."""
        return self.fitted.incidence(traits, days, self.horizons_days)

    def daily(self, traits: Traits, days: DayArray, longest: int) -> Incidence:
        """Chance to be won, and lost, on each of the next days (column 0: tomorrow)."""
        return self.fitted.daily(traits, days, longest)

    def updated(self, history: History) -> "WinModel":
        """The same model, with what is learnt anew each day learnt from what is known by now.

        What it has seen closing, it has seen: an export with less history takes nothing away.
        """
        won = int(history.won.sum())
        oldest = history.person_days.oldest_closed_age
        return replace(
            self,
            fitted=self.fitted.updated(history),
            oldest_closed_age_days=max(self.oldest_closed_age_days, oldest),
            won=max(self.won, won),
            lost=max(self.lost, int(history.is_closed.sum()) - won),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives a model back that scores the same."""
        return {"model_id": self.model_id, **self._content()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "WinModel":
        """The model that `to_dict` wrote.

        Raises ModelError where its content was changed, OtherVersionError where it has other parts.
        """
        wrong = {f.name for f in fields(cls)} ^ (content.keys() - {"model_id"})
        if wrong:
            raise OtherVersionError(
                "The model was written by another version of dealcast: "
                f"it differs in {listed(sorted(wrong))}.",
                remedy="train it anew with `dealcast train`",
            )
        try:
            fitted = CompetingRisks.from_dict(content["fitted"])
        except (KeyError, TypeError) as error:
            raise OtherVersionError(
                "The model was written by another version of dealcast: "
                f"its parts differ ({error}).",
                remedy="train it anew with `dealcast train`",
            ) from error
        values = {k: v for k, v in content.items() if k != "model_id"} | {
            "fitted": fitted,
            "base_rates": BaseRates.from_dict(content["base_rates"]),
            "trained_until": date.fromisoformat(content["trained_until"]),
            "first_close": date.fromisoformat(content["first_close"]),
            **{name: tuple(content[name]) for name in ("horizons_days", "features", "entities")},
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
            "base_rates": self.base_rates.to_dict(),
            "trained_until": self.trained_until.isoformat(),
            "first_close": self.first_close.isoformat(),
            **{n: list(getattr(self, n)) for n in ("horizons_days", "features", "entities")},
        }


def train(  # noqa: PLR0913 - keywords from different parts of the run
    opportunities: pl.DataFrame,
    context: Context,
    *,
    as_of: date,
    catalogue_fingerprint: str,
    estimator: str = DEFAULT,
    recalibration: Recalibration = UNCHANGED,
    min_closed: int | None = None,
) -> WinModel:
    """The win model that knows everything up to `as_of` and nothing later.

    Raises ModelError where too few opportunities had closed by then, or all with one outcome.
    """
    return train_on(
        known_by(opportunities, as_of),
        context,
        catalogue_fingerprint=catalogue_fingerprint,
        estimator=estimator,
        recalibration=recalibration,
        min_closed=min_closed,
    )


def train_on(  # noqa: PLR0913 - as `train`
    history: History,
    context: Context,
    *,
    catalogue_fingerprint: str,
    estimator: str = DEFAULT,
    recalibration: Recalibration = UNCHANGED,
    min_closed: int | None = None,
) -> WinModel:
    """The same of a history, wherever it was made."""
    settings = context.settings
    won, lost = _enough(history, settings.min_closed if min_closed is None else min_closed)
    chosen = estimator_named(estimator)
    horizons = tuple(sorted(set(settings.horizons_days)))
    fitted = chosen.fit(history, context)
    if not isinstance(fitted, CompetingRisks):
        raise ModelError(
            f"The estimator '{estimator}' says the same of every opportunity: it is no win model.",
            remedy="set model.estimator to auto, or to another estimator",
        )
    fitted = replace(fitted, recalibration=recalibration)
    return WinModel(
        estimator=estimator,
        fitted=fitted,
        base_rates=base_rates(history, horizons),
        horizons_days=horizons,
        trained_until=history.known_until,
        first_close=EPOCH + timedelta(days=history.first_close),
        features=chosen.features,
        entities=tuple(sorted(fitted.entities)),
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
