"""What became of many killed runs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.crash.death import Death
from tests.crash.surviving import Left

from dealcast.workflow.steps import STEP_NAMES


@dataclass
class Outcome:
    """What became of one: where its store was, how it died, what it left, how it went on.

    `left` is None where the store did not open, or a table was torn.
    """

    site: str
    death: Death
    left: Left | None = None
    is_equal: bool = False
    failure: str | None = None


@dataclass
class Tally:
    """Counts of runs, and what went wrong, in words."""

    sites: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    tables: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    equal: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        return self.sites.total()

    def add(self, outcome: Outcome) -> None:
        """One run more."""
        self.sites[outcome.site] += 1
        self.equal += outcome.is_equal
        if outcome.failure is not None:
            self.failed.append(outcome.failure)
        if (left := outcome.left) is None:
            return
        self.opened += 1
        self.tables += left.tables
        if left.step is not None:
            self.steps[left.step] += 1
            self.moments[outcome.death.moment] += 1

    def lines(self) -> Iterator[str]:
        """The counts, for people."""
        killed, steps = self.moments.total(), (*STEP_NAMES, "closing")
        yield f"{self.runs:,} runs to kill: {_counts(self.sites)}"
        yield f"killed {killed:,}: {_counts(self.moments)}; the others were done before"
        yield f"the step that was cut off: {_counts({step: self.steps[step] for step in steps})}"
        yield f"stores that opened, no table torn: {self.opened:,} of {self.runs:,}"
        yield f"tables found in them: {_counts(self.tables)}"
        yield f"next run as an undisturbed one: {self.equal:,} of {self.runs:,}"
        yield from (f"failed: {failure}" for failure in self.failed)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
