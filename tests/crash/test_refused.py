"""A full disk, a root that may not be written or read: told clearly, and the store is as it was."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.death import Want
from tests.crash.forked import Ended
from tests.crash.judging import check_records, differing, state_of
from tests.crash.surviving import check_intact, check_resumed
from tests.crash.worlds import Site, World, local_site

from dealcast.workflow.store import Store

STORE_FAILED = 5


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    return local_site(world, tmp_path / "store")


def check_refused(ended: Ended, *words: str) -> None:
    said = ended.err
    assert ended.code == STORE_FAILED, said
    assert "Traceback" not in said + ended.out
    assert "Unexpected" not in said
    assert "Try: " in said
    for word in words:
        assert word in said


def check_nothing_half_written(site: Site) -> None:
    files = [file.name for file in Path(site.store.root).rglob("*") if file.is_file()]
    assert [name for name in files if "#" in name or name.endswith((".tmp", ".part"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("largest", [30_000, 60_000])
def test_where_no_file_can_grow_the_run_says_so_and_the_next_goes_on(
    world: World, site: Site, largest: int
) -> None:
    ended = world.run(site, want=Want(file_bytes=largest))

    check_refused(ended, "could not be written", "File too large")
    check_intact(world, site)
    check_nothing_half_written(site)
    check_resumed(world, site)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a small file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_told_and_with_room_the_next_run_goes_on(
    world: World, small_disk: Path
) -> None:
    site = local_site(world, small_disk / "store")
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk)
    ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - 150_000))

    ended = world.run(site)

    check_refused(ended, "could not be written", "No space left on device")
    check_intact(world, site)
    check_nothing_half_written(site)
    ballast.unlink()
    check_resumed(world, site)


def test_a_disk_that_may_only_be_read_is_told_and_can_be_read(
    world: World, small_disk: Path
) -> None:
    site = local_site(world, small_disk / "store")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    ended = world.run(site)

    check_refused(ended, site.store.root, "Read-only file system")
    check_intact(world, site)
    for words in ((), ("runs",)):
        read = world.run(site, *words, "--json")
        assert read.code == 0, read.err


@contextlib.contextmanager
def only(mode: int, store: Store) -> Iterator[None]:
    """The folders of a store with a mode, as long as the block goes on."""
    folders = [Path(store.root), *(p for p in Path(store.root).rglob("*") if p.is_dir())]
    for folder in reversed(folders):
        folder.chmod(mode)
    try:
        yield
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_who_may_not_write_is_told_so_and_changes_nothing(world: World, site: Site) -> None:
    with only(0o555, site.store):
        ended = world.run(site, want=Want(rights=True))

    check_refused(ended, site.store.root, "Permission denied")
    check_records(site.store)
    assert differing(state_of(site.store), world.old) == []


@pytest.mark.parametrize("words", [("run",), ("runs",), (), ("report",)])
def test_who_may_not_read_is_told_so(world: World, site: Site, words: tuple[str, ...]) -> None:
    with only(0o000, site.store):
        ended = world.forks.call(*words, "--root", site.store.root, want=Want(rights=True))

    check_refused(ended, site.store.root, "Try: let ")
    assert "disk" not in ended.err
