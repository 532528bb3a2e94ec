from pathlib import Path

import pytest

from dealcast.errors import ServiceError
from dealcast.orchestration.stack.credentials import credentials_of
from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.processes import processes_of
from dealcast.orchestration.stack.services import SERVICES
from dealcast.orchestration.stack.stopping import stop_all
from dealcast.orchestration.stack.supervising import Supervisor, config

pytest.importorskip("supervisor", reason="not installed: uv pip install 'dealcast[stack]'")


def test_a_real_supervisor_starts_with_all_services_stopped_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    layout = Layout(tmp_path / "with space and 100%")
    layout.make()
    supervisor = Supervisor(layout)
    assert not supervisor.answers()
    try:
        supervisor.start()

        states = supervisor.states()

        assert {name: s.state for name, s in states.items()} == {
            s.name: "STOPPED" for s in SERVICES
        }
    finally:
        stop_all(layout)
    assert not supervisor.answers()
    assert processes_of(layout) == []
    assert not layout.socket("supervisor").exists()


def test_its_file_holds_no_secret_and_starts_nothing_by_itself(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    secrets = credentials_of(layout).values.values()

    text = config(layout)

    assert not any(secret in text for secret in secrets)
    assert text.count("autostart=false") == text.count("[program:") == len(SERVICES)
    assert text.count("killasgroup=true") == len(SERVICES)


def test_a_supervisor_that_is_not_there_is_said_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="does not answer") as caught:
        Supervisor(Layout(tmp_path)).states()

    assert "dealcast stack up" in caught.value.remedy
