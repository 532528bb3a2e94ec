"""When a flow run that gives no sign of life counts as dead, and how often it is started again."""

from dealcast.settings import OrchestrationSettings

# Of one flow run, the first included: what kills a job three times will do so again.
MOST_STARTS = 3
# Prefect sends none more often.
LEAST_SECONDS = 30


def heartbeat_seconds(settings: OrchestrationSettings) -> int:
    """Seconds between signs of life: two may be missed, where Prefect can send that many."""
    return max(LEAST_SECONDS, settings.dead_after_seconds // 3)
