"""What a task sends home arrives as it was sent."""

import polars as pl
import pytest

from dealcast.errors import DealcastError, LeakError, MissingExtraError, ModelError
from dealcast.tracking.base import DataSet, LogItem, Metric, Param, Table
from dealcast.workflow.cluster.parcels import (
    error_of,
    logged_of,
    made_of,
    of_error,
    of_logged,
    of_made,
)
from dealcast.workflow.workspace import Made

FRAME = pl.DataFrame({"age": [1, None], "rate": [0.1, float("nan")]})


@pytest.mark.parametrize(
    "error",
    [
        ModelError("Too few rows: 3.", remedy="give 200"),
        LeakError("'x' reads the future.", remedy="ban it"),
        MissingExtraError("The estimator 'boosting'", extra="boosting"),
    ],
)
def test_an_error_arrives_as_it_was_raised(error: DealcastError) -> None:
    _, name, content = of_error(error, error.remedy)
    again = error_of(name, content)

    assert type(again) is type(error)
    assert str(again) == str(error)


def test_what_was_logged_arrives_in_order() -> None:
    items: list[LogItem] = [
        Param("estimator", "entities"),
        Metric("auc", 0.1 + 0.2),
        Metric("auc", 0.8, step=3),
        Table("folds", FRAME),
        DataSet("rows", table="t", version=2, digest="ab", rows=5, schema={"a": "String"}),
    ]

    again = logged_of(of_logged(items))

    assert again[:3] + again[4:] == items[:3] + items[4:]
    assert isinstance(again[3], Table)
    assert again[3].name == "folds"
    assert again[3].frame.equals(FRAME)


def test_figures_arrive_to_the_last_digit() -> None:
    made = Made(objects={"model": "models/a.json"}, figures={"skill": 0.1 + 0.2, "none": None})

    assert made_of(of_made(made)[2]) == made
