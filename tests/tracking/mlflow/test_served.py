import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import catalogue_fingerprint
from dealcast.modeling.estimators import Context
from dealcast.modeling.scoring import score
from dealcast.modeling.training import WinModel, train
from dealcast.settings import ModelSettings
from dealcast.tracking.mlflow.client import quiet
from dealcast.tracking.mlflow.models import example, write_model

STAGES = ("Prospecting", "Engaging", "Won", "Lost")
LAST_DAY = date(2025, 12, 31)
COLUMNS = ("opportunity_id", "sales_agent", "product", "account", "engage_date", "deal_stage")


@pytest.fixture(scope="module")
def opportunities() -> pl.DataFrame:
    """1,500 of three agents and two products, some not engaged yet; a third is still open."""
    rng, count, days = np.random.default_rng(5), 1_500, 365
    engaged = rng.integers(0, days, count)
    closed = engaged + rng.geometric(0.02, count)
    is_open = (closed >= days) | (rng.random(count) < 0.2)
    won = rng.random(count) < 0.6
    day = pl.lit(LAST_DAY) - pl.duration(days=days - 1)
    stage = np.select([is_open & (engaged % 9 == 0), is_open, won], STAGES[:3], STAGES[3])
    return pl.select(
        opportunity_id=pl.Series([f"O{i:04}" for i in range(count)]),
        sales_agent=pl.Series(rng.choice(["Ann", "Bo", "Cy"], count)),
        product=pl.Series(rng.choice(["Alpha", "Beta"], count)),
        account=pl.lit(None, pl.String),
        deal_stage=pl.Series(stage),
        engage_date=pl.when(pl.Series(stage != STAGES[0])).then(
            day + pl.duration(days=pl.Series(engaged))
        ),
        close_date=pl.when(pl.Series(~is_open)).then(day + pl.duration(days=pl.Series(closed))),
        close_value=pl.when(pl.Series(~is_open)).then(pl.Series(np.where(won, 90.0, 0.0))),
    )


@pytest.fixture(scope="module")
def model(opportunities: pl.DataFrame) -> WinModel:
    """Who never closes differs by agent and cohort: the one with the most parts by default."""
    return train(
        opportunities,
        Context(ModelSettings(horizons_days=(30, 60)), entities=("sales_agent", "product")),
        as_of=LAST_DAY,
        catalogue_fingerprint=catalogue_fingerprint(CATALOGUE),
        estimator="entities",
    )


@pytest.fixture(scope="module")
def loaded(model: WinModel, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The model as MLflow loads it, out of a folder that has nothing but what was written."""
    import mlflow

    folder: Path = tmp_path_factory.mktemp("model")
    with quiet():
        write_model(folder, json.dumps(model.to_dict()).encode())
        return mlflow.pyfunc.load_model(str(folder))


def test_it_scores_as_the_run_did(
    loaded: Any, model: WinModel, opportunities: pl.DataFrame
) -> None:
    tables = CrmTables.cast({"opportunities": opportunities})
    scores = score(
        model,
        tables,
        as_of=model.trained_until,
        catalogue_fingerprint=model.catalogue_fingerprint,
    ).scores

    served = pl.from_pandas(loaded.predict(scores.select(COLUMNS).to_pandas()), nan_to_null=True)

    assert served["is_stale"].to_list() == scores["is_stale"].to_list()
    for name in ("p_won_30", "p_lost_30", "p_won_60", "p_lost_60", "p_ever_won"):
        assert served[name].to_list() == pytest.approx(scores[name].to_list(), abs=1e-12)
    assert 0 < served["p_won_30"].null_count() < served.height


def test_the_input_example_is_made_up_and_can_be_scored(loaded: Any, model: WinModel) -> None:
    rows = loaded.predict(example(model.to_dict()))

    assert rows["opportunity_id"].to_list() == ["EXAMPLE1", "EXAMPLE2"]
    assert rows["p_won_60"].between(0, 1).all()


def test_fewer_columns_and_another_day_may_be_given(loaded: Any) -> None:
    rows = pd.DataFrame(
        {"opportunity_id": ["A", "B"], "engage_date": pd.to_datetime(["2025-12-20", "2026-02-01"])}
    )

    now, later = (loaded.predict(rows, params=p) for p in (None, {"as_of": "2026-02-10"}))

    assert now["p_won_30"].isna().to_list() == [False, True]
    assert later["p_won_30"].isna().to_list() == [False, False]


@pytest.mark.parametrize(
    ("changed", "params", "problem"),
    [
        ({}, {"as_of": "2025-01-01"}, "would know the future"),
        ({}, {"as_of": "soon"}, "as_of = soon is no date"),
        ({"deal_stage": "Won"}, {}, "1 rows are not open: 'A'"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    loaded: Any, changed: dict[str, object], params: dict[str, str], problem: str
) -> None:
    row = {"opportunity_id": "A", "engage_date": pd.Timestamp("2025-12-20"), **changed}

    with pytest.raises(Exception, match=problem):
        loaded.predict(pd.DataFrame([row]), params=params)


def test_an_opportunity_given_twice_is_refused(loaded: Any) -> None:
    row = {"opportunity_id": "A", "engage_date": pd.Timestamp("2025-12-20")}

    with pytest.raises(Exception, match="share an id: 'A'"):
        loaded.predict(pd.DataFrame([row, row]))


def test_no_rows_give_no_rows(loaded: Any) -> None:
    none = pd.DataFrame(
        {"opportunity_id": pd.Series([], dtype=str), "engage_date": pd.to_datetime([])}
    )

    assert loaded.predict(none).shape == (0, 7)


def test_a_model_can_be_asked_as_json_as_a_server_does(loaded: Any) -> None:
    from mlflow.pyfunc.scoring_server import infer_and_parse_data

    asked = {"columns": ["opportunity_id", "engage_date"], "data": [["A", "2025-12-20"]]}
    rows = infer_and_parse_data({"dataframe_split": asked}, loaded.metadata.get_input_schema())

    assert loaded.predict(rows)["p_won_30"].between(0, 1).all()
