"""Seconds and peak memory of Python code in a process of its own."""

import os
import subprocess
import sys
import tempfile
from typing import NamedTuple

# Not ru_maxrss: a child begins with its parent's.
PEAK = (
    "import atexit, pathlib, re, sys, time; began = time.perf_counter(); "
    "peak = lambda: re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text()); "
    "atexit.register(lambda: print(time.perf_counter() - began, int(peak()[1]) / 1024, "
    "file=sys.stderr)); "
)


class Measured(NamedTuple):
    """Seconds, imports included, and the most memory that was in use (MB)."""

    seconds: float
    megabytes: float


def measured(code: str, *arguments: object, **environment: str) -> Measured:
    """Run the code with these arguments (sys.argv) to its end."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=tempfile.gettempdir(),  # where no config/ is
        env={**os.environ, **environment},
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    seconds, megabytes = done.stderr.split()[-2:]
    return Measured(float(seconds), float(megabytes))
