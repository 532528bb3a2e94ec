"""AUTOMATIONS: the server marks dead flow runs as crashed, and starts jobs that crashed again."""

from datetime import timedelta
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from dealcast.orchestration.heartbeats import MOST_STARTS

EVENT = "prefect.flow-run."
# A run in one of these needs nobody's help; a new sign of life begins the wait anew.
ENDED = ("Completed", "Failed", "Cancelled", "Cancelling", "Crashed", "AwaitingRetry")
STARTED = ("Running", "Retrying")
NOT_DEAD = ("heartbeat", *ENDED)
NOT_STUCK = (*STARTED, *ENDED)
# A job that crashes later than this after its start is not picked up.
LONGEST_JOB = timedelta(days=2)


def automations(*, flow: str, job_tag: str, dead_after_seconds: int) -> list[AutomationCore]:
    """What the server is to do by itself, for the flow's runs and the jobs among them."""
    dead = timedelta(seconds=dead_after_seconds)
    runs = {"prefect.resource.role": "flow", "prefect.resource.name": flow}
    jobs = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{job_tag}"}
    return [
        AutomationCore(
            name="dealcast: no sign of life",
            description=f"A flow run without a heartbeat for {dead_after_seconds} s has crashed.",
            trigger=_missing(runs, after=("heartbeat",), expect=NOT_DEAD, within=dead),
            actions=[
                ChangeFlowRunState(
                    state=StateType.CRASHED,
                    message=f"no sign of life for {dead_after_seconds} s",
                )
            ],
        ),
        AutomationCore(
            name="dealcast: pick up",
            description=f"A job that crashed is started again, {MOST_STARTS} times in all; steps "
            "that were done are skipped.",
            # Only after it had begun: what cannot begin at all would be started without end.
            trigger=_seen(jobs, after=STARTED, expect=("Crashed",), within=LONGEST_JOB),
            actions=[_again("picked up: it had crashed")],
        ),
        AutomationCore(
            name="dealcast: never began",
            description=f"A job that a worker took and did not begin within {dead_after_seconds} s "
            "goes to the next worker.",
            trigger=_missing(jobs, after=("Pending",), expect=NOT_STUCK, within=dead),
            actions=[_again("picked up: its worker never began")],
        ),
    ]


def ensure(client: SyncPrefectClient, wanted: AutomationCore) -> str:
    """Make the automation, or bring it up to date; returns created, updated or unchanged."""
    found = client.read_automations_by_name(wanted.name)
    if not found:
        client.create_automation(wanted)
        return "created"
    if _compared(found[0]) == _compared(wanted):
        return "unchanged"
    client.update_automation(found[0].id, wanted)
    return "updated"


def _again(message: str) -> ChangeFlowRunState:
    return ChangeFlowRunState(name="AwaitingRetry", state=StateType.SCHEDULED, message=message)


def _seen(related: dict[str, str], **when: Any) -> EventTrigger:
    return _trigger(related, posture=Posture.Reactive, **when)


def _missing(related: dict[str, str], **when: Any) -> EventTrigger:
    return _trigger(related, posture=Posture.Proactive, **when)


def _trigger(
    related: dict[str, str],
    *,
    after: tuple[str, ...],
    expect: tuple[str, ...],
    within: timedelta,
    posture: Any,
) -> EventTrigger:
    """Watches each flow run for itself."""
    return EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": f"{EVENT}*"}),
        match_related=ResourceSpecification(dict(related)),
        after={EVENT + e for e in after},
        expect={EVENT + e for e in expect},
        for_each={"prefect.resource.id"},
        posture=posture,
        threshold=1,
        within=within,
    )


def _compared(automation: AutomationCore) -> dict[str, Any]:
    """What of an automation counts: the server adds ids, and keeps sets in its own order."""
    trigger: Any = automation.trigger
    return {
        "enabled": automation.enabled,
        "description": automation.description,
        "trigger": (
            trigger.after,
            trigger.expect,
            trigger.for_each,
            trigger.posture,
            trigger.threshold,
            trigger.within,
            str(trigger.match.model_dump()),
            str(trigger.match_related.model_dump()),
        ),
        "actions": [a.model_dump(mode="json") for a in automation.actions],
    }
