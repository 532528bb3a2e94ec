import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dealcast.errors import ServiceError
from dealcast.orchestration.stack.layout import Layout, write_state
from dealcast.orchestration.stack.ports import inner_ports, refuse_taken, remove_grpc_sockets
from dealcast.orchestration.stack.seaweedfs import LISTENERS, grpc_socket
from servers.ports import free_port

pytest.importorskip("psutil", reason="psutil is not installed: uv pip install 'dealcast[stack]'")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_its_setting_and_its_holder(taken_port: int) -> None:
    with pytest.raises(ServiceError) as caught:
        refuse_taken({"s3_port": free_port(), "mlflow_port": taken_port})

    assert f"port {taken_port} (stack.mlflow_port)" in caught.value.problem
    assert f"held by process {os.getpid()}" in caught.value.problem
    assert "s3_port" not in caught.value.problem
    assert "--set stack.mlflow_port=PORT" in caught.value.remedy


def test_one_port_for_two_services_is_refused() -> None:
    port = free_port()

    with pytest.raises(ServiceError, match=r"stack\.s3_port and stack\.mlflow_port are both"):
        refuse_taken({"s3_port": port, "mlflow_port": port})


def test_inner_ports_are_those_of_the_last_start_unless_somebody_has_them(
    tmp_path: Path, taken_port: int
) -> None:
    layout = Layout(tmp_path)
    first = inner_ports(layout, {"s3_port": 8333})
    write_state(layout, {**first, "filer.port": taken_port})

    again = inner_ports(layout, {"s3_port": 8333})

    assert first.keys() == set(LISTENERS)
    assert len(set(first.values())) == len(LISTENERS)
    assert again["filer.port"] != taken_port
    assert {n: p for n, p in again.items() if n != "filer.port"} == {
        n: p for n, p in first.items() if n != "filer.port"
    }


def test_a_port_whose_socket_somebody_left_behind_is_not_chosen_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = inner_ports(layout, {})
    write_state(layout, first)
    left = grpc_socket("volume.port.grpc", first["volume.port.grpc"])
    assert left is not None
    left.touch()

    again = inner_ports(layout, {})
    remove_grpc_sockets(layout)

    assert again["volume.port.grpc"] != first["volume.port.grpc"]
    assert not left.exists()
