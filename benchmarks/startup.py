"""How long the command line takes to start: `python benchmarks/startup.py [TIMES]`.

Each command is a process of its own, beside a Python that does nothing; median of so many.
"""

import subprocess
import sys
from collections.abc import Iterator

from measuring import timed
from results import Result, arguments, tell

TIMES = 11
DEALCAST = ("-m", "dealcast")
COMMANDS = {
    "python, nothing done": ("-c", "pass"),
    "dealcast --help": (*DEALCAST, "--help"),
    "dealcast --version": (*DEALCAST, "--version"),
    "dealcast run --help": (*DEALCAST, "run", "--help"),
}
COLUMNS = {"command": "<22", "milliseconds": "12.0f"}


def results(times: int) -> Iterator[Result]:
    """A result for each command; the first start, which fills caches, does not count."""
    for name, words in COMMANDS.items():

        def start(words: tuple[str, ...] = words) -> None:
            subprocess.run([sys.executable, *words], check=True, capture_output=True, timeout=60)

        start()
        yield {"command": name, "milliseconds": timed(start, times) * 1_000}


def main() -> None:
    given = arguments(__doc__, [TIMES], of="TIMES").parse_args()
    tell(results(given.sizes[0]), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    main()
