import json
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest

from dealcast.errors import ModelError
from dealcast.settings import TrackingSettings
from dealcast.tracking.base import (
    DataSet,
    LogItem,
    Metric,
    Param,
    Table,
    open_registry,
    open_tracker,
)
from servers.objects import Kept

Log = Callable[..., Kept]


@pytest.fixture
def log() -> Log:
    """Log items into the folder of a run, by a tracker of its own each time."""
    objects = Kept()

    def items(*logged: LogItem) -> Kept:
        tracker = open_tracker(TrackingSettings(), objects, "r1")
        tracker.start(datetime.now(UTC))
        tracker.log(logged)
        tracker.finish("done", datetime.now(UTC))
        return objects

    return items


def test_params_metrics_and_tables_become_plain_files(log: Log) -> None:
    log(Param("estimator", "hazard"), Metric("auc", 0.7))
    files = log(Metric("auc", 0.8), Table("reliability", pl.DataFrame({"bin": [1]})))

    assert json.loads(files["runs/r1/params.json"]) == {"estimator": "hazard"}
    assert json.loads(files["runs/r1/metrics.json"]) == {"auc": 0.8}
    assert files["runs/r1/tables/reliability.csv"] == b"bin\n1\n"
    assert len(files) == 3


def test_what_another_process_logged_of_the_same_run_stays(log: Log) -> None:
    log(Metric("quality", 0.9), Metric("auc", 0.7, step=1))

    files = log(Metric("auc_30d", 0.8), Metric("auc", 0.6, step=2))

    assert json.loads(files["runs/r1/metrics.json"]) == {"quality": 0.9, "auc_30d": 0.8}
    assert json.loads(files["runs/r1/folds.json"]) == {"auc": {"1": 0.7, "2": 0.6}}


def test_a_data_set_is_a_table_in_one_version_with_what_it_was_made_from(log: Log) -> None:
    data = DataSet("clean", "processed/clean", 3, "3062cc8c", 10, {"opportunity_id": "String"})

    files = log(data)

    assert json.loads(files["runs/r1/datasets.json"])["clean"] == {
        "name": "clean",
        "table": "processed/clean",
        "version": 3,
        "digest": "3062cc8c",
        "rows": 10,
        "schema": {"opportunity_id": "String"},
    }


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"versions": []}', b'{"versions": [], "promotions": [], "schema_version": []}'],
)
def test_a_registry_that_was_changed_by_hand_is_refused(content: bytes) -> None:
    objects = Kept()
    objects["models/registry.json"] = content

    with pytest.raises(ModelError, match="is not what was written there"):
        open_registry(TrackingSettings(), objects).champion()
