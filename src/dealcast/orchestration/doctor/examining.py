"""All probes at once, each with a bound on its time: Setup → Diagnosis."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from traceback import extract_tb
from typing import Any

from dealcast.errors import DealcastError, SettingsError
from dealcast.hiding import hidden
from dealcast.orchestration.doctor.probes import PROBES
from dealcast.orchestration.doctor.spec import (
    Finding,
    Line,
    Outcome,
    Probe,
    Setup,
    failed,
    not_applicable,
    refused,
)

# All probes begin together, so this bounds the whole; start-up takes another second or two.
PROBE_SECONDS = 7.0


@dataclass(frozen=True)
class Diagnosis:
    """A line per probe, in the order of the table, and the time it all took (seconds)."""

    lines: tuple[Line, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(line.outcome != Outcome.FAILED for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        lines = [asdict(line) for line in self.lines]
        return {"ok": self.ok, "seconds": self.seconds, "lines": lines}


def examine(
    setup: Setup, probes: Sequence[Probe] = PROBES, *, seconds: float = PROBE_SECONDS
) -> Diagnosis:
    """Make all probes at once; one that takes longer than `seconds` is given up, and said to be."""
    begun = time.monotonic()
    done: SimpleQueue[tuple[str, Line]] = SimpleQueue()
    for probe in probes:
        # Unlike those of a pool, such a thread does not keep the process from ending.
        Thread(target=lambda p=probe: done.put((p.name, _line(p, setup))), daemon=True).start()
    lines: dict[str, Line] = {}
    while len(lines) < len(probes):
        try:
            name, line = done.get(timeout=max(0.0, begun + seconds - time.monotonic()))
        except Empty:
            break
        lines[name] = line
    whole = tuple(lines.get(p.name) or _given_up(p, seconds) for p in probes)
    return Diagnosis(whole, round(time.monotonic() - begun, 3))


def _line(probe: Probe, setup: Setup) -> Line:
    begun = time.monotonic()
    finding = _finding(probe, setup)
    took = round(time.monotonic() - begun, 3)
    found, remedy = hidden(finding.found), hidden(finding.remedy)
    return Line(probe.name, finding.outcome, found, remedy, took)


def _finding(probe: Probe, setup: Setup) -> Finding:
    if probe.unless is not None:
        if isinstance(setup.loaded, SettingsError):
            return not_applicable("The settings are wrong: see the line 'settings'.")
        if why := probe.unless(setup.loaded.settings):
            return not_applicable(why)
    try:
        return probe.look(setup)
    except DealcastError as error:
        return refused(error)
    except Exception as error:  # noqa: BLE001 - the fault of one probe must not hide the other lines
        # Not the error's own text, which may hold a secret.
        last = extract_tb(error.__traceback__)[-1]
        at = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
        return failed(f"The probe itself is at fault: {at}.", "report it, with this line")


def _given_up(probe: Probe, seconds: float) -> Line:
    return Line(
        probe.name,
        Outcome.FAILED,
        f"Timed out: no answer within {seconds:g} s to the question: {probe.what}",
        "see that what it asks answers, and is not overloaded; then `dealcast doctor` again",
        seconds,
    )
