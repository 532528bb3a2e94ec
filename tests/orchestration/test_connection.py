import json

import pytest

from dealcast.errors import DealcastError
from dealcast.orchestration import connection
from dealcast.settings import OrchestrationSettings
from servers.answers import answering


@pytest.mark.parametrize(
    ("status", "may_pass", "said"),
    [
        (503, True, "has too much to do, or an error of its own: it answers 503"),
        (500, True, "has too much to do, or an error of its own: it answers 500"),
        (403, False, "refused: Client error '403 Forbidden'"),
    ],
)
def test_what_may_pass_is_told_from_what_will_not(
    status: int, may_pass: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENT_RETRIES", 0)
    answers = {
        "/api/health": (200, "true"),
        "/api/admin/version": (200, json.dumps("3.9.1")),
        "/api/work_pools/dealcast": (status, "{}"),
    }

    with answering(answers) as url:
        settings = OrchestrationSettings(kind="prefect", api_url=f"{url}/api")
        with (
            pytest.raises(DealcastError) as caught,
            connection.client_of(settings, print) as client,
        ):
            client.read_work_pool("dealcast")

    assert said in caught.value.problem
    assert caught.value.may_pass is may_pass
