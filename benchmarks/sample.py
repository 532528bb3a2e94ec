"""How long, and how much memory, a sample takes: `python benchmarks/sample.py [ROWS ...]`.

Each size runs in a process of its own, so that peak memory is that of the size; imports do not
count. `growth` is the time per row against that of the size before: 1 is linear.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dealcast.settings import SampleSource
from dealcast.sources.sample import write_sample
from measuring import answer_of, peak_gigabytes
from results import Result, arguments, tell

SIZES = (8_800, 100_000, 1_000_000, 10_000_000)
BOUNDS = {8_800: (0.3, 2.0), 10_000_000: (30.0, 2.0)}
COLUMNS = {
    "rows": "12,",
    "format": "<7",
    "seconds": "8.2f",
    "gigabytes": "9.2f",
    "disk_megabytes": "14,.1f",
    "growth": "6.2f",
    "asked_for": "<16",
}


def one_run(rows: int) -> dict[str, object]:
    """Write the sample and tell of it."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        files = write_sample(Path(folder) / "sample", SampleSource(opportunities=rows))
        return {
            "seconds": time.perf_counter() - began,
            "gigabytes": peak_gigabytes(),
            "disk_megabytes": sum(file.stat().st_size for file in files) / 1e6,
            "format": files[0].suffix[1:],
        }


def verdict(rows: int, seconds: float, gigabytes: float) -> str | None:
    """Whether the bounds that were asked for are met; none where none were."""
    if rows not in BOUNDS:
        return None
    met = seconds < BOUNDS[rows][0] and gigabytes < BOUNDS[rows][1]
    return f"{'within' if met else 'OVER'} {BOUNDS[rows][0]:g} s, {BOUNDS[rows][1]:g} GB"


def results(sizes: list[int]) -> Iterator[Result]:
    """A result for each size."""
    before = None
    for rows in sizes:
        run = answer_of(Path(__file__), "--one", rows)
        per_row = run["seconds"] / rows
        growth = {"growth": per_row / before} if before else {}
        asked_for = verdict(rows, run["seconds"], run["gigabytes"])
        yield {"rows": rows, **run, **growth, "asked_for": asked_for}
        before = per_row


def main() -> None:
    given = arguments(__doc__, SIZES, of="ROWS").parse_args()
    tell(results(given.sizes), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one_run(int(sys.argv[2]))))
    else:
        main()
