"""How much memory a run may use, and how many rows are taken at once to stay within it."""

from math import ceil
from pathlib import Path

# Of what is free when asked: the rest is for what other programs need meanwhile.
SHARE_OF_FREE = 0.7
# Fewer rows at once would cost more in calls than they save in memory.
FEWEST_ROWS = 100_000
GIGABYTE = 1e9

MEMINFO = Path("/proc/meminfo")
# A container's limit and use (bytes): of cgroup 2, then of cgroup 1.
CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
# Where the system does not say (it is no Linux): what any machine of these days has free.
UNKNOWN_FREE_GB = 4.0


def rows_per_batch(rows: int, *, bytes_per_row: float, memory_gb: float) -> int:
    """Rows to take at once: all of them where they fit, else parts of equal size.

    `bytes_per_row` is what the work on one row of a batch takes at its peak, `memory_gb` (GB) what
    all rows of a batch may take together.

    >>> rows_per_batch(10_000_000, bytes_per_row=1_500, memory_gb=4.0)
    2500000
    >>> rows_per_batch(8_800, bytes_per_row=1_500, memory_gb=4.0)
    8800
    """
    fitting = max(FEWEST_ROWS, int(memory_gb * GIGABYTE / bytes_per_row))
    return max(1, ceil(rows / ceil(rows / fitting))) if rows else 1


def memory_allowed(memory_gb: float | None) -> float:
    """Memory (GB) that a run may use: what the settings say, else most of what is free now."""
    return free_gb() * SHARE_OF_FREE if memory_gb is None else memory_gb


def free_gb(meminfo: Path = MEMINFO, cgroups: tuple[tuple[Path, Path], ...] = CGROUPS) -> float:
    """Memory (GB) that can be had without swapping: of the machine, or of its container if less."""
    found = [_available(meminfo), *(_left(limit, used) for limit, used in cgroups)]
    return min((gb for gb in found if gb is not None), default=UNKNOWN_FREE_GB)


def _available(meminfo: Path) -> float | None:
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return None
    kilobytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kilobytes[0]) * 1024 / GIGABYTE if kilobytes else None


def _left(limit: Path, used: Path) -> float | None:
    """What a container may still take; None where nothing limits it."""
    try:
        most, now = limit.read_text().strip(), used.read_text().strip()
    except OSError:
        return None
    if not (most.isdecimal() and now.isdecimal()):
        return None  # the limit is "max"
    return max(0.0, (int(most) - int(now)) / GIGABYTE)
