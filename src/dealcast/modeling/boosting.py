"""Boosted trees on who wins: what agents, products and accounts do together, beyond each alone.

Gradient boosting (Friedman 2001) by LightGBM, the only file that imports it. The trees begin where
the effects of the single entities end, and stop where the latest closes get no better by them: on
data without such signal there are none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from dealcast.errors import MissingExtraError
from dealcast.modeling.hazard import MONTHS
from dealcast.modeling.history import History
from dealcast.modeling.traits import FloatArray, Traits
from dealcast.snapshots import DayArray, month_of_quarter

MOST_TREES, PATIENCE = 400, 20
# Of fewer closes (count) trees would learn noise.
FEWEST_CLOSES = 200
# The latest share of the closes (0-1) decides how many trees help.
HELD_BACK = 0.2
PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_data_in_leaf": 50,
    "lambda_l2": 10.0,
    "cat_smooth": 20.0,
    "cat_l2": 20.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 0,
    "verbosity": -1,
}


@dataclass(frozen=True, eq=False)
class BoostedWinning:
    """Trees as LightGBM writes them (none: empty), and the names behind the codes of entities."""

    trees: str
    names: Mapping[str, tuple[str, ...]]

    def shifts(self, traits: Traits) -> FloatArray:
        """What the trees add to the log-odds of winning: a row each, a column per month.

        0 where a name is not known: of it nothing has been seen together with another.
        """
        if not self.trees:
            return np.zeros((len(traits), MONTHS))
        booster = _lightgbm().Booster(model_str=self.trees)
        columns = []
        for month in range(MONTHS):
            design = _design(traits, np.full(len(traits), month), self.names)
            added = booster.predict(design, raw_score=True)
            columns.append(np.where(np.isnan(design).any(axis=1), 0.0, added))
        return np.stack(columns, axis=1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives the same trees back."""
        return {"trees": self.trees, "names": {n: list(k) for n, k in self.names.items()}}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "BoostedWinning":
        """The trees that `to_dict` wrote."""
        return cls(content["trees"], {n: tuple(k) for n, k in content["names"].items()})


def learn_boosted(
    history: History, log_odds: FloatArray, entities: Sequence[str], *, fiscal_year_start_month: int
) -> BoostedWinning:
    """Trees on the closes of a history, on top of the log-odds (one per close) that are known.

    Raises MissingExtraError without LightGBM.
    """
    lightgbm = _lightgbm()
    ended = history.is_closed
    if ended.sum() < FEWEST_CLOSES:
        return BoostedWinning("", {})
    traits, won = history.traits.take(ended), history.won[ended].astype(np.float64)
    closed = history.closed[ended]
    month = month_of_quarter(closed, fiscal_year_start_month=fiscal_year_start_month) - 1
    names = {
        name: tuple(traits.group([name]).drop_nulls().unique().sort().to_list())
        for name in entities
        if name in traits.names
    }
    design = _design(traits, month, names)

    def data(rows: DayArray, **more: Any) -> Any:
        return lightgbm.Dataset(
            design[rows],
            won[rows],
            init_score=log_odds[rows],
            categorical_feature=list(range(1, design.shape[1])),
            free_raw_data=False,
            **more,
        )

    in_time = np.argsort(closed, kind="stable")
    cut = int(len(in_time) * (1 - HELD_BACK))
    early = data(in_time[:cut])
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    judged = data(in_time[cut:], reference=early)
    tried = lightgbm.train(PARAMETERS, early, MOST_TREES, valid_sets=[judged], callbacks=[stop])
    without = _loss(won[in_time[cut:]], log_odds[in_time[cut:]])
    helps = tried.best_score["valid_0"]["binary_logloss"] < without
    if not helps:
        return BoostedWinning("", names)
    final = lightgbm.train(PARAMETERS, data(in_time), tried.best_iteration)
    return BoostedWinning(final.model_to_string(), names)


def _design(traits: Traits, month: DayArray, names: Mapping[str, tuple[str, ...]]) -> FloatArray:
    """Month of the quarter (0-2), then a code per entity; a name that is not known is missing."""
    columns = [month.astype(np.float64)]
    for entity, known in names.items():
        codes = {name: float(code) for code, name in enumerate(known)}
        found = traits.group([entity]).replace_strict(codes, default=None, return_dtype=pl.Float64)
        columns.append(found.to_numpy().astype(np.float64))
    return np.stack(columns, axis=1)


def _loss(won: FloatArray, log_odds: FloatArray) -> float:
    return float((np.logaddexp(0, log_odds) - won * log_odds).mean())


def _lightgbm() -> Any:
    try:
        import lightgbm
    except (ImportError, OSError):  # OSError: the system has no OpenMP library
        raise MissingExtraError("The estimator 'boosting'", extra="boosting") from None
    return lightgbm
