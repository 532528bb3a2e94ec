"""TABLES: every table of the store, where it lies and what it must look like."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import dataframely as dy

from dealcast import contracts
from dealcast.errors import StoreError, listed, nearest
from dealcast.features.descriptive import CrmFeatures


@dataclass(frozen=True)
class Table:
    """One table: its folder in the store, its contract, and whether a run replaces or appends.

    The contract is None where the columns depend on the settings; the step then checks them.
    """

    name: str
    folder: str
    about: str
    contract: Callable[[], type[dy.Schema]] | None
    mode: Literal["overwrite", "append"] = "overwrite"

    @property
    def path(self) -> str:
        """Where it lies under the root."""
        return f"{self.folder}/{self.name}"


TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        Table(
            "crm_data_processed",
            "processed",
            "clean opportunities, the CRM's eight columns",
            lambda: contracts.Opportunities,
        ),
        Table("accounts", "processed", "customers", lambda: contracts.Accounts),
        Table("products", "processed", "price list", lambda: contracts.Products),
        Table("sales_agents", "processed", "agents and offices", lambda: contracts.SalesAgents),
        Table("plans", "processed", "what the CRM hopes of open ones", lambda: contracts.Plans),
        Table("quarantine", "quarantine", "rows set aside, why", lambda: contracts.Quarantine),
        Table(
            "corrections",
            "quarantine",
            "cells corrected by people",
            lambda: contracts.Corrections,
        ),
        Table(
            "crm_features",
            "features",
            "61 descriptive columns, as of the export",
            lambda: CrmFeatures,
        ),
        Table(
            "crm_features_split",
            "features",
            "train or test part of each row of crm_features",
            lambda: contracts.FeatureSplit,
        ),
        Table(
            "snapshots",
            "features",
            "open opportunities on each snapshot date",
            lambda: contracts.Snapshots,
        ),
        Table(
            "snapshot_features",
            "features",
            "what was known on each snapshot date",
            None,
        ),
        Table(
            "leak_audit",
            "evaluation",
            "the leak gate: every feature by every test",
            lambda: contracts.LeakAudit,
        ),
        Table(
            "backtest_predictions",
            "evaluation",
            "every out-of-time prediction of the win model",
            lambda: contracts.BacktestPredictions,
        ),
        Table(
            "backtest_candidates",
            "evaluation",
            "the same by every estimator, baselines among them",
            lambda: contracts.BacktestCandidates,
        ),
        Table("scores", "scores", "open opportunities, scored by the latest run", None),
        Table(
            "score_reasons",
            "scores",
            "what each part adds to each score",
            lambda: contracts.ScoreReasons,
        ),
        Table(
            "score_changes",
            "scores",
            "why scores moved since they were last issued",
            lambda: contracts.ScoreChanges,
        ),
        Table(
            "forecast",
            "forecasts",
            "bookings to come, of the latest run",
            lambda: contracts.Forecast,
        ),
        Table(
            "forecasts_issued",
            "forecasts",
            "every forecast ever issued, by run",
            None,
            mode="append",
        ),
        Table(
            "forecast_backtest",
            "forecasts",
            "every method at earlier origins",
            lambda: contracts.ForecastBacktest,
        ),
        Table(
            "forecast_outcomes",
            "forecasts",
            "what came of forecasts whose period has ended",
            lambda: contracts.ForecastOutcomes,
        ),
        Table(
            "dead_pipeline",
            "forecasts",
            "stale opportunities by owner",
            lambda: contracts.DeadPipelineByOwner,
        ),
        Table("drift", "monitoring", "what changed since training", lambda: contracts.Drift),
        Table(
            "calibration_over_time",
            "monitoring",
            "expected against observed wins by month",
            lambda: contracts.CalibrationOverTime,
        ),
        Table("scores_issued", "scores", "every score ever issued, by run", None, mode="append"),
    )
}


def table_named(name: str) -> Table:
    """The table of that name. Raises StoreError with the nearest name."""
    if name in TABLES:
        return TABLES[name]
    near = nearest(name, TABLES)
    raise StoreError(
        f"There is no table '{name}'.",
        remedy=f"did you mean '{near}'?" if near else f"one of {listed(TABLES, shown=len(TABLES))}",
    )
