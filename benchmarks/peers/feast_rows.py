"""Features of rows by Feast: `python feast_rows.py STORE WAY FOLDER ASKED OUT`.

Runs in Feast's own environment; beside_peers.py calls it. Feast looks features up, it does not make
them: `python feast_rows.py tables FOLDER` adds opportunities up to a row per agent, or product, and
day with DuckDB, before any lookup.

STORE is Feast's offline store, `duckdb` or `dask` (its default). WAY is `documented`: one call for
all rows and both views. Or `by hand`: a call per view, for each agent (or product) and date once;
and the rows are joined to the answers in DuckDB.
"""

import json
import os
import sys
import time
import warnings
from datetime import timedelta
from pathlib import Path

os.environ["FEAST_USAGE"] = "False"
warnings.filterwarnings("ignore")

import duckdb  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig  # noqa: E402
from feast.types import Float64  # noqa: E402
from feast.value_type import ValueType  # noqa: E402

from measuring import peak_gigabytes  # noqa: E402

ENTITIES = {"agent": "sales_agent", "product": "product"}
MEASURES = ("closed_count", "won_count", "lost_count", "won_value", "win_rate")


def make_tables(folder: Path) -> None:
    """A row per entity and day with what was known in the morning of that day, as Parquet files."""
    for entity, column in ENTITIES.items():
        duckdb.execute(f"""
COPY (
  WITH closes AS (
    SELECT {column} AS entity, close_date AS day, count(*) AS n,
      count(*) FILTER (deal_stage = 'Won') AS won, count(*) FILTER (deal_stage = 'Lost') AS lost,
      sum(close_value) AS value
    FROM '{folder}/opportunities.parquet' WHERE close_date IS NOT NULL GROUP BY ALL),
  days AS (
    SELECT unnest(range(min(engage_date), max(greatest(engage_date, close_date)) + 2,
      INTERVAL 1 DAY))::DATE AS day FROM '{folder}/opportunities.parquet'),
  entities AS (SELECT DISTINCT entity FROM closes WHERE entity IS NOT NULL),
  so_far AS (
    SELECT entity, day,
      coalesce(sum(n) OVER earlier, 0)::DOUBLE AS {entity}_closed_count,
      coalesce(sum(won) OVER earlier, 0)::DOUBLE AS {entity}_won_count,
      coalesce(sum(lost) OVER earlier, 0)::DOUBLE AS {entity}_lost_count,
      coalesce(sum(value) OVER earlier, 0)::DOUBLE AS {entity}_won_value
    FROM entities CROSS JOIN days LEFT JOIN closes USING (entity, day)
    WINDOW earlier AS (PARTITION BY entity ORDER BY day
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
  SELECT entity AS {column}, day::TIMESTAMPTZ AS known, * EXCLUDE (entity, day),
    {entity}_won_count / nullif({entity}_closed_count, 0) AS {entity}_win_rate
  FROM so_far ORDER BY known
) TO '{folder}/{entity}_daily.parquet' (FORMAT parquet)""")


def feature_store(kind: str, folder: Path) -> FeatureStore:
    """A store with a feature view per entity, as Feast's quick start has it: valid for a day."""
    store = FeatureStore(
        config=RepoConfig(
            project="crm",
            provider="local",
            registry=str(folder / f"registry_{kind}.db"),
            offline_store={"type": kind},
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            entity_key_serialization_version=3,
        )
    )
    for entity, column in ENTITIES.items():
        key = Entity(name=column, join_keys=[column], value_type=ValueType.STRING)
        view = FeatureView(
            name=entity,
            entities=[key],
            ttl=timedelta(days=1),
            schema=[Field(name=f"{entity}_{measure}", dtype=Float64) for measure in MEASURES],
            source=FileSource(
                path=str(folder / f"{entity}_daily.parquet"), timestamp_field="known"
            ),
        )
        store.apply([key, view])
    return store


def looked_up(store: FeatureStore, asked: pa.Table, *entities: str) -> pa.Table:
    """The asked rows with the features of these views as of `event_timestamp`."""
    features = [f"{entity}:{entity}_{measure}" for entity in entities for measure in MEASURES]
    answer = store.get_historical_features(entity_df=asked.to_pandas(), features=features)
    return answer.to_arrow()


def asked_rows(file: str) -> pa.Table:
    """The asked rows with the moment as of which Feast is to look."""
    return duckdb.sql(
        "SELECT * EXCLUDE (snapshot_date), snapshot_date::TIMESTAMPTZ AS event_timestamp "
        f"FROM '{file}'"
    ).to_arrow_table()


def documented(store: FeatureStore, asked: pa.Table) -> pa.Table:
    return looked_up(store, asked, *ENTITIES)


def by_hand(store: FeatureStore, asked: pa.Table) -> pa.Table:
    rows = duckdb.from_arrow(asked)
    for entity, column in ENTITIES.items():
        pairs = rows.select(f"{column}, event_timestamp").distinct().to_arrow_table()
        found = duckdb.from_arrow(looked_up(store, pairs, entity))
        rows = rows.join(found, f"{column}, event_timestamp", how="left")
    return rows.to_arrow_table()


WAYS = {"documented": documented, "by hand": by_hand}


def main() -> None:
    duckdb.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    if sys.argv[1] == "tables":
        began = time.perf_counter()
        make_tables(Path(sys.argv[2]))
    else:
        kind, way, folder, asked, into = sys.argv[1:]
        store = feature_store(kind, Path(folder))
        began = time.perf_counter()
        pq.write_table(WAYS[way](store, asked_rows(asked)), into)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "gigabytes": peak_gigabytes()}))


if __name__ == "__main__":
    main()
