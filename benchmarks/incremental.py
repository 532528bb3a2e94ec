"""One more day, or week, on a large history: `python benchmarks/incremental.py [ROWS] [--json]`.

The step `features` of a later export in the store of the earlier one, beside the same in a store of
its own. Tables are compared before times are told. Each run is a process of its own. Seconds are of
the clock, and of all cores (CPU) since a busy machine changes those less.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
from polars.testing import assert_frame_equal

from dealcast.settings import SampleSource, load_settings
from dealcast.sources.sample import write_sample
from dealcast.workflow import feature_steps
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store

ROWS = 1_000_000
DAYS = (1, 7)
SILENT = SimpleNamespace(
    **dict.fromkeys(("started", "progressed", "finished"), lambda *_told: None)
)
TABLES = ("snapshots", "snapshot_features")
KEY = ["opportunity_id", "snapshot_date"]


def earlier(later: Path, into: Path, days: int) -> None:
    """The same export as it was so many days before its last one."""
    into.mkdir()
    for file in later.iterdir():
        is_parquet = file.suffix == ".parquet"
        rows = pl.read_parquet(file) if is_parquet else pl.read_csv(file, infer_schema=False)
        if file.stem == "sales_pipeline":
            dates = pl.col("engage_date", "close_date").str.to_date()
            rows = rows.with_columns(dates)
            last = rows.select(
                pl.max_horizontal(pl.max("engage_date"), pl.max("close_date"))
            ).item()
            day = last - timedelta(days)
            open_then = (pl.col("close_date") > day).fill_null(value=False)
            rows = rows.filter(pl.col("engage_date").is_null() | (pl.col("engage_date") <= day))
            blank = ("account", "close_date", "close_value")
            rows = rows.with_columns(
                pl.when(~open_then).then(pl.col(*blank)),
                deal_stage=pl.when(open_then).then(pl.lit("Engaging")).otherwise("deal_stage"),
            ).with_columns(pl.col("engage_date", "close_date").cast(pl.String))
        rows.write_parquet(into / f"{file.stem}.parquet")


def timed(run: Callable[..., object], took: dict[str, float]) -> Callable[..., object]:
    def timing(*args: object) -> object:
        began, cpu = time.perf_counter(), time.process_time()
        made = run(*args)
        took["seconds"], took["cpu"] = time.perf_counter() - began, time.process_time() - cpu
        return made

    return timing


def one_run(export: str, root: str) -> dict[str, object]:
    """Ingest to features; the seconds of the snapshots with their features, and of all the step."""
    took: dict[str, float] = {}
    feature_steps.write_snapshots = timed(feature_steps.write_snapshots, took)
    flags = {"storage.root": root, "source.kind": "files", "source.path": export}
    loaded = load_settings(environ={}, flags=flags)
    record = run_steps(loaded, Plan(stop="features"), SILENT, quiet=True).steps[-1]
    known = ("snapshot_rows", "snapshot_dates", "snapshot_dates_renewed", "changed_opportunities")
    return {**took, "step": record.seconds, **{name: record.figures[name] for name in known}}


def apart(export: Path, root: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", str(export), str(root)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def compare(one: Path, other: Path) -> None:
    for name in TABLES:
        files = [Store(str(root)) for root in (one, other)]
        frames = [store.load(name).sort(KEY) for store in files]
        assert_frame_equal(*frames, check_exact=True)


def measured(rows: int, days: int, folder: Path) -> dict[str, object]:
    later, former = folder / "later", folder / f"{days}-days-earlier"
    if not later.exists():
        write_sample(later, SampleSource(opportunities=rows, dirt=0))
    earlier(later, former, days)
    daily, whole = folder / f"daily-{days}", folder / f"whole-{days}"
    apart(former, daily)
    again, rebuilt = apart(later, daily), apart(later, whole)
    compare(daily, whole)
    return {
        "opportunities": rows,
        "days": days,
        "incremental": again,
        "rebuild": rebuilt,
        "ratio": rebuilt["seconds"] / again["seconds"],
        "ratio_cpu": rebuilt["cpu"] / again["cpu"],
        "ratio_of_the_step": rebuilt["step"] / again["step"],
    }


def main(arguments: list[str]) -> None:
    sizes = [int(a) for a in arguments if a.isdecimal()] or [ROWS]
    found = []
    with tempfile.TemporaryDirectory(prefix="dealcast-incremental-") as folder:
        for rows in sizes:
            own = Path(folder) / str(rows)
            found += [measured(rows, days, own) for days in DAYS]
    if "--json" in arguments:
        print(json.dumps(found, indent=2))
        return
    print(
        f"{'opportunities':>13} {'later':>7} {'changed':>8} {'dates':>9} {'CPU s':>14} {'ratio':>6}"
    )
    for run in found:
        again, rebuilt = run["incremental"], run["rebuild"]
        dates = f"{again['snapshot_dates_renewed']} of {again['snapshot_dates']}"
        seconds = f"{again['cpu']:.1f} / {rebuilt['cpu']:.1f}"
        print(
            f"{run['opportunities']:>13,} {run['days']:>5} d {again['changed_opportunities']:>8,}"
            f" {dates:>9} {seconds:>14} {run['ratio_cpu']:>6.1f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one_run(*sys.argv[2:4])))
    else:
        main(sys.argv[1:])
