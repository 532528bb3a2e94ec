"""Seconds and peak memory of what runs in a process of its own.

Only the standard library at import, so that the peers' environments can use it too.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BETWEEN_LOOKS = 0.1
"""Seconds between two looks at the memory of a process."""


class TooMuchError(Exception):
    """A run was ended because it took longer, or more memory, than it was given."""


class FailedError(Exception):
    """A run ended with an error; its first line says which."""


@dataclass(frozen=True)
class Run:
    """What a process printed, its seconds from start to end, and its peak memory.

    Peak: resident memory of the process and all it started, together (GB).
    """

    printed: str
    seconds: float
    gigabytes: float


def timed(run: Callable[[], object], times: int = 3) -> float:
    """Median seconds of so many calls in this process."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def peak_gigabytes(pid: int | str = "self") -> float:
    """The most memory that a process, by default this one, has had in use so far."""
    # Not ru_maxrss: a child starts with its parent's.
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e6


def run_apart(
    command: Sequence[object],
    *,
    seconds: float = 3_600,
    gigabytes: float = 20,
    variables: Mapping[str, str] | None = None,
) -> Run:
    """Run a command to its end. Raises TooMuchError beyond these limits, FailedError by itself.

    `variables` are added to those of the environment.
    """
    began, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=out,
            stderr=log,
            text=True,
            env={**os.environ, **(variables or {})},
        )
        try:
            while process.poll() is None:
                peak = max(peak, _resident(process.pid))
                _refuse(time.perf_counter() - began > seconds, f"over {seconds:,.0f} s")
                _refuse(peak > gigabytes, f"over {gigabytes:g} GB")
                time.sleep(BETWEEN_LOOKS)
        finally:
            process.kill()
            process.wait()
        took = time.perf_counter() - began
        out.seek(0)
        log.seek(0)
        if process.returncode:
            words = " ".join(map(str, command))
            raise FailedError(f"failed ({process.returncode})\n{words}\n{log.read()[-3_000:]}")
        return Run(out.read(), took, peak)


def answer_of(script: Path, *arguments: object, python: Path | None = None, **limits: float) -> Any:
    """What a script prints as its last line, a JSON document, in a process of its own.

    `python` is that of another environment; what it shares with this one is this folder.
    """
    path = {} if python is None else {"PYTHONPATH": str(HERE)}
    run = run_apart([python or sys.executable, script, *arguments], variables=path, **limits)
    return json.loads(run.printed.splitlines()[-1])


def _refuse(beyond: bool, limit: str) -> None:
    if beyond:
        raise TooMuchError(limit)


def _resident(pid: int) -> float:
    import psutil

    total = 0
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in tree:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e9
