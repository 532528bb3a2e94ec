"""What two runs made, compared by hash; where it differs first, in words."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from dealcast.workflow.manifest import StepRecord
from dealcast.workflow.renewal import MADE_FROM
from dealcast.workflow.reproduction.beginning import kept_version
from dealcast.workflow.reproduction.canonical import (
    canonical_document,
    canonical_table,
    document_hash,
    table_hash,
)
from dealcast.workflow.store import Store

# How much of a former run's snapshots was kept, not what they are: another store keeps none.
OF_RENEWAL = {MADE_FROM, "snapshot_dates_renewed", "changed_opportunities"}
# So many cells name a row that differs.
NAMED_BY = 3
NOTHING = "not there"  # of a name that only the other content has


@dataclass(frozen=True)
class Compared:
    """One thing that a step made: the hash it had, the one it has now, and the first difference.

    A hash is None where that is not there.
    """

    step: str
    what: str
    recorded: str | None
    again: str | None
    difference: str | None

    @property
    def is_identical(self) -> bool:
        """Whether it came out the same to the last bit."""
        return self.difference is None


def compared(then: StepRecord, now: StepRecord, source: Store, target: Store) -> Iterator[Compared]:
    """The tables, objects and figures of a step, made in the source and again in the target."""
    both = ((source, then), (target, now))
    for table in sorted({*then.tables, *now.tables}):
        yield _of_tables(then.name, f"table {table}", *(_table(*made, table) for made in both))
    for name in sorted({*then.objects, *now.objects} - OF_RENEWAL):
        contents = [_object(*made, name) for made in both]
        if (then.objects.get(name) or now.objects[name]).endswith(".parquet"):
            frames = [None if c is None else pl.read_parquet(io.BytesIO(c)) for c in contents]
            yield _of_tables(then.name, f"object {name}", *frames)
        else:
            told = [None if c is None else json.loads(c) for c in contents]
            yield _of_documents(then.name, f"object {name}", *told)
    figures = (_without_renewal(record.figures) for _, record in both)
    yield _of_documents(then.name, "figures", *figures)


def _without_renewal(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figure for name, figure in figures.items() if name not in OF_RENEWAL}


def _table(store: Store, record: StepRecord, name: str) -> pl.DataFrame | None:
    """The version that the step made; None where it made none, or it is gone."""
    version = record.tables.get(name)
    return None if version is None else kept_version(store, name, version)


def _object(store: Store, record: StepRecord, name: str) -> bytes | None:
    key = record.objects.get(name)
    return None if key is None else store.get_object(key)


def _of_tables(
    step: str, what: str, then: pl.DataFrame | None, now: pl.DataFrame | None
) -> Compared:
    return _compared(step, what, (then, now), table_hash, first_difference)


def _of_documents(step: str, what: str, then: Any, now: Any) -> Compared:
    return _compared(step, what, (then, now), document_hash, _first_place)


def _compared(
    step: str,
    what: str,
    made: tuple[Any, Any],
    hash_of: Callable[[Any], str],
    difference: Callable[[Any, Any], str],
) -> Compared:
    then, now = (None if content is None else hash_of(content) for content in made)
    if then is None:
        return Compared(step, what, then, now, "what the run made is not in its store any more")
    if now is None:
        return Compared(step, what, then, now, "it was not made again")
    return Compared(step, what, then, now, None if then == now else difference(*made))


def first_difference(then: pl.DataFrame, now: pl.DataFrame) -> str:
    """Where two tables differ first, in the order of what names their rows.

    >>> was = pl.DataFrame({"id": ["a", "b"], "share": [0.1, 0.2]})
    >>> first_difference(was, was.with_columns(share=pl.Series([0.1, 0.3])))
    'share of id=b was 0.2, is 0.3; 1 of 2 rows differ'
    """
    then, now = canonical_table(then), canonical_table(now)
    if then.schema != now.schema:
        return f"its columns were {dict(then.schema)}, are {dict(now.schema)}"
    if then.height != now.height:
        return f"it had {then.height:,} rows, has {now.height:,}"
    differ = pl.DataFrame({c: then[c].ne_missing(now[c]) for c in then.columns})
    rows = differ.select(pl.any_horizontal(pl.all()).alias("differs"))["differs"]
    if not rows.any():
        return "only the sign of a zero, or the bits of what is no number"
    at = int(rows.arg_max() or 0)
    column = next(c for c in then.columns if differ[c][at])
    names = [c for c in then.columns if not then.schema[c].is_float()][:NAMED_BY]
    named = ", ".join(f"{c}={then[c][at]}" for c in names)
    return (
        f"{column} of {named or f'row {at}'} was {then[column][at]!r}, is {now[column][at]!r}; "
        f"{rows.sum():,} of {then.height:,} rows differ"
    )


def _first_place(then: Any, now: Any) -> str:
    """Where two JSON contents differ first."""
    # As JSON gives them back: a tuple is a list there.
    places = _differences(canonical_document(then), canonical_document(now))
    return next(places, "only how it is written, such as 1 and 1.0")


def _differences(then: Any, now: Any, at: str = "") -> Iterator[str]:
    """Every place where two JSON contents differ, in order."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for name in sorted({*then, *now}):
            pair = then.get(name, NOTHING), now.get(name, NOTHING)
            yield from _differences(*pair, f"{at}.{name}".lstrip("."))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for place, pair in enumerate(zip(then, now, strict=True)):
            yield from _differences(*pair, f"{at}[{place}]")
    elif then != now:
        yield f"{at} was {then!r:.80}, is {now!r:.80}"
