"""The whole job on two cores with Spark: `python benchmarks/spark_job.py [ROWS] [--json]`.

Seconds of each step, peak memory of the Java process, of Python here and in tasks, all that came to
the driver (calls, rows, bytes), and the plan of the features: its joins, and which rows it moves.
The export is that of the source `sample` as Parquet files; one agent has a tenth of all rows.
"""

import argparse
import json
import re
import resource
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from dealcast.engines.spark.engine import SparkEngine
from dealcast.settings import SampleSource, load_settings
from dealcast.sources.sample import World, dimension_tables, sales_pipeline
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps

FILES = 8
BIG_AGENT_SHARE = 0.1
MASTER = "local[2]"


class Told:
    """Prints each step as it ends."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def started(self, step: Any) -> None:
        """Say nothing yet."""

    def progressed(self, note: str, share: float) -> None:
        """Say nothing yet."""

    def finished(self, record: Any) -> None:
        """Print what it took."""
        if not self.quiet:
            print(f"{record.name:>12} {record.seconds:>8.1f} s", flush=True)


class Spied:
    """All that the driver asks for, and the plan of what it has written last."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], int, int]] = []
        self.plans: dict[str, str] = {}
        collect, write = SparkEngine.collect, SparkEngine.write

        def counting(engine: SparkEngine, frame: Any) -> pl.DataFrame:
            rows = collect(engine, frame)
            self.asked.append((tuple(rows.columns), rows.height, int(rows.estimated_size())))
            return rows

        def planning(engine: SparkEngine, frame: Any, folder: str) -> Any:
            self.plans[Path(folder).parent.name] = engine.plan(frame)
            return write(engine, frame, folder)

        SparkEngine.collect, SparkEngine.write = counting, planning  # type: ignore[method-assign]


def export(folder: Path, rows: int) -> None:
    """The sample's tables, opportunities in several files."""
    settings = SampleSource(opportunities=rows, dirt=0)
    pipeline = sales_pipeline(World(settings)).collect()
    agents = pipeline["sales_agent"].unique().sort()
    is_big = pl.int_range(pl.len()) % int(1 / BIG_AGENT_SHARE) == 0
    name = pl.when(is_big).then(pl.lit(agents[0])).otherwise("sales_agent")
    pipeline = pipeline.with_columns(sales_agent=name)
    size = -(-rows // FILES)
    for part in range(FILES):
        pipeline.slice(part * size, size).write_parquet(folder / f"opportunities_{part}.parquet")
    for table, frame in dimension_tables(settings).items():
        frame.write_parquet(folder / f"{table}.parquet")


def joins_and_moves(plan: str) -> dict[str, int]:
    """How often the physical plan joins and moves rows, and by what."""
    physical = plan.rsplit("== Physical Plan ==", maxsplit=1)[-1]
    found = re.findall(r"(\w*Join)\b|Exchange (\w+)(?:\(([a-z_]+)#)?", physical)
    return dict(Counter(" ".join(part for part in each if part) for each in found))


def peak_gb_of(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--memory-gb", type=float, default=4.0, help="of the Java process")
    parser.add_argument("--keep", help="folder of the store, to look at afterwards")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    spied = Spied()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "export"
        source.mkdir()
        export(source, chosen.rows)
        loaded = load_settings(
            environ={},
            flags={
                "source.kind": "files",
                "source.path": str(source),
                "storage.root": chosen.keep or f"{folder}/store",
                "engine.name": "spark",
                "engine.spark_master": MASTER,
                "engine.memory_gb": chosen.memory_gb,
            },
        )
        manifest = run_steps(loaded, Plan(), Told(quiet=chosen.json), quiet=True)
        engine = SparkEngine.opened(loaded.settings.engine)
        java = engine.spark.sparkContext._gateway.proc.pid  # noqa: SLF001 - there is no other way
        result = {
            "rows": chosen.rows,
            "seconds": {s.name: s.seconds for s in manifest.steps},
            "peak_gb": {
                "java": peak_gb_of(java),
                "driver": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
            },
            "to_the_driver": [
                {"columns": columns, "rows": rows, "bytes": size}
                for columns, rows, size in spied.asked
            ],
            "features_plan": joins_and_moves(spied.plans["snapshots"]),
            "figures": {n: manifest.figures[n] for n in ("rows_clean", "snapshot_rows", "scored")},
            "plan": spied.plans["snapshots"],
        }
        engine.spark.stop()
    if chosen.json:
        print(json.dumps(result))
        return
    asked = result["to_the_driver"]
    print(f"{'in all':>12} {sum(result['seconds'].values()):>8.1f} s, {result['figures']}")
    print(f"peak memory (GB): {result['peak_gb']}")
    size = sum(a["bytes"] for a in asked) / 1e6
    print(
        f"to the driver: {len(asked)} results of {sum(a['rows'] for a in asked):,} rows, "
        f"{size:.1f} MB"
    )
    for largest in sorted(asked, key=lambda a: -a["bytes"])[:5]:
        print(
            f"  {largest['rows']:>9,} rows, {largest['bytes'] / 1e6:8.2f} MB: {largest['columns']}"
        )
    print(f"plan of the features: {result['features_plan']}")


if __name__ == "__main__":
    main()
