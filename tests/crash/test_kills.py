"""`kill -9` in the midst of a run: the store opens, and the next run makes of it what it should."""

from pathlib import Path
from queue import SimpleQueue

import pytest
from tests.crash.death import Death
from tests.crash.forked import Forks
from tests.crash.judging import told
from tests.crash.many import Kills
from tests.crash.surviving import drawn, survive
from tests.crash.tally import Tally
from tests.crash.worlds import World, local_site, s3_site

from servers.seaweed import S3Server

MANY = 4


@pytest.mark.parametrize("seed", [1, 3])
def test_a_killed_run_leaves_the_old_or_the_new_and_the_next_goes_on(
    world: World, tmp_path: Path, seed: int
) -> None:
    death = drawn(seed, world)

    with told(f"seed {seed}: {death}"):
        survive(world, local_site(world, tmp_path / "store"), death)


def test_a_kill_on_s3_leaves_the_old_or_the_new_and_the_next_goes_on(
    world: World, s3: S3Server
) -> None:
    death = Death(world.writes // 2, "during", 0.001)

    assert survive(world, s3_site(world, s3), death).step is not None


@pytest.mark.slow
def test_no_kill_of_many_does_harm(world: World, s3: S3Server, tmp_path: Path) -> None:
    free: SimpleQueue[Forks] = SimpleQueue()
    free.put(world.forks)
    kills = Kills(world, free, s3, s3_each=4, folder=tmp_path, keep=tmp_path / "kept")

    tally = Tally()
    for number in range(1_000, 1_000 + MANY):
        tally.add(kills.one(number))

    assert not tally.failed, "\n".join(tally.failed)
    assert tally.sites == {"on S3": MANY / 4, "in a folder": MANY * 3 / 4}
    assert tally.opened == tally.equal == MANY
    assert tally.moments.total() > MANY / 2
