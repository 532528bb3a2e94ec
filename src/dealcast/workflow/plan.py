"""Plan: which steps a run takes, from one to another or those of a job."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from dealcast.errors import SettingsError, listed, nearest
from dealcast.workflow.steps import JOBS, ON_CLUSTER, STEP_NAMES, STEPS, Step


@dataclass(frozen=True)
class Plan:
    """Which steps to run: from `start` to `stop`, both included, or those of a job.

    `start` is done again even if unchanged, unless `again` is false. `only`: just these steps.
    """

    start: str | None = None
    stop: str | None = None
    again: bool = True
    job: str | None = None
    only: tuple[str, ...] = ()

    def steps(self, done: Container[str] = ()) -> Sequence[Step]:
        """The chosen steps in order; a job gets what it goes by and was never done before.

        Raises SettingsError for an unknown name or none at all.
        """
        if self.only:
            return [step for step in STEPS if step.name in self.only]
        if self.job is not None:
            return _of_job(self.job, done)
        first = _index(self.start) if self.start else 0
        last = _index(self.stop) if self.stop else len(STEPS) - 1
        if first > last:
            raise SettingsError(
                f"The step '{self.start}' comes after '{self.stop}'.",
                remedy=f"the order is {', '.join(STEP_NAMES)}",
            )
        return STEPS[first : last + 1]


def possible(steps: Sequence[Step], engine: str) -> Sequence[Step]:
    """Those that the engine can do. Raises SettingsError where it can do none."""
    if engine != "spark":
        return steps
    possible = [step for step in steps if step.name in ON_CLUSTER]
    if not possible:
        raise SettingsError(
            f"Spark does not do {listed(step.name for step in steps)}.",
            remedy="leave out --engine spark: the step reads the tables that Spark wrote",
        )
    return possible


def _of_job(job: str, done: Container[str]) -> Sequence[Step]:
    if job not in JOBS:
        near = nearest(job, JOBS)
        raise SettingsError(
            f"There is no job '{job}'.",
            remedy=f"did you mean '{near}'?" if near else f"the jobs are {', '.join(JOBS)}",
        )
    wanted, asked = set(JOBS[job]), list(JOBS[job])
    by_name = {s.name: s for s in STEPS}
    while asked:
        step = by_name[asked.pop()]
        missing = {n for n in (*step.needs, *step.uses) if n not in done} - wanted
        wanted |= missing
        asked += missing
    return [s for s in STEPS if s.name in wanted]


def _index(name: str) -> int:
    if name in STEP_NAMES:
        return STEP_NAMES.index(name)
    near = nearest(name, STEP_NAMES)
    raise SettingsError(
        f"There is no step '{name}'.",
        remedy=f"did you mean '{near}'?" if near else f"the steps are {', '.join(STEP_NAMES)}",
    )
