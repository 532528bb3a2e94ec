"""Two runs on one store at once, and readers meanwhile: none mixes versions, nothing is locked."""

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.crash.forked import Ended, Forks, forks
from tests.crash.judging import State, check_records, differing, pinned_state, state_of
from tests.crash.worlds import Site, World, local_site, run_of, s3_site

from dealcast.workflow.manifest import load_manifest
from dealcast.workflow.store import Store
from servers.seaweed import S3Server

# What another run has issued counts here from then on, whichever export it was of.
OF_ALL_ISSUED = {
    "forecasts_issued",
    "scores_issued",
    "forecast_outcomes",
    "drift",
    "calibration_over_time",
}


class Case(NamedTuple):
    """Two runs: of which exports, with which further words."""

    exports: tuple[str, str]
    more: tuple[str, ...] = ()


TWICE = Case(("later", "later"))
OF_TWO_EXPORTS = Case(("later", "between"))
SCHEDULERS = Case(("later", "later"), ("--job", "daily"))
SECONDS_BETWEEN_READS = 1.5
# The tables that a run makes of an export when it is alone.
Alone = Callable[[str, tuple[str, ...]], State]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Another process to fork from."""
    with forks(tmp_path_factory.mktemp("second")) as found:
        yield found


@pytest.fixture(scope="module")
def alone(world: World, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """What a run makes of an export when it is alone."""
    known: dict[tuple[str, tuple[str, ...]], State] = {("later", ()): world.new}

    def of(export: str, more: tuple[str, ...]) -> State:
        if (export, more) not in known:
            root = tmp_path_factory.mktemp("alone") / "store"
            site = local_site(world, root)
            ended = world.run(site, *run_of(getattr(world.exports, export), *more))
            assert ended.code == 0, ended.err
            known[export, more] = state_of(site.store)
            shutil.rmtree(root)
        return known[export, more]

    return of


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(TWICE, id="of one export"),
        pytest.param(OF_TWO_EXPORTS, id="of two exports", marks=pytest.mark.slow),
        pytest.param(SCHEDULERS, id="by two schedulers", marks=pytest.mark.slow),
    ],
)
def test_two_local_runs_at_once(
    world: World, second: Forks, alone: Alone, tmp_path: Path, case: Case
) -> None:
    check_together(world, second, alone, local_site(world, tmp_path / "store"), case)


@pytest.mark.slow
def test_two_schedulers_at_once_on_s3(
    world: World, second: Forks, alone: Alone, s3: S3Server
) -> None:
    check_together(world, second, alone, s3_site(world, s3), SCHEDULERS)


def check_together(world: World, second: Forks, alone: Alone, site: Site, case: Case) -> None:
    """Run both at once, read meanwhile; each run made what it makes alone, and the next goes on."""
    calls = [
        partial(
            own.call,
            *run_of(getattr(world.exports, export), *case.more),
            "--root",
            site.store.root,
            environment=site.environment,
        )
        for own, export in zip((world.forks, second), case.exports, strict=True)
    ]
    states = [alone(export, case.more) for export in case.exports]
    ended = read_until_ended(site.store, calls, (world.old, *states))

    assert [one.code for one in ended] == [0, 0], "\n".join(one.err for one in ended)
    for call, state in zip(ended, states, strict=True):
        run_id = call.json["run_id"]
        assert load_manifest(site.store, run_id).status == "done"
        assert set(differing(pinned_state(site.store, run_id), state)) <= OF_ALL_ISSUED
    after = world.run(site)
    assert after.code == 0, after.err
    check_records(site.store)
    if case == TWICE:
        # The last scores before it, which score_changes starts from, are those of the same day.
        assert set(differing(state_of(site.store), world.new)) <= {"score_changes"}


def read_until_ended(
    store: Store, calls: list[Callable[[], Ended]], states: tuple[State, ...]
) -> list[Ended]:
    """How the calls ended; until then every table is read again and again, and is one of these."""
    reads = 0
    with ThreadPoolExecutor(len(calls)) as pool:
        running = [pool.submit(call) for call in calls]
        while not all(one.done() for one in running):
            found = state_of(store)
            assert set(differing(found, *states)) <= OF_ALL_ISSUED
            check_records(store)
            reads += 1
            time.sleep(SECONDS_BETWEEN_READS)
        assert reads
        return [one.result() for one in running]
