"""Scheduled runs one after another: `python benchmarks/soak.py [RUNS] [--json]`.

A run each minute of an hour are 60: as many are done here as fast as they go, on an export that is
a day later each time; a vacuum that keeps the last three follows each. All in one process, which is
harder than a schedule, where each has its own. `dealcast api` answers from the store all the while.
The export has the opportunities of a fixed number of days, so what grows is kept, not read.

Told of each measure: after the first run, the median of the second half, after the last, and how
much it grew in the second half (the median slope between two runs times their number, over the
median; Theil-Sen). What a store holds depends on the export: of it is told what it had more than
one that saw the last three exports alone, after the last run less at half time. `flat`: below 2 %.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from dealcast.settings import LoadedSettings, SampleSource, load_settings
from dealcast.sources.sample import write_sample
from dealcast.surfaces.api.keys import new_key
from dealcast.workflow.plan import Plan
from dealcast.workflow.retention.vacuum import carry_out, plan_vacuum
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store
from dealcast.workflow.tables import TABLES
from incremental import as_of, last_date
from results import Result, arguments, tell
from serving import KNOWN, SILENT, Way, free_port, running

RUNS, OPPORTUNITIES, KEPT_RUNS, ASKED = 60, 3_000, 3, 50
BOUND = 0.02
ISSUED = [table.path for table in TABLES.values() if table.mode == "append"] + ["runs"]
"""What holds more after every run because it must: what was issued, and the manifests."""
COLUMNS = {
    "measure": "<31",
    "runs": "4",
    "first": "12,.1f",
    "median": "12,.1f",
    "last": "12,.1f",
    "growth": "7.1%",
    "flat": "<4",
}


def exports(into: Path, runs: int) -> Iterator[date]:
    """Write the export of each day, in place of the one before; the day."""
    write_sample(into, SampleSource(opportunities=OPPORTUNITIES, dirt=0))
    file = into / "sales_pipeline.csv"
    rows = pl.read_csv(file, infer_schema=False)
    end = last_date(rows)
    first = rows.select(pl.col("engage_date").str.to_date().min()).item()
    for days in range(runs - 1, -1, -1):
        day = end - timedelta(days)
        begin = first + timedelta(runs - 1 - days)
        is_in = pl.col("engage_date").is_null() | (pl.col("engage_date") >= begin.isoformat())
        as_of(rows.filter(is_in), day).write_csv(file)
        yield day


def scheduled(loaded: LoadedSettings) -> None:
    """One run, and the vacuum after it."""
    run_steps(loaded, Plan(), SILENT, quiet=True)
    settings = loaded.settings
    store = Store(settings.storage.root)
    carry_out(store, plan_vacuum(store, settings.storage.retention, settings.tracking))


@contextlib.contextmanager
def answering(root: Path, log: Path) -> Iterator[Way]:
    """`dealcast api` on the store, and what it is asked."""
    key, kept = new_key("soak", ["score"])
    port = free_port()
    command = [sys.executable, "-m", "dealcast", "api", "--root", root, "--port", port]
    command += ["--set", "api.requests_per_minute=null"]
    keys = {"DEALCAST__API__KEYS": json.dumps([kept.model_dump(mode="json")])}
    scores = Store(str(root)).load("scores").drop_nulls("engage_date").head(ASKED)
    rows = json.loads(json.dumps(scores.select(KNOWN).to_dicts(), default=str))
    bodies = tuple(json.dumps({"opportunities": [row], "reasons": True}).encode() for row in rows)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    with running(command, port, "/readyz", log, **keys) as pid:
        yield Way("dealcast api", port, pid, "/v1/score", bodies, headers)


def ask(way: Way) -> None:
    """Every question once, over one connection. Raises RuntimeError at an answer that is none."""
    with contextlib.closing(way.connection()) as connection:
        for number in range(len(way.bodies)):
            way.ask(connection, number)


def of_process(name: str, pid: int) -> dict[str, float]:
    """Resident memory (MB), open files and sockets, threads."""
    import psutil

    process = psutil.Process(pid)
    return {
        f"{name}: memory (MB)": process.memory_info().rss / 1e6,
        f"{name}: open files": process.num_fds(),
        f"{name}: threads": process.num_threads(),
    }


def of_folder(root: Path) -> dict[str, float]:
    """Bytes (MB) and files of a store, apart from what was issued, and of that."""
    found: dict[str, float] = defaultdict(float)
    for folder, _, names in os.walk(root):
        place = Path(folder).relative_to(root).as_posix()
        is_issued = any(f"{place}/".startswith(f"{path}/") for path in ISSUED)
        what = "issued and manifests" if is_issued else "store"
        for name in names:
            found[f"{what}: size (MB)"] += (Path(folder) / name).stat().st_size / 1e6
            found[f"{what}: files"] += 1
    return found


def settings_of(export: Path, root: Path) -> LoadedSettings:
    """An export in files, and a store of which the last runs are kept."""
    flags: Mapping[str, Any] = {
        "storage.root": str(root),
        "source.kind": "files",
        "source.path": str(export),
        "storage.retention.keep_days": None,
        "storage.retention.keep_runs": KEPT_RUNS,
        "storage.retention.grace_hours": 0,
    }
    return load_settings(environ={}, flags=flags)


def measured(folder: Path, runs: int) -> tuple[dict[str, list[float]], list[dict[str, float]]]:
    """Every measure after each run, and those of stores that saw the last exports alone.

    Of these there are two, at half time and at the end.
    """
    export, root = folder / "export", folder / "store"
    series, ends = defaultdict(list), (half_of(runs), runs)
    fresh = {end: folder / f"fresh-{end}" for end in ends}
    with contextlib.ExitStack() as stack:
        way = None
        for number, day in enumerate(exports(export, runs), start=1):
            scheduled(settings_of(export, root))
            way = way or stack.enter_context(answering(root, folder / "api.log"))
            ask(way)
            here = of_process("runs", os.getpid()) | of_process("api", way.pid) | of_folder(root)
            for measure, value in here.items():
                series[measure].append(value)
            size = here["store: size (MB)"]
            told = f"{day}: {here['runs: memory (MB)']:,.0f} MB in memory, {size:,.1f} MB kept"
            print(f"run {number} of {runs}, export of {told}", file=sys.stderr, flush=True)
            for end, other in fresh.items():
                if end - KEPT_RUNS < number <= end:
                    scheduled(settings_of(export, other))
    return series, [of_folder(other) for other in fresh.values()]


def half_of(runs: int) -> int:
    """The run at half time, counted from 1."""
    return (runs + 1) // 2


def growth(values: Sequence[float]) -> float:
    """What a measure grew by, from the first of these to the last, over its median."""
    from scipy.stats import theilslopes

    if len(values) < 3:
        return 0.0
    middle = sorted(values)[len(values) // 2]
    return float(theilslopes(values).slope) * (len(values) - 1) / middle


def results(runs: int) -> Iterator[Result]:
    """A result for each measure, with its values after each run."""
    with tempfile.TemporaryDirectory(prefix="dealcast-soak-") as place:
        series, fresh = measured(Path(place), runs)
    for measure, values in series.items():
        half = values[len(values) // 2 :]
        grew = growth(half)
        if measure.startswith("store"):
            middle, end = values[half_of(runs) - 1], values[-1]
            more = [had - alone[measure] for had, alone in zip((middle, end), fresh, strict=True)]
            grew = (more[1] - more[0]) / end
        is_judged = not measure.startswith("issued")
        yield {
            "measure": measure,
            "runs": runs,
            "first": values[0],
            "median": sorted(half)[len(half) // 2],
            "last": values[-1],
            "growth": grew,
            **({"flat": "yes" if grew < BOUND else "no"} if is_judged else {}),
            "series": values,
        }


def main() -> None:
    given = arguments(__doc__, (RUNS,), of="RUNS").parse_args()
    tell((r for runs in given.sizes for r in results(runs)), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    main()
