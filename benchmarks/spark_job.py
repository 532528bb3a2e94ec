"""The whole job on two cores with Spark: `python benchmarks/spark_job.py [N ...] [--plan]`.

Seconds of each step, peak memory (of the Java process and of Python here, together), and how many
rows and MB came to the driver. `--plan` also tells the largest of these, and the plan of the
features: its joins, and which rows it moves. The export is that of the source `sample` as Parquet
files; one agent has a tenth of all rows. Each size runs once, in a process of its own.
"""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from dealcast.cli.progress import progress
from dealcast.engines.spark.engine import SparkEngine
from dealcast.settings import SampleSource, load_settings
from dealcast.sources.sample import World, dimension_tables, sales_pipeline
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from measuring import answer_of, peak_gigabytes
from results import Result, arguments, tell

SIZES = (100_000,)
WHOLE = "whole run"
COLUMNS = {
    "opportunities": "13,",
    "step": "<10",
    "seconds": "9.1f",
    "gigabytes": "9.2f",
    "rows_to_driver": "14,",
    "megabytes_to_driver": "19.2f",
}
FILES = 8
BIG_AGENT_SHARE = 0.1
MASTER = "local[2]"


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


def one_job(opportunities: int, memory_gb: float) -> dict[str, Any]:
    """Seconds of each step, memory, what came to the driver, and the plan of the features."""
    spied = Spied()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "export"
        source.mkdir()
        export(source, opportunities)
        flags = {
            "source.kind": "files",
            "source.path": str(source),
            "storage.root": f"{folder}/store",
            "engine.name": "spark",
            "engine.spark_master": MASTER,
            "engine.memory_gb": memory_gb,
        }
        loaded = load_settings(environ={}, flags=flags)
        with progress(quiet=True) as watcher:
            manifest = run_steps(loaded, Plan(), watcher, quiet=True)
        engine = SparkEngine.opened(loaded.settings.engine)
        java = engine.spark.sparkContext._gateway.proc.pid  # noqa: SLF001 - there is no other way
        gigabytes = peak_gigabytes(java) + peak_gigabytes()
        engine.spark.stop()
    return {
        "seconds": {step.name: step.seconds for step in manifest.steps},
        "gigabytes": gigabytes,
        "asked": spied.asked,
        "plan": spied.plans["snapshots"],
    }


def results(sizes: list[int], memory_gb: float, *, with_plan: bool) -> Iterator[Result]:
    """A result for each size and step, and the whole."""
    for size in sizes:
        job = answer_of(Path(__file__), size, "--one", "--memory-gb", memory_gb)
        for step, seconds in job["seconds"].items():
            yield {"opportunities": size, "step": step, "seconds": seconds}
        yield {
            "opportunities": size,
            "step": WHOLE,
            "seconds": sum(job["seconds"].values()),
            "gigabytes": job["gigabytes"],
            "rows_to_driver": sum(rows for _, rows, _ in job["asked"]),
            "megabytes_to_driver": sum(taken for *_, taken in job["asked"]) / 1e6,
        }
        if with_plan:
            tell_plan(job)


def tell_plan(job: dict[str, Any]) -> None:
    """The largest of what came to the driver, and the plan, in short and whole."""
    for names, rows, taken in sorted(job["asked"], key=lambda asked: -asked[2])[:5]:
        print(f"  {rows:>9,} rows, {taken / 1e6:8.2f} MB to the driver: {', '.join(names)}")
    print(f"  plan of the features: {joins_and_moves(job['plan'])}\n{job['plan']}")


def main() -> None:
    parser = arguments(__doc__, SIZES, of="N")
    parser.add_argument("--memory-gb", type=float, default=4.0, help="of the Java process")
    parser.add_argument("--plan", action="store_true", help="tell the plan of the features too")
    parser.add_argument("--one", action="store_true", help="one size in this process, as JSON")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one_job(given.sizes[0], given.memory_gb)))
        return
    found = results(given.sizes, given.memory_gb, with_plan=given.plan and not given.as_json)
    tell(found, COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    main()
