"""What the server is told to do by itself; that it does so is tested against a real one."""

from datetime import timedelta

import pytest

from dealcast.orchestration.automations import automations
from dealcast.orchestration.heartbeats import LEAST_SECONDS, heartbeat_seconds
from dealcast.settings import OrchestrationSettings


def test_a_run_is_dead_only_after_it_could_have_given_a_sign_of_life() -> None:
    least = OrchestrationSettings.model_fields["dead_after_seconds"].metadata[0].ge

    assert least > LEAST_SECONDS
    assert heartbeat_seconds(OrchestrationSettings(dead_after_seconds=least)) == LEAST_SECONDS
    assert heartbeat_seconds(OrchestrationSettings(dead_after_seconds=300)) == 100


def test_only_jobs_that_had_begun_are_picked_up() -> None:
    _, pick_up, never_began = automations(flow="f", job_tag="job", dead_after_seconds=60)

    assert pick_up.trigger.after == {"prefect.flow-run.Running", "prefect.flow-run.Retrying"}
    assert pick_up.trigger.expect == {"prefect.flow-run.Crashed"}
    assert never_began.trigger.after == {"prefect.flow-run.Pending"}
    assert "prefect.flow-run.Running" in never_began.trigger.expect
    for automation in (pick_up, never_began):
        related = automation.trigger.match_related.model_dump()
        assert related["prefect.resource.id"] == "prefect.tag.job"


@pytest.mark.parametrize("number", [0, 2])
def test_the_wait_is_the_one_of_the_settings(number: int) -> None:
    wanted = automations(flow="f", job_tag="job", dead_after_seconds=60)[number]

    assert wanted.trigger.within == timedelta(seconds=60)
    assert "60 s" in (wanted.description or "")
