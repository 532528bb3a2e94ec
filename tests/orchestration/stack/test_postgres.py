import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dealcast.errors import ServiceError, SettingsError
from dealcast.orchestration.stack.layout import Layout
from dealcast.orchestration.stack.postgres import (
    User,
    command,
    find_programs,
    postgres_user,
    refuse_unreachable,
)
from servers.folders import reachable_folder

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root must run it as somebody else")


@pytest.fixture
def reachable() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder


@pytest.fixture
def nobody() -> User | None:
    return postgres_user("nobody") if os.geteuid() == 0 else None


@as_root
def test_root_gives_it_to_an_unprivileged_user() -> None:
    found = postgres_user(None)

    assert found is not None
    assert found.uid != 0


@as_root
@pytest.mark.parametrize("name", ["root", "no-such-user"])
def test_a_user_that_is_root_or_unknown_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        postgres_user(name)


@as_root
def test_a_folder_that_its_user_cannot_reach_is_named_before_anything_starts(
    reachable: Path, nobody: User
) -> None:
    closed = reachable / "closed"
    layout = Layout(closed / "stack")
    layout.make()
    closed.chmod(0o700)

    with pytest.raises(ServiceError) as caught:
        refuse_unreachable(layout, nobody)

    assert f"'nobody' may not pass through {closed}," in caught.value.problem
    assert f"chmod o+x {closed}" in caught.value.remedy
    closed.chmod(0o711)
    refuse_unreachable(layout, nobody)


def test_programs_with_what_prefect_needs_are_preferred(
    reachable: Path, nobody: User | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, full = (
        _programs(reachable / "plain", 18),
        _programs(reachable / "full", 17, trigrams=True),
    )
    _only(monkeypatch, plain, full)

    assert find_programs(Layout(reachable), nobody).folder == full


def test_data_are_opened_with_programs_of_their_version(
    reachable: Path, nobody: User | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(reachable)
    old, new = _programs(reachable / "old", 16), _programs(reachable / "new", 17, trigrams=True)
    _only(monkeypatch, new, old)
    layout.postgres_data.mkdir(parents=True)
    (layout.postgres_data / "PG_VERSION").write_text("16\n")

    assert find_programs(layout, nobody).folder == old
    (layout.postgres_data / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServiceError, match="are those of PostgreSQL 15"):
        find_programs(layout, nobody)


def test_no_server_at_all_is_said_with_the_remedy(
    reachable: Path, nobody: User | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _only(monkeypatch)

    with pytest.raises(ServiceError, match="No PostgreSQL server") as caught:
        find_programs(Layout(reachable), nobody)

    assert "dealcast[stack]" in caught.value.remedy


def test_it_listens_on_loopback_only_and_on_no_socket(
    reachable: Path, nobody: User | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _only(monkeypatch, _programs(reachable / "some", 17))
    programs = find_programs(Layout(reachable), nobody)

    found = command(programs, reachable / "data", 5433)

    assert {"--listen_addresses=127.0.0.1", "--unix_socket_directories="} <= set(found)


def _programs(folder: Path, version: int, *, trigrams: bool = False) -> Path:
    """A folder of programs that tell their version, as a wheel would have it."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (programs / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}.3'\n")
        (programs / name).chmod(0o755)
    if trigrams:
        (folder / "share" / "extension").mkdir(parents=True)
        (folder / "share" / "extension" / "pg_trgm.control").touch()
    return programs


def _only(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setattr("dealcast.orchestration.stack.postgres._folders", lambda: iter(folders))
