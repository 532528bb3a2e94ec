"""Too little memory: told where Python sees it; a run that the system kills for it does no harm."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.death import Want
from tests.crash.surviving import check_intact, check_resumed, kill
from tests.crash.worlds import World, local_site

from dealcast.workflow.manifest import load_manifest

GROUPS = Path("/sys/fs/cgroup/memory")
MEGABYTE = 1_000_000


@pytest.fixture
def group() -> Iterator[Path]:
    """A group of processes whose memory can be limited."""
    folder = GROUPS / f"dealcast-crash-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this user may not make groups with little memory (cgroup 1)")
    try:
        yield folder
    finally:
        folder.rmdir()


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [5, 60, 90])
def test_a_run_that_the_system_kills_for_its_memory_is_as_any_other_that_was_killed(
    world: World, tmp_path: Path, group: Path, megabytes: int
) -> None:
    (group / "memory.limit_in_bytes").write_text(str(megabytes * MEGABYTE))
    site = local_site(world, tmp_path / "store")

    left = kill(world, site, want=Want(memory_group=str(group)))

    assert left.step is not None
    assert "oom_kill 1" in (group / "memory.oom_control").read_text()
    check_resumed(world, site)


def test_a_step_that_cannot_get_its_memory_is_named_and_the_next_run_goes_on(
    world: World, tmp_path: Path
) -> None:
    site = local_site(world, tmp_path / "store")

    ended = world.run(site, want=Want(memory_in="features"))

    assert ended.code == 1, ended.err
    assert "Error: The memory was not enough for step 'features'" in ended.err
    assert "Try: set engine.memory_gb to less" in ended.err
    assert "Traceback" not in ended.err
    manifest = load_manifest(site.store, "latest")
    assert manifest.status == "failed"
    assert "for step 'features'" in (manifest.error or "")
    check_intact(world, site)
    check_resumed(world, site)
