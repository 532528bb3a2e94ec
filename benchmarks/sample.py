"""How long, and how much memory, a sample takes: `python benchmarks/sample.py [ROWS ...]`.

Each size runs in a process of its own, so that peak memory is that of the size. `growth` is the
time per row against that of the size before: 1 is linear.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES = (8_800, 100_000, 1_000_000, 10_000_000)
BOUNDS = {8_800: (0.3, 2.0), 10_000_000: (30.0, 2.0)}
ONE_RUN = """
import json, resource, sys, time
from pathlib import Path
from dealcast.settings import SampleSource
from dealcast.sources.sample import write_sample

began = time.perf_counter()
files = write_sample(Path(sys.argv[1]), SampleSource(opportunities=int(sys.argv[2])))
print(json.dumps({
    "seconds": time.perf_counter() - began,
    "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    "disk_mb": sum(file.stat().st_size for file in files) / 1e6,
    "format": files[0].suffix[1:],
}))
"""


def measured(rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", ONE_RUN, str(Path(folder) / "sample"), str(rows)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def verdict(rows: int, run: dict[str, float]) -> str:
    if rows not in BOUNDS:
        return ""
    seconds, gigabytes = BOUNDS[rows]
    met = run["seconds"] < seconds and run["peak_gb"] < gigabytes
    return f"{'within' if met else 'OVER'} {seconds:g} s and {gigabytes:g} GB"


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or SIZES
    print(f"{'rows':>12} {'format':>8} {'seconds':>8} {'peak GB':>8} {'disk MB':>8} {'growth':>7}")
    before = None
    for rows in sizes:
        run = measured(rows)
        per_row = run["seconds"] / rows
        growth = f"{per_row / before:.2f}" if before else "-"
        print(
            f"{rows:>12,} {run['format']:>8} {run['seconds']:>8.2f} {run['peak_gb']:>8.2f}"
            f" {run['disk_mb']:>8.1f} {growth:>7}  {verdict(rows, run)}"
        )
        before = per_row


if __name__ == "__main__":
    main()
