"""Tables as JSON for scripts, a batch of rows at a time, however many there are."""

import json
from collections.abc import Iterator, Mapping

import click
import polars as pl

from dealcast.cli.render import json_default

BATCH = 5_000  # rows that are held as text


def as_json(content: Mapping[str, object], tables: Mapping[str, pl.DataFrame]) -> None:
    """Print an object: the content, then each table as an array of objects, a row a line."""
    separator = "{\n"
    for key, value in content.items():
        told = json.dumps(value, indent=2, default=json_default, ensure_ascii=False)
        click.echo(f"{separator}{json.dumps(key)}: {told}", nl=False)
        separator = ",\n"
    for key, frame in tables.items():
        click.echo(f"{separator}{json.dumps(key)}: ", nl=False)
        _print_array(frame)
        separator = ",\n"
    click.echo("\n}")


def as_json_array(frame: pl.DataFrame) -> None:
    """Print the rows as an array of objects, a row a line."""
    _print_array(frame)
    click.echo()


def _print_array(frame: pl.DataFrame) -> None:
    click.echo("[", nl=False)
    for at, batch in enumerate(_batches(frame)):
        click.echo(("," if at else "") + batch, nl=False)
    click.echo("\n]" if frame.height else "]", nl=False)


def _batches(frame: pl.DataFrame) -> Iterator[str]:
    """The objects of so many rows each, with a comma between two."""
    for start in range(0, frame.height, BATCH):
        rows = frame.slice(start, BATCH).iter_rows(named=True)
        yield ",".join(
            "\n" + json.dumps(row, default=json_default, ensure_ascii=False) for row in rows
        )
