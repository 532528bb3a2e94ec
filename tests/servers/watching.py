"""A watcher of runs that shows nothing."""

from dealcast.workflow.manifest import StepRecord
from dealcast.workflow.steps import Step


class Silent:
    def started(self, step: Step) -> None: ...
    def progressed(self, note: str, share: float) -> None: ...
    def finished(self, record: StepRecord) -> None: ...
