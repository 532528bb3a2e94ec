from pathlib import Path

import pytest

from dealcast.errors import StoreError
from dealcast.settings import Settings
from dealcast.workflow.audits import audit_stored
from dealcast.workflow.manifest import StepRecord, save_latest_step
from dealcast.workflow.store import Store


def test_after_spark_there_is_no_descriptive_table_to_audit_and_that_is_said(
    tmp_path: Path,
) -> None:
    store = Store(str(tmp_path))
    save_latest_step(store, StepRecord("features", "r", "f", 1.0, tables={"snapshots": 0}))

    with pytest.raises(StoreError, match="made by Spark") as raised:
        audit_stored(store, Settings())

    assert "engine.name polars" in raised.value.remedy
