"""Features beside plain pandas that computes the same: `python benchmarks/features.py [ROWS ...]`.

Time and peak memory without imports and without making the data, each run in a process of its own.
Memory is what the run adds to what was in use before it.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.features.descriptive import ENCODED, SCALED, build_crm_features

SIZES = (8_800, 176_000)
AS_OF = date(2017, 12, 31)
# Seconds and gigabytes that issue 2 allows for the real data's 8,800 rows.
BOUNDS = {"descriptive": (0.15, 2.0)}


def crm(rows: int) -> CrmTables:
    """As many opportunities as asked for, shaped like the real data: 14 months, 35 agents."""
    draw = np.random.default_rng(7)
    engaged = np.datetime64("2016-10-20") + draw.integers(0, 430, rows)
    closed = engaged + draw.integers(1, 138, rows)
    stage = np.where(draw.random(rows) < 0.63, "Won", "Lost").astype("U8")
    stage[(closed > np.datetime64(AS_OF)) | (draw.random(rows) < 0.15)] = "Engaging"
    is_open = pl.col("deal_stage") == "Engaging"
    opportunities = pl.DataFrame(
        {
            "opportunity_id": np.char.add("O", np.arange(rows).astype(str)),
            "sales_agent": np.char.add("Agent ", draw.integers(0, 35, rows).astype(str)),
            "product": np.char.add("Product ", draw.integers(0, 7, rows).astype(str)),
            "account": np.char.add("Account ", draw.integers(0, 85, rows).astype(str)),
            "deal_stage": stage,
            "engage_date": engaged,
            "close_date": closed,
            "close_value": np.where(stage == "Won", draw.integers(38, 30_288, rows), 0.0),
        }
    ).with_columns(pl.when(~is_open).then(pl.col("close_date", "close_value")))
    products = pl.DataFrame(
        {"product": [f"Product {i}" for i in range(7)], "series": "S", "sales_price": 100.0}
    )
    agents = pl.DataFrame(
        {"sales_agent": [f"Agent {i}" for i in range(35)], "manager": "M", "regional_office": "R"}
    )
    return CrmTables.validate(
        {"opportunities": opportunities, "products": products, "sales_agents": agents}, cast=True
    )


def with_pandas(raw: pd.DataFrame) -> pd.DataFrame:
    """The 61 columns of crm_features the way one writes them in pandas."""
    out = raw.copy()
    value, stage = out["close_value"], out["deal_stage"]
    out["close_value_log"] = np.log1p(value)
    sizes = ["Small", "Medium", "Large", "Very Large", "Enterprise"]
    out["close_value_category"] = pd.cut(value, [-1, 1e3, 5e3, 1e4, 5e4, np.inf], labels=sizes)
    out["deal_stage_order"] = stage.map({"Lost": 0, "Prospecting": 1, "Engaging": 2, "Won": 4})
    out["is_closed"] = stage.isin(["Won", "Lost"]).astype(int)
    out["is_won"] = (stage == "Won").astype(int)
    out["is_lost"] = (stage == "Lost").astype(int)
    out["is_open"] = 1 - out["is_closed"]
    by_agent = out.groupby("sales_agent")
    out["agent_opportunity_count"] = by_agent["opportunity_id"].transform("count")
    closed = by_agent["is_closed"].transform("sum")
    out["agent_win_rate"] = by_agent["is_won"].transform("sum") / closed.where(closed > 0)
    out["product_popularity"] = out["product"].map(out["product"].value_counts())
    out["account_frequency"] = out["account"].map(out["account"].value_counts())
    out["is_repeat_account"] = (out["account_frequency"] > 1).astype(int)
    for moment, parts in (
        ("engage", ("year", "month", "quarter", "day_of_week", "day_of_year")),
        ("close", ("year", "month", "quarter", "day_of_week")),
    ):
        dates = out[f"{moment}_date"].dt
        for part in parts:
            out[f"{moment}_{part}"] = getattr(dates, part)
    out["sales_cycle_days"] = (out["close_date"] - out["engage_date"]).dt.days
    lengths = ["Quick", "Short", "Medium", "Long", "Very Long"]
    out["sales_cycle_category"] = pd.cut(
        out["sales_cycle_days"], [-1, 30, 90, 180, 365, np.inf], labels=lengths
    )
    for column in ENCODED:
        out[f"{column}_encoded"] = pd.factorize(out[column].astype(object), sort=True)[0]
    for column in SCALED:
        spread = out[column].std(ddof=0)
        out[f"{column}_scaled"] = (out[column] - out[column].mean()) / (spread or 1.0)
    out["target_binary"] = out["is_won"]
    out["target_multiclass"] = out["deal_stage_order"]
    return out


def dated(tables: CrmTables) -> pd.DataFrame:
    raw = tables.opportunities.collect().to_pandas()
    for column in ("engage_date", "close_date"):
        raw[column] = pd.to_datetime(raw[column])
    return raw


# what is measured -> how its input is made, and the run itself.
RUNS: dict[str, tuple[Callable[[int], object], Callable[[object], object]]] = {
    "descriptive": (crm, lambda tables: build_crm_features(tables)[0]),
    "descriptive, pandas": (lambda rows: dated(crm(rows)), with_pandas),
}


def one_run(name: str, rows: int) -> dict[str, float]:
    """Best of three runs in this process."""
    make, run = RUNS[name]
    given = make(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        result = run(given)
        seconds.append(time.perf_counter() - began)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    checksum = float(np.nansum(result["agent_win_rate"].to_numpy()))
    return {
        "seconds": min(seconds),
        "gigabytes": (after - before) / 1e6,
        "rows": len(result),
        "columns": result.shape[1],
        "checksum": checksum,
    }


def apart(name: str, rows: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", name, str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or SIZES
    print(f"{'opportunities':>13} {'what':<20} {'result':>15} {'seconds':>8} {'added GB':>8}")
    for rows in sizes:
        runs = {name: apart(name, rows) for name in RUNS}
        for name, run in runs.items():
            shape = f"{run['rows']:,} x {run['columns']}"
            within = ""
            if rows == SIZES[0] and name in BOUNDS:
                met = run["seconds"] < BOUNDS[name][0] and run["gigabytes"] < BOUNDS[name][1]
                within = f"{'within' if met else 'OVER'} {BOUNDS[name][0]:g} s"
            print(
                f"{rows:>13,} {name:<20} {shape:>15} {run['seconds']:>8.3f}"
                f" {run['gigabytes']:>8.2f}  {within}"
            )
        ours, theirs = runs["descriptive"], runs["descriptive, pandas"]
        assert abs(ours["checksum"] / theirs["checksum"] - 1) < 1e-9, "they differ"
        print(
            f"{'':>13} pandas takes {theirs['seconds'] / ours['seconds']:.1f} times as long and "
            f"{theirs['gigabytes'] / max(ours['gigabytes'], 1e-3):.1f} times the memory"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one_run(sys.argv[2], int(sys.argv[3]))))
    else:
        main()
