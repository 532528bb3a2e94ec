"""`kill -9` in the midst of a run: the store opens, and the next run makes of it what it should."""

import random
import shutil
from pathlib import Path

import pytest
from tests.crash.death import Death
from tests.crash.judging import told
from tests.crash.worlds import World, local_site, s3_site, survive

from servers.seaweed import S3Server

LONGEST_SECONDS = 6.0
LOCAL, ON_S3 = 140, 60


def drawn(seed: int, writes: int) -> Death:
    """Two of three at a write, a third of these in its midst; the others at some time."""
    draw = random.Random(seed)
    if seed % 3 == 0:
        return Death(seconds=draw.uniform(0.05, LONGEST_SECONDS))
    at, when = draw.randint(1, writes), draw.choice(("before", "during", "after"))
    return Death(at, when, draw.uniform(0, 0.003))


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_run_leaves_the_old_or_the_new_and_the_next_goes_on(
    world: World, tmp_path: Path, seed: int
) -> None:
    death = drawn(seed, world.writes)

    with told(f"seed {seed}: {death}"):
        survive(world, local_site(world, tmp_path / "store"), death)


def test_a_kill_on_s3_leaves_the_old_or_the_new_and_the_next_goes_on(
    world: World, s3: S3Server
) -> None:
    death = drawn(1, world.writes)

    with told(f"seed 1: {death}"):
        assert survive(world, s3_site(world, s3), death)


@pytest.mark.slow
def test_hundreds_of_kills_of_local_runs(world: World, tmp_path: Path) -> None:
    in_time = 0
    for seed in range(1_000, 1_000 + LOCAL):
        death, root = drawn(seed, world.writes), tmp_path / str(seed)
        with told(f"seed {seed}: {death}"):
            in_time += survive(world, local_site(world, root), death)
        shutil.rmtree(root)

    assert in_time > LOCAL / 2


@pytest.mark.slow
def test_many_kills_of_runs_on_s3(world: World, s3: S3Server) -> None:
    in_time = 0
    for seed in range(2_000, 2_000 + ON_S3):
        death = drawn(seed, world.writes)
        with told(f"seed {seed}: {death}"):
            in_time += survive(world, s3_site(world, s3), death)

    assert in_time > ON_S3 / 2
