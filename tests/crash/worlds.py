"""A store with a finished run of an export, and what a run of a later one makes of it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
from tests.crash.exports import Exports, exports_in, flags
from tests.crash.forked import Ended, Forks
from tests.crash.judging import State, figures_of, state_of

from dealcast.settings import StorageSettings
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
    seconds: float

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
    return World(
        forks=forks,
        before=before,
        exports=exports,
        old=old,
        new=state_of(store),
        figures=figures_of(store),
        writes=ended.writes,
        seconds=ended.seconds,
    )


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
