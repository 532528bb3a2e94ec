"""One more day, or week, on a large history: `python benchmarks/incremental.py [N ...]`.

The step `features` of a later export in the store of an earlier one, beside the same in a store of
its own, made once for each N. Tables are compared before times are told. Each run is a process of
its own, and done once. Seconds are those of the snapshots with their features: of the clock, and of
all cores (CPU), since a busy machine changes those less.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from dealcast.cli.progress import progress
from dealcast.settings import SampleSource, load_settings
from dealcast.sources.sample import write_sample
from dealcast.workflow import feature_steps
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store
from measuring import answer_of
from results import Result, arguments, tell

SIZES = (1_000_000,)
DAYS = (1, 7)
TABLES = ("snapshots", "snapshot_features")
KEY = ["opportunity_id", "snapshot_date"]
COLUMNS = {
    "opportunities": "13,",
    "days": "4",
    "changed": "9,",
    "dates_renewed": "13",
    "dates": "5",
    "seconds": "8.2f",
    "rebuild_seconds": "15.2f",
    "cpu_seconds": "11.1f",
    "rebuild_cpu_seconds": "19.1f",
    "times": "6.1f",
}


def last_date(rows: pl.DataFrame) -> date:
    """The last day on which something happened in a pipeline whose dates are texts."""
    dates = (pl.col(name).str.to_date().max() for name in ("engage_date", "close_date"))
    return max(rows.select(dates).row(0))


def as_of(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """It as it was at the end of a day: what closed later is open, what began later, gone."""
    closed_then = pl.col("close_date").str.to_date() <= day
    begun_then = pl.col("engage_date").is_null() | (pl.col("engage_date").str.to_date() <= day)
    open_then = (~closed_then).fill_null(value=False)
    return rows.filter(begun_then).with_columns(
        pl.when(~open_then).then(pl.col("account", "close_date", "close_value")),
        deal_stage=pl.when(open_then).then(pl.lit("Engaging")).otherwise("deal_stage"),
    )


def earlier(later: Path, into: Path, days: int) -> None:
    """The same export as it was so many days before its last one."""
    into.mkdir()
    for file in later.iterdir():
        is_parquet = file.suffix == ".parquet"
        rows = pl.read_parquet(file) if is_parquet else pl.read_csv(file, infer_schema=False)
        if file.stem == "sales_pipeline":
            rows = as_of(
                rows.with_columns(pl.col("engage_date", "close_date").cast(pl.String)),
                last_date(rows) - timedelta(days),
            )
        rows.write_parquet(into / f"{file.stem}.parquet")


def noting(run: Callable[..., object], took: dict[str, float]) -> Callable[..., object]:
    """The same, which also notes what it took."""

    def noted(*given: object) -> object:
        began, cpu = time.perf_counter(), time.process_time()
        made = run(*given)
        took["seconds"], took["cpu_seconds"] = (
            time.perf_counter() - began,
            time.process_time() - cpu,
        )
        return made

    return noted


def one_run(export: str, root: str) -> dict[str, object]:
    """Ingest to features: what the snapshots with their features took, and how many were made."""
    took: dict[str, float] = {}
    feature_steps.write_snapshots = noting(feature_steps.write_snapshots, took)
    flags = {"storage.root": root, "source.kind": "files", "source.path": export}
    loaded = load_settings(environ={}, flags=flags)
    with progress(quiet=True) as watcher:
        made = run_steps(loaded, Plan(stop="features"), watcher, quiet=True).steps[-1].figures
    return {
        **took,
        "changed": made["changed_opportunities"],
        "dates_renewed": made["snapshot_dates_renewed"],
        "dates": made["snapshot_dates"],
    }


def compare(one: Path, other: Path) -> None:
    """Raises AssertionError where the tables of two stores differ in anything."""
    for name in TABLES:
        frames = [Store(str(root)).load(name).sort(KEY) for root in (one, other)]
        assert_frame_equal(*frames, check_exact=True)


def results(sizes: list[int]) -> Iterator[Result]:
    """A result for each size and number of days; `times` is CPU against making all anew."""
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="dealcast-incremental-") as place:
            folder = Path(place)
            export, whole = folder / "export", folder / "whole"
            write_sample(export, SampleSource(opportunities=size, dirt=0))
            rebuilt = answer_of(Path(__file__), "--one", export, whole)
            for days in DAYS:
                former, daily = folder / f"{days}-days-earlier", folder / f"daily-{days}"
                earlier(export, former, days)
                answer_of(Path(__file__), "--one", former, daily)
                again = answer_of(Path(__file__), "--one", export, daily)
                compare(daily, whole)
                yield {
                    "opportunities": size,
                    "days": days,
                    **again,
                    "rebuild_seconds": rebuilt["seconds"],
                    "rebuild_cpu_seconds": rebuilt["cpu_seconds"],
                    "times": rebuilt["cpu_seconds"] / again["cpu_seconds"],
                }


def main() -> None:
    given = arguments(__doc__, SIZES, of="N").parse_args()
    tell(results(given.sizes), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one_run(*sys.argv[2:4])))
    else:
        main()
