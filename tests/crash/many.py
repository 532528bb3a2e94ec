"""As many killed runs as wanted: `make kills N=200`, or python -m tests.crash.many 200."""

import contextlib
import shutil
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

import click
from tests.crash.forked import Forks, forks
from tests.crash.surviving import check_resumed, drawn, kill
from tests.crash.tally import Outcome, Tally
from tests.crash.worlds import Site, World, local_site, s3_site, world_in

from servers.seaweed import S3Server, seaweed

SAID_EVERY = 10


@dataclass
class Kills:
    """Runs to be killed, one at a time by each of `free`; each has a number, its seed.

    One of `s3_each` is on S3; 0: none. Stores that come out wrong are kept, those of a folder.
    """

    world: World
    free: "SimpleQueue[Forks]"
    server: S3Server | None
    s3_each: int
    folder: Path
    keep: Path

    def one(self, number: int) -> Outcome:
        """Kill a run; what became of it."""
        world = replace(self.world, forks=self.free.get())
        is_on_s3 = self.server is not None and number % self.s3_each == 0
        outcome = Outcome("on S3" if is_on_s3 else "in a folder", drawn(number, world))
        root = self.folder / str(number) / "store"
        try:
            site = s3_site(world, self.server) if is_on_s3 else local_site(world, root)
            _survive(world, site, outcome)
        except Exception:  # noqa: BLE001 - every failure is to be looked at, and the next made
            outcome.failure = (
                f"{number}, {outcome.site}, {outcome.death}:\n{traceback.format_exc()}"
            )
            if root.exists():
                shutil.copytree(root, self.keep / str(number), dirs_exist_ok=True)
        finally:
            self.free.put(world.forks)
            shutil.rmtree(root.parent, ignore_errors=True)
        return outcome


def _survive(world: World, site: Site, outcome: Outcome) -> None:
    outcome.left = kill(world, site, death=outcome.death)
    check_resumed(world, site)
    outcome.is_equal = True


@contextlib.contextmanager
def kills(processes: int, s3_each: int, keep: Path) -> Iterator[Kills]:
    """All that is needed to kill runs, in a folder that goes with it."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="dealcast-kills-")))
        free: SimpleQueue[Forks] = SimpleQueue()
        made = [stack.enter_context(forks(folder)) for _ in range(processes)]
        for one in made:
            free.put(one)
        server = stack.enter_context(seaweed(folder / "s3")) if s3_each else None
        yield Kills(world_in(folder / "world", made[0]), free, server, s3_each, folder, keep)


@click.command()
@click.argument("number", type=int, default=200)
@click.option("--first", default=0, help="Number of the first kill; the same one dies alike.")
@click.option("--s3-each", default=4, help="One of so many is on S3; 0: none.")
@click.option("--processes", default=2, help="Processes at once.")
@click.option("--keep", default="data/kills", help="Folder for stores that come out wrong.")
def main(number: int, first: int, s3_each: int, processes: int, keep: str) -> None:
    """Kill NUMBER runs at random moments; ends with 1 where one store comes out wrong."""
    tally = Tally()
    with kills(processes, s3_each, Path(keep)) as to_kill, ThreadPoolExecutor(processes) as pool:
        try:
            for outcome in pool.map(to_kill.one, range(first, first + number)):
                tally.add(outcome)
                if tally.runs % SAID_EVERY == 0:
                    said = f"{tally.runs:,} of {number:,}, {len(tally.failed)} failed"
                    click.echo(said, err=True)
        finally:
            pool.shutdown(cancel_futures=True)
            click.echo("\n".join(tally.lines()))
    raise SystemExit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
