"""crm_features beside plain pandas and scikit-learn: `python benchmarks/descriptive.py [N ...]`.

Both make the same 61 columns and fitted encoders and scalers of N opportunities of the sample
world, in memory, and from a Parquet file to Parquet files. Rows and every value are compared
before times are. Time is without imports and without making the data; each way is a process of
its own, whose peak memory is told; median of three runs in it.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from polars.testing import assert_frame_equal
from sklearn.preprocessing import LabelEncoder, StandardScaler

from crm import read_tables, write_tables
from dealcast.contracts import CrmTables
from dealcast.features.descriptive import CrmFeatures, describe
from measuring import answer_of, peak_gigabytes, timed
from results import Result, arguments, tell

SIZES = (8_800, 176_000, 1_760_000)
RUNS = 3
BATCH = 250_000
COLUMNS = {
    "opportunities": "13,",
    "into": "<6",
    "way": "<6",
    "seconds": "8.3f",
    "gigabytes": "9.2f",
    "times": "6.1f",
}
ENCODED = [c.removesuffix("_encoded") for c in CrmFeatures.columns() if c.endswith("_encoded")]
SCALED = [c.removesuffix("_scaled") for c in CrmFeatures.columns() if c.endswith("_scaled")]
STAGE_ORDER = {"Lost": 0, "Prospecting": 1, "Engaging": 2, "Won": 4}
SIZE_NAMES = ["Small", "Medium", "Large", "Very Large", "Enterprise"]
CYCLE_NAMES = ["Quick", "Short", "Medium", "Long", "Very Long"]


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


def read_pandas(folder: Path) -> pd.DataFrame:
    opportunities = pd.read_parquet(folder / "opportunities.parquet")
    for column in ("engage_date", "close_date"):
        opportunities[column] = pd.to_datetime(opportunities[column])
    return opportunities


def read_ours(folder: Path) -> CrmTables:
    opportunities = read_tables(folder).opportunities.collect()
    return CrmTables.cast({"opportunities": opportunities.lazy()})


def ours_in_memory(tables: CrmTables) -> object:
    description = describe(tables)
    return description.frame(), description.transforms


def ours_to_files(folder: Path, into: Path) -> None:
    description = describe(read_tables(folder))
    for number, batch in enumerate(description.batches(BATCH)):
        batch.write_parquet(into / f"{number:04}.parquet", compression="snappy")


def pandas_to_files(folder: Path, into: Path) -> None:
    with_pandas(read_pandas(folder))[0].to_parquet(into / "0000.parquet", compression="snappy")


# what is read and written -> way -> how the input is read before, and what is timed.
Way = tuple[Callable[[Path], Any], Callable[[Any, Path], object]]
WAYS: Mapping[str, Mapping[str, Way]] = {
    "memory": {
        "ours": (read_ours, lambda tables, _: ours_in_memory(tables)),
        "pandas": (read_pandas, lambda opportunities, _: with_pandas(opportunities)),
    },
    "file": {"ours": (Path, ours_to_files), "pandas": (Path, pandas_to_files)},
}


def one_run(kind: str, way: str, folder: Path, into: Path, runs: int) -> dict[str, float]:
    read, run = WAYS[kind][way]
    given = read(folder)
    seconds = timed(lambda: run(given, into), runs)
    return {"seconds": seconds, "gigabytes": peak_gigabytes()}


def compare(ours: Path, theirs: Path) -> None:
    """Raises AssertionError unless both have the same rows with the same values in 61 columns."""
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


def results(sizes: list[int], runs: int) -> Iterator[Result]:
    """A result per size, kind of input and output, and way; `times` is against pandas."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            write_tables(size, folder)
            written = {way: folder / way for way in WAYS["file"]}
            for into in written.values():
                into.mkdir()
            # To write what is compared is a run too, so files come first.
            for kind in ("file", "memory"):
                ways = {
                    way: answer_of(Path(__file__), "--one", kind, way, folder, into, runs)
                    for way, into in written.items()
                }
                if kind == "file":
                    compare(*written.values())
                for way, run in ways.items():
                    times = ways["pandas"]["seconds"] / run["seconds"]
                    yield {"opportunities": size, "into": kind, "way": way, **run, "times": times}


def main() -> None:
    parser = arguments(__doc__, SIZES, of="N")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each way")
    given = parser.parse_args()
    tell(results(given.sizes, given.runs), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _, _, kind, way, folder, into, runs = sys.argv
        print(json.dumps(one_run(kind, way, Path(folder), Path(into), int(runs))))
    else:
        main()
