from pathlib import Path

import pytest

from dealcast.errors import ServiceError, SettingsError
from dealcast.orchestration.stack.layout import Layout, write_state
from dealcast.orchestration.stack.preparing import (
    public_ports,
    refuse_other_ports,
    refuse_unusable,
)
from dealcast.settings import Settings, StackSettings

pytest.importorskip("supervisor", reason="not installed: uv pip install 'dealcast[stack]'")


def test_every_port_of_the_settings_is_one_of_a_service() -> None:
    stack = StackSettings()

    assert public_ports(stack) == {
        name: value for name, value in stack.model_dump().items() if name.endswith("_port")
    }


def test_a_stack_that_runs_on_other_ports_is_not_taken_for_this_one(tmp_path: Path) -> None:
    layout, stack = Layout(tmp_path), StackSettings()
    write_state(layout, public_ports(stack) | {"filer.port": 1})

    refuse_other_ports(layout, stack)
    with pytest.raises(ServiceError, match=r"runs with stack\.s3_port=8333, not 9000") as caught:
        refuse_other_ports(layout, StackSettings(s3_port=9000))

    assert "dealcast stack down" in caught.value.remedy


@pytest.mark.parametrize("name", ["a/b", "50%"])
def test_a_work_pool_whose_name_no_address_can_hold_is_refused(name: str) -> None:
    settings = Settings.model_validate({"orchestration": {"work_pool": name}})

    with pytest.raises(SettingsError, match="work pool"):
        refuse_unusable(settings)
