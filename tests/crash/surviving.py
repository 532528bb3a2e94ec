"""A run is killed; what it leaves is looked at; the next run must make all of it."""

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.crash.death import Death
from tests.crash.judging import State, check_records, differing, figures_of, state_of
from tests.crash.worlds import Site, World

from dealcast.workflow.manifest import load_manifest, run_ids
from dealcast.workflow.steps import STEP_NAMES
from dealcast.workflow.store import Store

TIMED_OUT = "Timed out: "


@dataclass(frozen=True)
class Left:
    """What a kill left: the step that was cut off, and tables by how they were found (count).

    `step` is None where the run was done before the kill.
    """

    step: str | None
    tables: Counter[str]


def drawn(seed: int, world: World) -> Death:
    """Two of three at a write, a third of these in its midst; the others at some time."""
    draw = random.Random(seed)
    if seed % 3 == 0:
        return Death(seconds=draw.uniform(0.01, world.seconds))
    at, when = draw.randint(1, world.writes), draw.choice(("before", "during", "after"))
    return Death(at, when, draw.uniform(0, 0.003))


def kill(world: World, site: Site, **how: Any) -> Left:
    """Have a run of the later export die (`death`, `want`), and check what is left."""
    former = run_ids(site.store)[-1]
    killed = world.run(site, **how)
    assert killed.code in (0, -9), killed.err
    tables = check_intact(world, site)
    check_opens(world, site, former)
    return Left(_step_cut_off(site.store, former) if killed.code else None, tables)


def check_intact(world: World, site: Site) -> Counter[str]:
    """Each table is as it was or as it is to be, and can be read; how many are which."""
    found = state_of(site.store)
    torn = differing(found, world.old, world.new)
    assert not torn, torn
    assert world.old.keys() <= found.keys()
    check_records(site.store)
    return Counter(_age(name, found, world) for name in found)


def _age(name: str, found: State, world: World) -> str:
    is_old, is_new = (not differing({name: found[name]}, state) for state in (world.old, world.new))
    return "the same in both" if is_old and is_new else "old" if is_old else "new"


def check_opens(world: World, site: Site, former: str) -> None:
    """The commands that read a store work, and the report of the finished run is there."""
    for words in (("runs", "--json"), ("report", former, "--json")):
        ended = world.run(site, *words)
        assert ended.code == 0, f"{words}: {ended.err}"
    lines = world.run(site, "doctor", "--json").json["lines"]
    # It gives up a probe after some seconds, which a busy machine may take.
    failed = [one for one in lines if one["outcome"] == "failed" and TIMED_OUT not in one["found"]]
    assert not failed, failed
    stands = world.run(site, "--json")
    assert stands.code == 0, stands.err
    assert stands.json["state"] in ("running", "failed", "done")


def _step_cut_off(store: Store, former: str) -> str:
    """The first step that the last run did not record; a run without a manifest had none."""
    last = run_ids(store)[-1]
    done = 0 if last == former else len(load_manifest(store, last).steps)
    return (*STEP_NAMES, "closing")[done]


def check_resumed(world: World, site: Site) -> None:
    """The next run ends well, and all is as without the kill."""
    resumed = world.run(site)
    assert resumed.code == 0, resumed.err
    check_complete(world, site)


def check_complete(world: World, site: Site) -> None:
    """All is as without the kill, and every table is in the version that its step recorded."""
    found = state_of(site.store)
    other = differing(found, world.new)
    assert not other, other
    assert found.keys() == world.new.keys()
    figures = figures_of(site.store).items() - world.figures.items()
    assert not figures, figures
    check_records(site.store)


def survive(world: World, site: Site, death: Death) -> Left:
    """Kill a run, look at the store, go on."""
    left = kill(world, site, death=death)
    check_resumed(world, site)
    return left
