"""The whole job in a cluster beside the whole job on one machine, of the same export."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.engines.base import Engine
from dealcast.settings import load_settings
from dealcast.workflow.manifest import RunManifest
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store

pytestmark = pytest.mark.slow

OPPORTUNITIES = 3_000
KEYS = {
    "crm_data_processed": ["opportunity_id"],
    "quarantine": ["source_file", "source_row"],
    "products": ["product"],
    "sales_agents": ["sales_agent"],
    "accounts": ["account"],
    "snapshots": ["opportunity_id", "snapshot_date"],
    "snapshot_features": ["opportunity_id", "snapshot_date"],
    "leak_audit": ["feature", "test"],
    "backtest_predictions": ["opportunity_id", "snapshot_date", "horizon_days"],
    "scores": ["opportunity_id"],
    "score_reasons": ["opportunity_id", "part"],
}


class Silent:
    """Watches nothing."""

    def started(self, step: object) -> None:
        pass

    def progressed(self, note: str, share: float) -> None:
        pass

    def finished(self, record: object) -> None:
        pass


def ran(root: Path, engine: str) -> RunManifest:
    flags = {
        "storage.root": str(root),
        "source.kind": "sample",
        "source.opportunities": OPPORTUNITIES,
        "features.snapshot_every_days": 28,
        "engine.name": engine,
    }
    loaded = load_settings(environ={}, flags=flags)
    return run_steps(loaded, Plan(stop="score"), Silent(), quiet=True)


@pytest.fixture(scope="module")
def polars_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, RunManifest]:
    root = tmp_path_factory.mktemp("polars")
    return Store(str(root)), ran(root, "polars")


@pytest.fixture(scope="module")
def collected() -> list[pl.DataFrame]:
    """All that the job on Spark asked for: filled while it runs."""
    return []


@pytest.fixture(scope="module")
def spark_run(
    spark: Engine, collected: list[pl.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Store, RunManifest]:
    root, kind = tmp_path_factory.mktemp("spark"), type(spark)
    with pytest.MonkeyPatch.context() as patch:
        really = kind.collect

        def collect(self: Engine, frame: object) -> pl.DataFrame:
            rows = really(self, frame)
            collected.append(rows)
            return rows

        patch.setattr(kind, "collect", collect)
        return Store(str(root)), ran(root, "spark")


@pytest.mark.parametrize("table", KEYS)
def test_spark_writes_the_table_that_polars_writes(polars_run, spark_run, table: str) -> None:
    (one, expected), (other, found) = polars_run, spark_run
    version = next(s.tables[table] for s in found.steps if table in s.tables)
    by_polars, by_spark = one.load(table), other.load(table, version=version)
    # Floats summed in another order make another id of the same model.
    same = [c for c in by_polars.columns if c != "model_id"]
    # Of a version that is asked for, numbers come in the types that Delta has for them.
    in_types = by_spark.cast({c: by_polars.schema[c] for c in by_spark.columns})

    assert_frame_equal(
        in_types.select(same).sort(KEYS[table]),
        by_polars.select(same).sort(KEYS[table]),
        rel_tol=0,
        abs_tol=1e-9,
    )
    assert expected.status == found.status == "done"


def test_every_row_is_accounted_for(spark_run) -> None:
    store, manifest = spark_run
    figures = manifest.figures

    assert figures["rows_in"] == figures["rows_clean"] + figures["rows_quarantined"]
    assert figures["rows_clean"] == store.load("crm_data_processed").height
    assert figures["rows_quarantined"] == store.load("quarantine").height


def test_both_runs_come_to_the_same_figures(polars_run, spark_run) -> None:
    expected, found = polars_run[1].figures, spark_run[1].figures
    same = {
        "rows_in", "stages", "quarantine_reasons", "quality_raw", "leaks", "excluded_features",
        "point_in_time_features", "snapshot_rows", "chosen_estimator", "grades", "scored", "stale",
        "last_date", "verdict",
    }  # fmt: skip

    assert {n: found[n] for n in same} == {n: expected[n] for n in same}
    assert found["expected_value"] == pytest.approx(expected["expected_value"], rel=1e-9)


def test_only_counts_and_reports_come_to_the_driver(spark_run, collected) -> None:
    store, _ = spark_run
    ids = set(store.load("crm_data_processed")["opportunity_id"])
    files, parcels = 0, 0
    for rows in collected:
        named = {c for c in rows.columns if rows[c].dtype == pl.String}
        of_ids = [c for c in named if set(rows[c].drop_nulls()) & ids]
        assert not of_ids, f"rows of opportunities came to the driver: {rows}"
        files += "file_name" in rows.columns
        parcels += "content" in rows.columns

    assert files, "the names of written files are told"
    assert parcels == 3, "validate, audit and evaluate each send one report"


def test_what_spark_wrote_is_taken_up_on_one_machine(spark_run) -> None:
    store, _ = spark_run
    flags = {
        "storage.root": store.root,
        "source.kind": "sample",
        "features.snapshot_every_days": 28,
    }

    manifest = run_steps(
        load_settings(environ={}, flags=flags), Plan("forecast", "monitor"), Silent(), quiet=True
    )

    assert [step.name for step in manifest.steps] == ["forecast", "monitor"]
    assert manifest.status == "done"
