"""Point-in-time features beside hand-written DuckDB SQL: `python benchmarks/point_in_time.py [N]`.

Both read the same Parquet files of N opportunities, and give every usable feature of the catalogue
on every weekly snapshot: as a Parquet file, or as a table in memory. Rows and values are compared
before times are. Time is without imports and without making the data; each run is a process of its
own, whose peak memory is told. Median of three.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import narwhals as nw
import polars as pl
from polars.testing import assert_frame_equal

from crm import last_day, read_tables, write_tables
from dealcast.features.build import (
    collected,
    opportunity_facts,
    point_in_time_totals,
    snapshot_features,
)
from dealcast.features.selection import usable
from dealcast.settings import FeatureSettings
from dealcast.snapshots import dates_frame, snapshot_dates
from measuring import answer_of, peak_gigabytes
from results import Result, arguments, tell

SIZES = (100_000, 1_000_000)
RUNS = 3
KEY = ["opportunity_id", "snapshot_date"]
PRIOR = 20
COLUMNS = {
    "opportunities": "13,",
    "rows": "11,",
    "features": "8",
    "into": "<6",
    "way": "<11",
    "seconds": "8.2f",
    "times": "6.2f",
    "gigabytes": "9.2f",
}


def ours(folder: Path, into: Path | None) -> int:
    tables = read_tables(folder)
    as_of = last_day(tables)
    days = snapshot_dates(tables.opportunities, FeatureSettings(), as_of=as_of)
    members = {name: nw.from_native(frame) for name, frame in tables.to_dict().items()}
    specs, dates = usable(tables), nw.from_native(dates_frame(days))
    totals = point_in_time_totals(members, specs, dates, settled=collected)
    facts = opportunity_facts(members, specs, totals, as_of=as_of)
    features: pl.LazyFrame = snapshot_features(facts, dates, specs, totals).to_native()
    features = features.drop("outcome", "days_to_close")
    if into is None:
        return features.collect().height
    features.sink_parquet(into, compression="snappy")
    return -1


# entity -> the column that tells which one.
ENTITIES = {
    "agent": "sales_agent",
    "product": "product",
    "manager": "manager",
    "region": "regional_office",
}


def by_hand(folder: Path, into: Path | None) -> int:
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    query = sql(folder)
    if into is None:
        connection.execute(f"CREATE TABLE features AS {query}")
        [(rows,)] = connection.execute("SELECT count(*) FROM features").fetchall()
        return int(rows)
    connection.execute(f"COPY ({query}) TO '{into}' (FORMAT parquet, COMPRESSION snappy)")
    return -1


def daily_sums(name: str, key: str) -> str:
    """Daily sums of an entity, then its past and present on each date, by range joins over them."""
    named, dated = f"SELECT {key} AS entity", f"{key} IS NOT NULL GROUP BY ALL"
    none = "0 AS opened, 0 AS closed, 0 AS grown_old"
    return f"""
{name}_closes AS (
  {named}, close_date AS day, count(*) AS n, count(*) FILTER (deal_stage = 'Won') AS won,
    sum(close_value) AS value, sum(close_date - engage_date) AS cycle
  FROM opportunities WHERE close_date IS NOT NULL AND {dated}),
{name}_moves AS (
  {named}, engage_date AS day, {none.replace("0 AS opened", "count(*) AS opened")}
  FROM opportunities WHERE engage_date IS NOT NULL AND {dated}
  UNION ALL {named}, close_date AS day, {none.replace("0 AS closed", "count(*) AS closed")}
  FROM opportunities WHERE close_date IS NOT NULL AND {dated}
  UNION ALL {named}, least(close_date, engage_date + 28) AS day,
    {none.replace("0 AS grown_old", "count(*) AS grown_old")}
  FROM opportunities WHERE engage_date IS NOT NULL AND {dated}),
{name}_past AS (
  SELECT entity, snapshot_date, sum(n) AS n, sum(won) AS won, sum(value) AS value,
    sum(cycle) AS cycle,
    sum(n) FILTER (day >= snapshot_date - 90) AS n90,
    sum(won) FILTER (day >= snapshot_date - 90) AS won90,
    sum(n) FILTER (day >= snapshot_date - 30) AS n30,
    sum(won) FILTER (day >= snapshot_date - 30) AS won30,
    sum(n) FILTER (day >= snapshot_date - 7) AS n7
  FROM {name}_closes JOIN dates ON day < snapshot_date GROUP BY ALL),
{name}_now AS (
  SELECT entity, snapshot_date, sum(opened) - sum(closed) AS open,
    sum(opened) - sum(grown_old) AS fresh
  FROM {name}_moves JOIN dates ON day <= snapshot_date GROUP BY ALL)"""


def history(name: str, key: str) -> str:
    def shrunk(own: str, per: str) -> str:
        everyone = f"{PRIOR} * (o.{own} / nullif(o.{per}, 0))"
        return f"(coalesce(p.{own}, 0) + {everyone}) / (coalesce(p.{per}, 0) + {PRIOR})::DOUBLE"

    return f"""
{name} AS (
  SELECT e.entity, d.snapshot_date,
    coalesce(p.n, 0)::BIGINT AS {name}_closed_count,
    coalesce(p.won, 0)::BIGINT AS {name}_won_count,
    coalesce(p.value, 0)::DOUBLE AS {name}_won_value,
    {shrunk("won", "n")} AS {name}_win_rate,
    {shrunk("won90", "n90")} AS {name}_win_rate_90d,
    {shrunk("cycle", "n")} AS {name}_cycle_days,
    coalesce(w.open, 0)::BIGINT AS {name}_open_count,
    coalesce(w.fresh, 0)::BIGINT AS {name}_new_28d
  FROM (SELECT DISTINCT {key} AS entity FROM opportunities WHERE {key} IS NOT NULL) e
  CROSS JOIN dates d
  LEFT JOIN {name}_past p USING (entity, snapshot_date)
  LEFT JOIN {name}_now w USING (entity, snapshot_date)
  LEFT JOIN overall_past o ON o.snapshot_date = d.snapshot_date)"""


def sql(folder: Path) -> str:
    """What one writes who knows DuckDB: small tables first, integer keys, one range join."""
    sums = ",".join(daily_sums(n, k) for n, k in {"overall": "0", **ENTITIES}.items())
    entities = ",".join(history(name, key) for name, key in ENTITIES.items())
    rest = "EXCLUDE (entity, snapshot_date)"
    return f"""
WITH opportunities AS MATERIALIZED (
  SELECT o.*, manager, regional_office, series, sales_price
  FROM '{folder}/opportunities.parquet' o
  LEFT JOIN '{folder}/sales_agents.parquet' USING (sales_agent)
  LEFT JOIN '{folder}/products.parquet' USING (product)),
span AS (
  SELECT min(close_date) AS first, greatest(max(close_date), max(engage_date)) AS as_of
  FROM opportunities),
dates AS MATERIALIZED (
  SELECT unnest(range(first + ((8 - isodow(first)) % 7)::INT, as_of + 1, INTERVAL 7 DAY))::DATE
    AS snapshot_date FROM span),
{sums},
{entities},
by_date AS (
  SELECT d.snapshot_date, date_trunc('quarter', d.snapshot_date)::DATE AS quarter_start,
    (date_trunc('quarter', d.snapshot_date) + INTERVAL 3 MONTH)::DATE - 1 AS quarter_end,
    (o.won / nullif(o.n, 0))::DOUBLE AS overall_win_rate,
    (o.won30 / nullif(o.n30, 0))::DOUBLE AS overall_win_rate_30d,
    coalesce(o.n7, 0)::BIGINT AS overall_closed_7d,
    coalesce(o.n30, 0)::BIGINT AS overall_closed_30d,
    coalesce(w.open, 0)::BIGINT AS overall_open_count
  FROM dates d LEFT JOIN overall_past o USING (snapshot_date)
  LEFT JOIN overall_now w USING (snapshot_date)),
agents AS (
  SELECT row_number() OVER (ORDER BY sales_agent)::INTEGER AS agent_code, *
  FROM (SELECT DISTINCT sales_agent, manager, regional_office FROM opportunities
    WHERE sales_agent IS NOT NULL)),
products AS (
  SELECT row_number() OVER (ORDER BY product)::INTEGER AS product_code, *
  FROM (SELECT DISTINCT product FROM opportunities WHERE product IS NOT NULL)),
of_agent AS MATERIALIZED (
  SELECT g.agent_code, agent.snapshot_date, agent.* {rest}, manager.* {rest}, region.* {rest}
  FROM agents g JOIN agent ON agent.entity = g.sales_agent
  LEFT JOIN manager ON manager.entity = g.manager
    AND manager.snapshot_date = agent.snapshot_date
  LEFT JOIN region ON region.entity = g.regional_office
    AND region.snapshot_date = agent.snapshot_date),
of_product AS MATERIALIZED (
  SELECT h.product_code, product.snapshot_date, product.* {rest}
  FROM products h JOIN product ON product.entity = h.product),
engaged AS (
  SELECT opportunity_id, engage_date, coalesce(close_date, DATE '2200-01-01') AS until,
    sales_price, series, agent_code, product_code
  FROM opportunities LEFT JOIN agents USING (sales_agent) LEFT JOIN products USING (product)
  WHERE engage_date IS NOT NULL)
SELECT o.opportunity_id, d.snapshot_date,
  (d.snapshot_date - engage_date)::INT AS age_days,
  (d.snapshot_date - quarter_start)::INT AS day_of_quarter,
  ((d.snapshot_date - quarter_start) // 7)::INT AS week_of_quarter,
  ((month(d.snapshot_date) - 1) % 3 + 1)::INT AS month_of_quarter,
  (quarter_end - d.snapshot_date)::INT AS days_to_quarter_end,
  ((month(engage_date) - 1) % 3 + 1)::INT AS engaged_month_of_quarter,
  (engage_date >= quarter_start)::INT AS engaged_this_quarter,
  sales_price AS list_price, series AS product_series,
  a.* EXCLUDE (agent_code, snapshot_date), p.* EXCLUDE (product_code, snapshot_date),
  overall_win_rate, overall_win_rate_30d, overall_closed_7d, overall_closed_30d,
  overall_open_count
FROM engaged o
JOIN by_date d ON engage_date <= d.snapshot_date AND until > d.snapshot_date
LEFT JOIN of_agent a ON o.agent_code = a.agent_code AND d.snapshot_date = a.snapshot_date
LEFT JOIN of_product p ON o.product_code = p.product_code AND d.snapshot_date = p.snapshot_date
"""


WAYS = {"ours": ours, "SQL by hand": by_hand}


def one_run(way: str, folder: Path, into: Path | None) -> dict[str, float]:
    began = time.perf_counter()
    rows = WAYS[way](folder, into)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "gigabytes": peak_gigabytes(), "rows": rows}


def apart(way: str, folder: Path, into: Path | None) -> dict[str, float]:
    answer: dict[str, float] = answer_of(Path(__file__), "--one", way, folder, into or "")
    return answer


def compared(folder: Path) -> tuple[int, int]:
    """Rows and columns of both results, which must be equal; of many rows, those of some."""
    files = {way: folder / f"{way}.parquet" for way in WAYS}
    for way, file in files.items():
        apart(way, folder, file)
    rows = {w: pl.scan_parquet(f).select(pl.len()).collect().item() for w, f in files.items()}
    assert rows["ours"] == rows["SQL by hand"], f"they differ in rows: {rows}"
    some = pl.col("opportunity_id").hash() % max(1, rows["ours"] // 1_000_000) == 0
    our, their = (pl.scan_parquet(f).filter(some).sort(KEY).collect() for f in files.values())
    assert_frame_equal(their.select(our.columns), our, rel_tol=0, abs_tol=1e-9, check_dtypes=True)
    return rows["ours"], our.width


def results(sizes: list[int]) -> Iterator[Result]:
    """A result for each size, kind of output and way; `times` is against SQL by hand."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            write_tables(size, folder)
            rows, width = compared(folder)
            for kind, into in (("file", folder / "out.parquet"), ("memory", None)):
                runs = {way: [apart(way, folder, into) for _ in range(RUNS)] for way in WAYS}
                medians = {w: statistics.median(r["seconds"] for r in runs[w]) for w in WAYS}
                for way in WAYS:
                    yield {
                        "opportunities": size,
                        "rows": rows,
                        "features": width - len(KEY),
                        "into": kind,
                        "way": way,
                        "seconds": medians[way],
                        "times": medians[way] / medians["SQL by hand"],
                        "gigabytes": max(r["gigabytes"] for r in runs[way]),
                    }


def main() -> None:
    given = arguments(__doc__, SIZES, of="N").parse_args()
    tell(results(given.sizes), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _, _, way, folder, into = sys.argv
        print(json.dumps(one_run(way, Path(folder), Path(into) if into else None)))
    else:
        main()
