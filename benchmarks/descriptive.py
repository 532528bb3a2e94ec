"""crm_features beside plain pandas and scikit-learn: `python benchmarks/descriptive.py [N ...]`.

Both make the same 61 columns and fitted encoders and scalers of N opportunities of the sample
world, in memory, and from a Parquet file to Parquet files. Rows and every value are compared
before times are. Time is without imports and without making the data; each way is a process of
its own, whose peak memory is told; median of three runs in it. `--json` prints a JSON list.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from polars.testing import assert_frame_equal
from sklearn.preprocessing import LabelEncoder, StandardScaler

from dealcast.contracts import CrmTables
from dealcast.features.descriptive import CrmFeatures, describe
from dealcast.settings import SampleSource
from dealcast.sources.sample import World, sales_pipeline

SIZES = (8_800, 176_000, 1_760_000)
RUNS = 3
BATCH = 250_000
ORIGINAL = (
    "opportunity_id",
    "sales_agent",
    "product",
    "account",
    "deal_stage",
    "engage_date",
    "close_date",
    "close_value",
)
ENCODED = [c.removesuffix("_encoded") for c in CrmFeatures.columns() if c.endswith("_encoded")]
SCALED = [c.removesuffix("_scaled") for c in CrmFeatures.columns() if c.endswith("_scaled")]
STAGE_ORDER = {"Lost": 0, "Prospecting": 1, "Engaging": 2, "Won": 4}
SIZE_NAMES = ["Small", "Medium", "Large", "Very Large", "Enterprise"]
CYCLE_NAMES = ["Quick", "Short", "Medium", "Long", "Very Long"]


def write_opportunities(rows: int, into: Path) -> None:
    """Clean opportunities of the sample world, as a Parquet file."""
    sales_pipeline(World(SampleSource(opportunities=rows, dirt=0))).select(
        pl.col(ORIGINAL).exclude("engage_date", "close_date", "close_value"),
        pl.col("engage_date", "close_date").str.to_date(),
        pl.col("close_value").cast(pl.Float64),
    ).select(ORIGINAL).sink_parquet(into)


def with_pandas(opportunities: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The 61 columns the way one writes them in pandas; and what was fitted."""
    out = opportunities.copy()
    value, stage = out["close_value"], out["deal_stage"]
    out["close_value_log"] = np.log1p(value)
    out["close_value_category"] = pd.cut(
        value, [-np.inf, 1e3, 5e3, 1e4, 5e4, np.inf], labels=SIZE_NAMES
    )
    out["deal_stage_order"] = stage.map(STAGE_ORDER)
    out["is_closed"] = stage.isin(["Won", "Lost"]).astype("int8")
    out["is_won"] = (stage == "Won").astype("int8")
    out["is_lost"] = (stage == "Lost").astype("int8")
    out["is_open"] = stage.isin(["Prospecting", "Engaging"]).astype("int8")
    by_agent = out.groupby("sales_agent")
    out["agent_opportunity_count"] = by_agent["opportunity_id"].transform("count")
    closed = by_agent["is_closed"].transform("sum")
    out["agent_win_rate"] = by_agent["is_won"].transform("sum") / closed.where(closed > 0)
    out["product_popularity"] = out.groupby("product")["opportunity_id"].transform("count")
    out["account_frequency"] = out.groupby("account")["opportunity_id"].transform("count")
    out["is_repeat_account"] = (out["account_frequency"] > 1).where(out["account"].notna())
    out["is_repeat_account"] = out["is_repeat_account"].astype("float64")
    for moment, parts in (
        ("engage", ("year", "month", "quarter", "day_of_week", "day_of_year")),
        ("close", ("year", "month", "quarter", "day_of_week")),
    ):
        dates = out[f"{moment}_date"].dt
        for part in parts:
            out[f"{moment}_{part}"] = getattr(dates, part)
    out["sales_cycle_days"] = (out["close_date"] - out["engage_date"]).dt.days
    out["sales_cycle_category"] = pd.cut(
        out["sales_cycle_days"], [-np.inf, 30, 90, 180, 365, np.inf], labels=CYCLE_NAMES
    )
    fitted: dict[str, Any] = {column: LabelEncoder() for column in ENCODED}
    for column, encoder in fitted.items():
        known = out[column].dropna()
        codes = pd.Series(encoder.fit_transform(known), index=known.index)
        out[f"{column}_encoded"] = codes.reindex(out.index)
    fitted["scaler"] = StandardScaler()
    out[[f"{column}_scaled" for column in SCALED]] = fitted["scaler"].fit_transform(out[SCALED])
    out["target_binary"] = out["is_won"]
    out["target_multiclass"] = out["deal_stage_order"]
    return out, fitted


def read_pandas(file: Path) -> pd.DataFrame:
    opportunities = pd.read_parquet(file)
    for column in ("engage_date", "close_date"):
        opportunities[column] = pd.to_datetime(opportunities[column])
    return opportunities


def tables_of(opportunities: pl.LazyFrame) -> CrmTables:
    return CrmTables.cast({"opportunities": opportunities})


def ours_in_memory(tables: CrmTables) -> object:
    description = describe(tables)
    return description.frame(), description.transforms


def ours_to_files(file: Path, into: Path) -> None:
    description = describe(tables_of(pl.scan_parquet(file)))
    for number, batch in enumerate(description.batches(BATCH)):
        batch.write_parquet(into / f"{number:04}.parquet", compression="snappy")


def pandas_to_files(file: Path, into: Path) -> None:
    with_pandas(read_pandas(file))[0].to_parquet(into / "0000.parquet", compression="snappy")


# what is read and written -> way -> how the input is read before, and what is timed.
Way = tuple[Callable[[Path], Any], Callable[[Any, Path], object]]
WAYS: Mapping[str, Mapping[str, Way]] = {
    "memory": {
        "ours": (
            lambda file: tables_of(pl.read_parquet(file).lazy()),
            lambda tables, _: ours_in_memory(tables),
        ),
        "pandas": (read_pandas, lambda opportunities, _: with_pandas(opportunities)),
    },
    "file": {"ours": (Path, ours_to_files), "pandas": (Path, pandas_to_files)},
}


def one_run(into: str, way: str, file: Path, folder: Path, runs: int) -> dict[str, float]:
    read, run = WAYS[into][way]
    given = read(file)
    seconds, processor = [], []
    for _ in range(runs):
        began, used = time.perf_counter(), time.process_time()
        result = run(given, folder)
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
        del result
    return {
        "seconds": statistics.median(seconds),
        "cpu_seconds": statistics.median(processor),
        "gigabytes": peak_gigabytes(),
    }


def peak_gigabytes() -> float:
    # Not ru_maxrss: a child starts with its parent's.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e6


def apart(into: str, way: str, file: Path, folder: Path, runs: int) -> dict[str, float]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, __file__, "--one", into, way, str(file), str(folder), str(runs)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def compare(ours: Path, theirs: Path) -> int:
    """The number of rows, which must be the same with the same values in all 61 columns."""
    our = pl.read_parquet(ours / "*.parquet")
    their = pl.read_parquet(theirs / "*.parquet")
    assert set(their.columns) == set(our.columns), "they differ in columns"
    for column in our.columns:
        # pandas has NaN for null, and float for a whole number with nulls.
        values = their[column]
        values = values.fill_nan(None) if values.dtype.is_float() else values
        assert_frame_equal(
            values.cast(our[column].dtype).to_frame(),
            our.select(column),
            rel_tol=1e-9,
            abs_tol=1e-9,
        )
    return our.height


def results(sizes: list[int], runs: int) -> Iterator[dict[str, Any]]:
    """A result per size, kind of input and output, and way; `times` is against pandas."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "opportunities.parquet"
            write_opportunities(size, file)
            folders = {way: Path(place) / way for way in WAYS["file"]}
            # To write what is compared is a run too.
            found = {"file": {w: apart("file", w, file, f, runs) for w, f in folders.items()}}
            rows = compare(*folders.values())
            found["memory"] = {w: apart("memory", w, file, f, runs) for w, f in folders.items()}
            for into, ways in found.items():
                for way, run in ways.items():
                    yield {
                        "opportunities": size,
                        "rows": rows,
                        "columns": len(CrmFeatures.columns()),
                        "into": into,
                        "way": way,
                        **run,
                        "times": ways["pandas"]["seconds"] / run["seconds"],
                    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), metavar="N")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each way")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print a JSON list")
    given = parser.parse_args()
    told = []
    out = sys.stderr if given.as_json else sys.stdout
    print(f"{'rows':>10} {'into':<7} {'way':<7} {'seconds':>8} {'of CPU':>8} {'GB':>6}"
          "  times as fast as pandas", file=out)  # fmt: skip
    for result in results(given.sizes, given.runs):
        told.append(result)
        print(
            f"{result['rows']:>10,} {result['into']:<7} {result['way']:<7}"
            f" {result['seconds']:>8.3f} {result['cpu_seconds']:>8.3f} {result['gigabytes']:>6.2f}"
            f" {result['times']:>6.1f}",
            file=out,
            flush=True,
        )
    if given.as_json:
        print(json.dumps(told))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _, _, into, way, file, folder, runs = sys.argv
        print(json.dumps(one_run(into, way, Path(file), Path(folder), int(runs))))
    else:
        main()
