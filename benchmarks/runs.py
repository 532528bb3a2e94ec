"""The whole of `dealcast run`, step by step: `python benchmarks/runs.py [N ...]`.

An export of N generated opportunities is written; then a fresh store is filled by one run on it, in
a process of its own. Seconds of a step are those of the run's own account; those of the whole have
the start of Python in them. Memory is the peak of the process and all it started. `exponent` is the
growth from the size before: 1 is linear, 2 is quadratic; below 1 a fixed cost is spread.
"""

import json
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dealcast.settings import SampleSource
from dealcast.sources.sample import write_sample
from measuring import FailedError, TooMuchError, run_apart
from results import Result, arguments, tell

SIZES = (8_800, 88_000)
WHOLE = "whole run"
COLUMNS = {
    "opportunities": "13,",
    "step": "<10",
    "seconds": "9.2f",
    "exponent": "8.2f",
    "gigabytes": "9.2f",
    "answer": "<14",
}


def one_run(opportunities: int, **limits: float) -> dict[str, dict[str, Any]]:
    """Seconds of each step, and of the whole with its peak memory."""
    with tempfile.TemporaryDirectory() as place:
        export, root = Path(place) / "export", Path(place) / "store"
        write_sample(export, SampleSource(opportunities=opportunities))
        command = (sys.executable, "-m", "dealcast", "run", "--path", export, "--root", root)
        try:
            run = run_apart((*command, "--json"), **limits)
        except (TooMuchError, FailedError) as error:
            return {WHOLE: {"answer": str(error).splitlines()[0]}}
    steps = json.loads(run.printed)["steps"]
    return {name: {"seconds": seconds} for name, seconds in steps.items()} | {
        WHOLE: {"seconds": run.seconds, "gigabytes": run.gigabytes, "answer": "done"}
    }


def exponent(seconds: float, before: float, growth: float) -> float | None:
    """The power of the size by which the seconds grew; none where there is nothing to measure."""
    if min(seconds, before) <= 0:
        return None
    return math.log(seconds / before) / math.log(growth)


def results(sizes: list[int], **limits: float) -> Iterator[Result]:
    """A result for each size and step, and the whole."""
    before: dict[str, dict[str, Any]] = {}
    smaller = 0
    for size in sorted(sizes):
        run = one_run(size, **limits)
        for step, found in run.items():
            pair = found.get("seconds"), before.get(step, {}).get("seconds")
            grown = {"exponent": exponent(*pair, size / smaller)} if all(pair) else {}
            yield {"opportunities": size, "step": step, **found, **grown}
        before, smaller = run, size


def main() -> None:
    parser = arguments(__doc__, SIZES, of="N")
    parser.add_argument("--minutes", type=float, default=60, help="limit of one run")
    parser.add_argument("--gigabytes", type=float, default=20, help="limit of one run")
    given = parser.parse_args()
    limits = {"seconds": given.minutes * 60, "gigabytes": given.gigabytes}
    tell(results(given.sizes, **limits), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    main()
