"""Is what a step made of what there is now, or has that been made anew since?"""

from collections.abc import Callable, Iterable

from dealcast.workflow.manifest import StepRecord, digest
from dealcast.workflow.steps import STEPS, Step

# The name of a step -> what it made last; raises where it was never done.
Record = Callable[[str], StepRecord]


def made_from(step: Step, record: Record) -> str:
    """What the step's needs and uses have made last: fingerprints, table versions, objects."""
    made = [record(name) for name in (*step.needs, *step.uses)]
    return digest([(r.fingerprint, dict(r.tables), dict(r.objects)) for r in made])


def outdated(names: Iterable[str], record: Record) -> str | None:
    """The first of the steps whose work is older than what it was made from, if any."""
    by_name = {step.name: step for step in STEPS}
    stale = (n for n in names if record(n).made_from != made_from(by_name[n], record))
    return next(stale, None)
