"""The win model as MLflow loads and serves it: open opportunities in, chances out.

MLflow copies this very file into every registered model and runs it when the model is loaded
("models from code"), so nothing is pickled and nothing but the installed package is needed.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from dealcast.contracts import OPEN_STAGES
from dealcast.errors import ModelError, listed
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import catalogue_fingerprint
from dealcast.modeling.scoring import open_on, refuse_mismatch, with_chances
from dealcast.modeling.training import WinModel
from dealcast.modeling.traits import ENTITIES

# Name of the file beside the model that holds the WinModel, as the store keeps it.
ARTIFACT = "win_model"


class ServedWinModel(PythonModel):
    """Scores as the run that trained the model did, with what the model knew then."""

    model: WinModel

    def load_context(self, context: PythonModelContext) -> None:
        """Read the WinModel."""
        content = Path(context.artifacts[ARTIFACT]).read_text(encoding="utf-8")
        self.model = WinModel.from_dict(json.loads(content))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """One row per row: opportunity_id, p_won_H, p_lost_H, p_ever_won, is_stale.

        `params["as_of"]`: the day at whose end they are open (YYYY-MM-DD); by default the last day
        that the model knows. NaN where there is no engage date, or a later one.
        """
        del context
        as_of = _day((params or {}).get("as_of")) or self.model.trained_until
        refuse_mismatch(self.model, as_of, catalogue_fingerprint(CATALOGUE))
        opened = open_on(_opportunities(model_input).lazy(), as_of).collect()
        scored = with_chances(self.model, opened, as_of)
        return scored.select(output_columns(self.model)).to_pandas()


def output_columns(model: WinModel) -> list[str]:
    """The columns that are served, for the horizons of the model."""
    chances = (f"p_{way}_{h}" for h in model.horizons_days for way in ("won", "lost"))
    return ["opportunity_id", *chances, "p_ever_won", "is_stale"]


def _opportunities(given: pd.DataFrame) -> pl.DataFrame:
    """The rows in the types of the CRM tables. Raises ModelError for closed or repeated ones."""
    texts = ("opportunity_id", *ENTITIES, "deal_stage")
    columns = {
        name: pl.Series(name, _texts(given, name) if name in given else [None] * len(given))
        for name in texts
    }
    rows = pl.DataFrame(columns, schema=dict.fromkeys(texts, pl.String)).with_columns(
        pl.col("deal_stage").fill_null("Engaging"),
        engage_date=pl.Series([_date(d) for d in given["engage_date"]], dtype=pl.Date),
        close_date=pl.lit(None, pl.Date),
    )
    closed = rows.filter(~pl.col("deal_stage").is_in(OPEN_STAGES))
    if closed.height:
        raise ModelError(
            f"{closed.height:,} rows are not open: {listed(closed['opportunity_id'])}.",
            remedy="give open opportunities only (Prospecting, Engaging)",
        )
    if repeated := rows.filter(pl.col("opportunity_id").is_duplicated())[
        "opportunity_id"
    ].to_list():
        raise ModelError(
            f"{len(repeated):,} rows share an id: {listed(dict.fromkeys(repeated))}.",
            remedy="give each opportunity once",
        )
    return rows


def _texts(given: pd.DataFrame, name: str) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in given[name]]


def _date(value: Any) -> date | None:
    return None if pd.isna(value) else pd.Timestamp(value).date()


def _day(given: Any) -> date | None:
    if not given:
        return None
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        raise ModelError(f"as_of = {given} is no date.", remedy="give YYYY-MM-DD") from None


set_model(ServedWinModel())
