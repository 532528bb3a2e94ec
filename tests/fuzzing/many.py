"""As many hostile exports as wanted: `make fuzz N=20000`, or python -m tests.fuzzing.many 20000."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
from tests.fuzzing.judging import Tally, tried

BLOCK = 100


@click.command()
@click.argument("number", type=int, default=5_000)
@click.option("--first", default=0, help="Number of the first export.")
@click.option("--processes", default=2, help="Processes at once.")
@click.option("--keep", default="data/fuzz", help="Folder for exports that fail.")
def main(number: int, first: int, processes: int, keep: str) -> None:
    """Try NUMBER hostile exports; ends with 1 where one fails."""
    last = first + number
    blocks = [range(n, min(n + BLOCK, last)) for n in range(first, last, BLOCK)]
    tally = Tally()
    with ProcessPoolExecutor(processes) as pool:
        for found in pool.map(tried, blocks, [Path(keep)] * len(blocks)):
            tally += found
            click.echo(f"{tally.exports:,} of {number:,}, {len(tally.failed)} failed", err=True)
    click.echo("\n".join(tally.lines()))
    raise SystemExit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
