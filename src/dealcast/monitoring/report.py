"""DriftReport: what changed since training, how sure that is, and what to do about it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Literal

import numpy as np
import polars as pl

from dealcast.contracts import Drift
from dealcast.errors import EXAMPLES_SHOWN
from dealcast.monitoring.comparison import Comparison, Kind, Unit
from dealcast.monitoring.statistics import benjamini_hochberg
from dealcast.monitoring.windows import Windows
from dealcast.settings.tree import MonitoringSettings

Level = Literal["ok", "warning", "alert", "not applicable"]

EXIT_OK, EXIT_WARNING, EXIT_ALERT = 0, 10, 11
"""Exit codes of `dealcast monitor` for a scheduler; errors have 1 to 9."""

_EXIT_CODES: Mapping[Level, int] = {"warning": EXIT_WARNING, "alert": EXIT_ALERT}
_SEVERITY: Mapping[Level, int] = {"not applicable": 0, "ok": 1, "warning": 2, "alert": 3}

REMEDIES: Mapping[Kind, str] = {
    "mix": "ask what changed in the business: territories, people, products; then train anew",
    "feature": "check the source of the column, then train anew",
    "missing values": "check the export and its mapping: `dealcast validate` names blank columns",
    "rate": "ask what changed in the business or in how stages are kept, then train anew",
    "score": "compare the models that issued the scores; see which features drifted",
    "calibration": "train anew with `dealcast train`: chances no longer come true",
}


@dataclass(frozen=True)
class DriftResult:
    """One comparison, judged: the fields of the contract Drift."""

    kind: Kind
    what: str
    test: str | None
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    effect: float | None
    effect_unit: Unit
    threshold: float
    level: Level
    n_reference: int
    n_current: int
    note: str | None
    remedy: str | None


@dataclass(frozen=True)
class DriftReport:
    """Reference (`reference_from` to `trained_until`) against current (after it, to `as_of`).

    `reference_from` is null where nothing had closed by then. A result is a warning or an alert
    only if its adjusted p is at most `false_alarm_rate` and its effect is as large as is set.
    """

    as_of: date
    reference_from: date | None
    trained_until: date
    false_alarm_rate: float
    retrain_on: Literal["never", "alert", "warning"]
    results: tuple[DriftResult, ...]

    @property
    def level(self) -> Level:
        """The worst of the results; 'not applicable' where nothing could be tested."""
        levels: list[Level] = [r.level for r in self.results]
        return max(levels, key=_SEVERITY.__getitem__, default="not applicable")

    @property
    def exit_code(self) -> int:
        """0 ok (or nothing to test), 10 warning, 11 alert."""
        return _EXIT_CODES.get(self.level, EXIT_OK)

    @property
    def drifted(self) -> tuple[DriftResult, ...]:
        """Warnings and alerts, alerts first, each by how sure they are."""
        found = [r for r in self.results if r.level in _EXIT_CODES]
        return tuple(sorted(found, key=lambda r: (-_SEVERITY[r.level], r.p_adjusted or 0.0)))

    @property
    def retrain_reason(self) -> str | None:
        """Why the model is to be trained anew; None where it is not."""
        if self.retrain_on == "never" or _SEVERITY[self.level] < _SEVERITY[self.retrain_on]:
            return None
        named = ", ".join(f"{r.kind} {r.what}" for r in self.drifted[:EXAMPLES_SHOWN])
        return f"drift at level {self.level} (monitoring.retrain_on: {self.retrain_on}): {named}"

    @property
    def should_retrain(self) -> bool:
        """Whether drift is of the level upon which the settings want a new model."""
        return self.retrain_reason is not None

    @property
    def summary(self) -> str:
        """One or two sentences: what drifted, of how many things looked at."""
        tested = [r for r in self.results if r.level != "not applicable"]
        span = f"since {self.trained_until}, as of {self.as_of}"
        if not tested:
            why = self.results[0].note if self.results else "nothing was looked at"
            return f"Drift {span} cannot be told: {why}."
        if not self.drifted:
            return f"No drift {span}: {len(tested)} things tested."
        told = "; ".join(f"{r.kind} {r.what} ({r.note})" for r in self.drifted[:EXAMPLES_SHOWN])
        more = len(self.drifted) - EXAMPLES_SHOWN
        rest = f"; and {more} more" if more > 0 else ""
        return (
            f"Drift at level {self.level} {span}, in {len(self.drifted)} of {len(tested)} "
            f"things tested: {told}{rest}."
        )

    def __getitem__(self, key: tuple[Kind, str]) -> DriftResult:
        """The result of this kind about this thing.

        `report["rate", "win_rate"]`
        """
        return next(r for r in self.results if (r.kind, r.what) == key)

    def to_frame(self) -> pl.DataFrame:
        """The contract Drift: one row per thing monitored."""
        rows = [asdict(r) for r in self.results]
        schema = {name: column.dtype for name, column in Drift.columns().items()}
        return Drift.cast(pl.DataFrame(rows, schema=schema, infer_schema_length=None))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; level, exit code, verdict on retraining and summary are there for readers."""
        told = {name: getattr(self, name) for name in _TOLD}
        reference_from = self.reference_from and self.reference_from.isoformat()
        dates = {
            "as_of": self.as_of.isoformat(),
            "reference_from": reference_from,
            "trained_until": self.trained_until.isoformat(),
        }
        return {**told, **asdict(self), **dates, "results": [asdict(r) for r in self.results]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "DriftReport":
        """The report that `to_dict` gave."""
        values = {f.name: content[f.name] for f in fields(cls)}
        for name in ("as_of", "reference_from", "trained_until"):
            values[name] = values[name] and date.fromisoformat(values[name])
        return cls(**{**values, "results": tuple(DriftResult(**r) for r in content["results"])})


_TOLD = ("level", "exit_code", "should_retrain", "retrain_reason", "summary")


def judge(
    comparisons: Sequence[Comparison], settings: MonitoringSettings, within: Windows
) -> DriftReport:
    """The report: p values adjusted over all tests of the run, effects beside their thresholds."""
    tested = [c.p_value for c in comparisons if c.p_value is not None]
    adjusted = iter(benjamini_hochberg(np.array(tested)).tolist())
    results = [
        _judged(c, next(adjusted) if c.p_value is not None else None, settings) for c in comparisons
    ]
    return DriftReport(
        as_of=within.as_of,
        reference_from=within.reference_from,
        trained_until=within.trained_until,
        false_alarm_rate=settings.false_alarm_rate,
        retrain_on=settings.retrain_on,
        results=tuple(results),
    )


def _judged(
    comparison: Comparison, p_adjusted: float | None, settings: MonitoringSettings
) -> DriftResult:
    warning, alert = _thresholds(comparison.unit, settings)
    level: Level = "ok"
    if p_adjusted is None or comparison.effect is None:
        level = "not applicable"
    elif p_adjusted <= settings.false_alarm_rate:
        if _reaches(comparison.effect, comparison.unit, alert):
            level = "alert"
        elif _reaches(comparison.effect, comparison.unit, warning):
            level = "warning"
    values = {k: v for k, v in vars(comparison).items() if k != "unit"}
    return DriftResult(
        **values,
        p_adjusted=p_adjusted,
        effect_unit=comparison.unit,
        threshold=warning,
        level=level,
        remedy=REMEDIES[comparison.kind] if level in _EXIT_CODES else None,
    )


def _thresholds(unit: Unit, settings: MonitoringSettings) -> tuple[float, float]:
    """Effects that are a warning and an alert."""
    return {
        "PSI": (settings.psi_warning, settings.psi_alert),
        "share": (settings.share_warning, settings.share_alert),
        "ratio": (settings.ratio_warning, settings.ratio_alert),
    }[unit]


def _reaches(effect: float, unit: Unit, threshold: float) -> bool:
    if unit == "ratio":
        return effect >= threshold or effect * threshold <= 1
    return abs(effect) >= threshold
