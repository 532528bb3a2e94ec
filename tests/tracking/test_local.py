import json

import polars as pl

from dealcast.settings import TrackingSettings
from dealcast.tracking.base import Metric, Param, Table, open_tracker


def test_params_metrics_and_tables_become_plain_files() -> None:
    files: dict[str, bytes] = {}
    tracker = open_tracker(TrackingSettings(), files.__setitem__)

    tracker.log([Param("estimator", "hazard"), Metric("auc", 0.7)])
    tracker.log([Metric("auc", 0.8), Table("reliability", pl.DataFrame({"bin": [1]}))])

    assert json.loads(files["params.json"]) == {"estimator": "hazard"}
    assert json.loads(files["metrics.json"]) == {"auc": 0.8}
    assert files["tables/reliability.csv"] == b"bin\n1\n"
