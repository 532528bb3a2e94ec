"""Spark beside the engines of one machine: the same snapshots and features to 1e-9."""

import sys
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables
from dealcast.engines.base import Engine
from dealcast.engines.duckdb import DuckdbEngine
from dealcast.engines.polars import PolarsEngine
from dealcast.errors import QualityError
from dealcast.features.build import opportunity_facts, point_in_time_totals, snapshot_features
from dealcast.features.selection import usable
from dealcast.settings import FeatureSettings
from dealcast.snapshots import dates_frame, open_on, snapshot_dates

sys.path.insert(0, str(Path(__file__).parents[1]))
from test_duckdb import generated

pytestmark = pytest.mark.slow
KEY = ["opportunity_id", "snapshot_date"]
MILLION = 1_000_000
DAYS = {"opened_on": pl.Int64, "closed_on": pl.Int64}


def features_in(
    folder: Path, engine: Engine, tables: CrmTables, files: dict[str, list[str]], every_days: int
) -> pl.LazyFrame:
    """What the engine makes of the tables on days so far apart, written and scanned."""
    specs = usable(tables)
    members = {name: engine.read(paths) for name, paths in files.items()}
    closes = tables.opportunities.select(pl.max("close_date")).collect().item()
    settings = FeatureSettings(snapshot_every_days=every_days)
    days = engine.from_polars(
        dates_frame(snapshot_dates(tables.opportunities, settings, as_of=closes))
    )
    totals = point_in_time_totals(members, specs, days, settled=engine.settled)
    facts = opportunity_facts(members, specs, totals, as_of=closes)
    rows = snapshot_features(facts, days, specs, totals, settled=engine.settled)
    written = engine.write(rows, str(folder / engine.name))
    return pl.scan_parquet([folder / engine.name / file.name for file in written])


def in_files(folder: Path, tables: CrmTables) -> dict[str, list[str]]:
    files = {}
    for name, rows in tables.to_dict().items():
        files[name] = [str(folder / f"{name}.parquet")]
        rows.sink_parquet(files[name][0])
    return files


def assert_same(one: pl.LazyFrame, other: pl.LazyFrame) -> None:
    assert_frame_equal(one.sort(KEY).collect(), other.sort(KEY).collect(), rel_tol=0, abs_tol=1e-9)


def test_spark_gives_what_polars_gives_on_the_real_data(
    spark: Engine, real_tables: CrmTables, tmp_path: Path
) -> None:
    files = in_files(tmp_path, real_tables)

    on_spark = features_in(tmp_path, spark, real_tables, files, 7)
    on_polars = features_in(tmp_path, PolarsEngine(), real_tables, files, 7)

    assert on_spark.select(pl.len()).collect().item() == 83_127
    assert_same(on_spark, on_polars)


def test_polars_duckdb_and_spark_give_the_same_of_a_million_opportunities(
    spark: Engine, tmp_path: Path
) -> None:
    """All columns of every tenth opportunity row by row, and of all of them their sums."""
    tables = generated(MILLION)
    files = in_files(tmp_path, tables)
    made = {
        engine.name: features_in(tmp_path, engine, tables, files, 84)
        for engine in (PolarsEngine(), DuckdbEngine(memory_gb=4), spark)
    }

    on_polars = made.pop("polars")
    some = pl.col("opportunity_id").hash() % 10 == 0
    for rows in made.values():
        assert_same(rows.filter(some), on_polars.filter(some))
        assert_frame_equal(summed(rows), summed(on_polars), rel_tol=1e-9)


def summed(rows: pl.LazyFrame) -> pl.DataFrame:
    numbers = pl.selectors.numeric()
    return rows.select(
        pl.len().alias("rows"),
        numbers.cast(pl.Float64).mean().name.suffix(" mean"),
        numbers.null_count().name.suffix(" blank"),
    ).collect()


def test_what_a_kernel_refuses_in_a_task_is_told_here(spark: Engine) -> None:
    def refuse(rows: pl.DataFrame) -> pl.DataFrame:
        raise QualityError(f"{rows.height} rows are no good.", remedy="export them again")

    rows = spark.from_polars(pl.DataFrame({"x": [1]}))
    with pytest.raises(QualityError, match="1 rows are no good") as refused:
        spark.collect(spark.mapped(rows, refuse, pl.Schema({"x": pl.Int64})))

    assert refused.value.remedy == "export them again"


def test_totals_are_sent_to_the_rows_which_are_not_moved(spark: Engine) -> None:
    """However many of all rows are one agent's, their join moves none of them."""
    agents = spark.from_polars(pl.DataFrame({"agent": ["Ann", "Bob"], "won": [1, 2]}))
    rows = spark.from_polars(pl.DataFrame({"agent": ["Ann"] * 9 + ["Bob"]}))
    (totals,) = spark.settled({"totals": agents}).values()

    plan = spark.plan(rows.join(totals, on="agent", how="left"))
    physical = plan.split("== Physical Plan ==")[1]

    assert "BroadcastHashJoin" in physical
    assert "hashpartitioning" not in physical


def test_every_opportunity_meets_the_dates_where_it_is(spark: Engine) -> None:
    """Not by a product of parts, in which every task reads its opportunities or dates again."""
    engaged = spark.from_polars(
        pl.DataFrame({"opened_on": [1, 2], "closed_on": [None, 3]}, schema_overrides=DAYS)
    )
    dates = spark.from_polars(pl.DataFrame({"snapshot_day": [1, 2]}))
    (calendar,) = spark.settled({"calendar": dates}).values()

    physical = spark.plan(open_on(engaged, calendar)).split("== Physical Plan ==")[1]

    assert "BroadcastNestedLoopJoin" in physical
    assert "CartesianProduct" not in physical


def test_a_sample_is_bounded_seeded_and_the_same_in_any_order(spark: Engine) -> None:
    ids = pl.DataFrame({"id": [f"O{i}" for i in range(1_000)]})

    def drawn(rows: pl.DataFrame, seed: int) -> set[str]:
        frame = spark.sampled(spark.from_polars(rows), "id", at_most=100, seed=seed)
        return set(spark.collect(frame)["id"])

    assert drawn(ids, 1) == drawn(ids.reverse(), 1)
    assert len(drawn(ids, 1)) == 100
    assert drawn(ids, 1) != drawn(ids, 2)


def test_rows_of_one_key_meet_in_one_call(spark: Engine) -> None:
    rows = pl.DataFrame({"id": [f"O{i % 50}" for i in range(200)]})
    schema = pl.Schema({"id": pl.String, "seen": pl.Int64})

    together = spark.mapped_together(
        spark.from_polars(rows),
        "id",
        lambda part: part.group_by("id").agg(seen=pl.len().cast(pl.Int64)),
        schema,
        partitions=3,
    )
    later = spark.collect(together.filter(nw.col("seen") == 4))

    assert later.height == 50
