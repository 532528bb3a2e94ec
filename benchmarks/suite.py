"""Every benchmark with its sizes: `python benchmarks/suite.py [NAME ...] [--sizes full]`.

What each finds is kept as benchmarks/results/NAME.json, from which `python benchmarks/scale.py`
writes docs/scale.md. A benchmark that fails leaves its last result as it was.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal

from measuring import HERE

Sizes = Literal["tiny", "modest", "full"]
RESULTS = HERE / "results"
LIBRARIES = ("polars", "duckdb", "numpy")


@dataclass(frozen=True)
class Benchmark:
    """A script of this folder and its arguments: for a test, within half an hour, for hours."""

    name: str
    tiny: tuple[int | str, ...]
    modest: tuple[int | str, ...]
    full: tuple[int | str, ...]


SUITE = (
    Benchmark("startup", (1,), (11,), (21,)),
    Benchmark("sample", (500,), (8_800, 1_000_000), (8_800, 100_000, 1_000_000, 10_000_000)),
    Benchmark("sql", (500,), (100_000,), (100_000, 1_000_000)),
    Benchmark("descriptive", (300, "--runs", 1), (8_800, 176_000), (8_800, 176_000, 1_760_000)),
    Benchmark("point_in_time", (500,), (100_000,), (100_000, 1_000_000)),
    Benchmark(
        "beside_peers",
        (300, "--runs", 1),
        (100_000, "--minutes", 4),
        (100_000, 1_000_000, 10_000_000),
    ),
    Benchmark("scoring", (200,), (100_000,), (100_000, 1_000_000, 2_000_000)),
    Benchmark("dashboard", (1_000,), (100_000,), (1_000, 100_000)),
    Benchmark("serving", (20,), (1_000,), (10_000,)),
    Benchmark("incremental", (500,), (100_000,), (1_000_000, 10_000_000)),
    Benchmark("spark_job", (300,), (100_000,), (100_000, 1_000_000)),
    Benchmark("soak", (2,), (60,), (240,)),
    Benchmark("runs", (500,), (8_800, 88_000), (8_800, 88_000, 880_000, 8_800_000)),
)


def script_of(name: str) -> str:
    """The script as one calls it from the root of the repository."""
    return f"benchmarks/{name}.py"


def machine() -> dict[str, str]:
    """What figures depend on besides the code."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    told = ["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(told, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "commit": commit,
    }


def kept(name: str) -> dict[str, Any] | None:
    """What was measured last by a benchmark: its command, date, machine and results."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def measure(benchmark: Benchmark, sizes: Sizes) -> bool:
    """Run a benchmark and keep what it found; whether it came to its end."""
    words = [str(word) for word in getattr(benchmark, sizes)]
    command = [sys.executable, str(HERE / f"{benchmark.name}.py"), *words, "--json"]
    print(f"== python {script_of(benchmark.name)} {' '.join(words)}", flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return False
    found = {
        "command": f"python {script_of(benchmark.name)} {' '.join(words)}",
        "measured": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "results": json.loads(done.stdout),
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{benchmark.name}.json"
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [benchmark.name for benchmark in SUITE]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--sizes", choices=("tiny", "modest", "full"), default="modest")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(names))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [b for b in SUITE if b.name in (given.names or names)]
    failed = [b.name for b in chosen if not measure(b, given.sizes)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
