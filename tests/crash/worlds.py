"""A store with a finished run of an export, and what a run of a later one makes of it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
from tests.crash.death import Death
from tests.crash.exports import Exports, exports_in, flags
from tests.crash.forked import Ended, Forks
from tests.crash.judging import State, check_records, differing, figures_of, state_of

from dealcast.settings import StorageSettings
from dealcast.workflow.manifest import run_ids
from dealcast.workflow.store import Store, open_store


@dataclass(frozen=True)
class Site:
    """A store, and the environment in which `dealcast` finds it."""

    store: Store
    environment: Mapping[str, str]


@dataclass(frozen=True)
class World:
    """The store of before, the exports, and what comes of both without any harm."""

    forks: Forks
    before: Path
    exports: Exports
    old: State
    new: State
    figures: Mapping[str, str]
    writes: int

    def run(self, site: Site, *more: object, **how: Any) -> Ended:
        """Run the later export, or what is asked."""
        words = more or run_of(self.exports.later)
        where = ("--root", site.store.root)
        return self.forks.call(*words, *where, environment=site.environment, **how)


def run_of(export: Path, *more: object) -> tuple[object, ...]:
    """The words of a run of an export."""
    return ("run", "--path", export, *flags(), *more, "--json")


def world_in(folder: Path, forks: Forks) -> World:
    """Both exports run, one after the other; between them, the store is put aside."""
    exports = exports_in(folder)
    root, before = folder / "undisturbed", folder / "before"
    store = Store(str(root))
    for export in (exports.earlier, exports.later):
        ended = forks.call(*run_of(export), "--root", root)
        assert ended.code == 0, ended.err
        if export == exports.earlier:
            shutil.copytree(root, before)
    old = state_of(Store(str(before)))
    return World(forks, before, exports, old, state_of(store), figures_of(store), ended.writes)


def local_site(world: World, root: Path) -> Site:
    """A copy of the store of before, in a folder."""
    shutil.copytree(world.before, root)
    return Site(Store(str(root)), {})


def s3_site(world: World, server: Any) -> Site:
    """A copy of the store of before, in a bucket of its own."""
    settings = server.settings()
    store = open_store(StorageSettings(**settings))
    store.location.make()
    for file in sorted(f for f in world.before.rglob("*") if f.is_file()):
        key = file.relative_to(world.before).as_posix()
        obstore.put(store.location.objects(), key, file.read_bytes())
    return Site(store, server.environment(store.root))


def survive(world: World, site: Site, death: Death) -> bool:
    """Kill a run of the later export, look at the store, go on; whether the kill came in time."""
    former = run_ids(site.store)[-1]
    killed = world.run(site, death=death)
    assert killed.code in (0, -9), killed.err
    check_intact(world, site, former)
    resumed = world.run(site)
    assert resumed.code == 0, resumed.err
    check_complete(world, site)
    return killed.code == -9


def check_intact(world: World, site: Site, former: str) -> None:
    """The store opens; each table is as it was or as it is to be; what reads it works."""
    found = state_of(site.store)
    torn = differing(found, world.old, world.new)
    assert not torn, torn
    assert world.old.keys() <= found.keys()
    check_records(site.store)
    for words in (("runs", "--json"), ("doctor", "--json"), ("report", former, "--json")):
        ended = world.run(site, *words)
        assert ended.code == 0, f"{words}: {ended.err}"
    stands = world.run(site, "--json")
    assert stands.code == 0, stands.err
    assert stands.json["state"] in ("running", "failed", "done")


def check_complete(world: World, site: Site) -> None:
    """All is as without the kill, and every table is in the version that its step recorded."""
    found = state_of(site.store)
    other = differing(found, world.new)
    assert not other, other
    assert found.keys() == world.new.keys()
    figures = figures_of(site.store).items() - world.figures.items()
    assert not figures, figures
    check_records(site.store)
