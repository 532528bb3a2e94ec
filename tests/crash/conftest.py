"""One process to fork from, and one world, for all tests of crashes."""

from collections.abc import Iterator

import pytest
from tests.crash.forked import Forks, forks
from tests.crash.worlds import World, world_in


@pytest.fixture(scope="session")
def dealcast_forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """`dealcast`, quick to start, in an empty folder."""
    with forks(tmp_path_factory.mktemp("forks")) as found:
        yield found


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, dealcast_forks: Forks) -> World:
    """A store of before and what comes of it. Not to be changed, but to be copied."""
    return world_in(tmp_path_factory.mktemp("world"), dealcast_forks)
