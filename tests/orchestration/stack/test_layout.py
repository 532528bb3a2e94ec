import os
import stat
from pathlib import Path

import pytest

from dealcast.errors import ServiceError
from dealcast.orchestration.stack.layout import (
    LONGEST_SOCKET_PATH,
    Layout,
    read_state,
    write_private,
    write_state,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_sockets_are_in_the_folder_where_their_paths_are_short_enough() -> None:
    layout = Layout(Path("/srv/stack"))

    assert layout.socket("s3") == Path("/srv/stack/run/s3.sock")


def test_sockets_of_a_deep_folder_are_in_a_private_temp_folder(tmp_path: Path) -> None:
    layout = Layout(tmp_path / ("deep" * 30))
    layout.make()

    found = layout.socket("supervisor")

    assert len(os.fsencode(found)) <= LONGEST_SOCKET_PATH
    assert mode(found.parent) == 0o700
    assert found != Layout(tmp_path / ("other" * 30)).socket("supervisor")
    layout.remove_sockets()
    assert not found.parent.exists()


def test_a_socket_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path / ("link" * 30))
    folder = layout.socket("any").parent
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(ServiceError, match="belongs to somebody else"):
            layout.make()
    finally:
        folder.unlink()


def test_only_the_owner_can_read_the_folders(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "stack")

    layout.make()

    assert mode(layout.folder) == (0o711 if os.geteuid() == 0 else 0o700)
    assert {mode(layout.folder / n) for n in ("logs", "services", "seaweedfs")} == {0o700}


def test_a_second_command_at_the_same_time_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)

    with (
        layout.locked(),
        pytest.raises(ServiceError, match="Another `dealcast stack`"),
        layout.locked(),
    ):
        pass
    with layout.locked():
        pass


def test_a_private_file_is_replaced_and_never_readable_by_others(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)

    write_private(file, "new")

    assert file.read_text() == "new"
    assert mode(file) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_the_ports_of_the_last_start_are_known(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert read_state(layout) == {}

    write_state(layout, {"s3_port": 8333})

    assert read_state(layout) == {"s3_port": 8333}


def test_a_state_file_that_is_no_json_counts_as_none(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.state_file.write_text('{"s3_port": ')

    assert read_state(layout) == {}
