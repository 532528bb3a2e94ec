"""What two runs made, compared by hash; where it differs first, in words."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from dealcast.errors import StoreError
from dealcast.workflow.manifest import StepRecord
from dealcast.workflow.renewal import MADE_FROM
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


@dataclass(frozen=True)
class Compared:
    """One thing that a step made: the hash it had, the one it has now, and the first difference.

    A hash is None where that is not there.
    """

    step: str
    what: str
    recorded: str | None
    again: str | None
    difference: str | None = None

    @property
    def is_identical(self) -> bool:
        """Whether it came out the same to the last bit."""
        return self.recorded is not None and self.recorded == self.again


def compared(then: StepRecord, now: StepRecord, source: Store, target: Store) -> Iterator[Compared]:
    """The tables, objects and figures of a step, made in the source and again in the target."""
    for table in sorted({*then.tables, *now.tables}):
        frames = [_table(store, record, table) for store, record in ((source, then), (target, now))]
        yield _of_tables(then.name, f"table {table}", *frames)
    for name in sorted({*then.objects, *now.objects} - OF_RENEWAL):
        keys = then.objects.get(name), now.objects.get(name)
        both = zip((source, target), keys, strict=True)
        contents = [store.get_object(key) if key else None for store, key in both]
        if (keys[0] or keys[1] or "").endswith(".parquet"):
            frames = [None if c is None else pl.read_parquet(io.BytesIO(c)) for c in contents]
            yield _of_tables(then.name, f"object {name}", *frames)
        else:
            told = [None if c is None else json.loads(c) for c in contents]
            yield _of_documents(then.name, f"object {name}", *told)
    figures = [_without_renewal(record.figures) for record in (then, now)]
    yield _of_documents(then.name, "figures", *figures)


def _without_renewal(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figure for name, figure in figures.items() if name not in OF_RENEWAL}


def _table(store: Store, record: StepRecord, name: str) -> pl.DataFrame | None:
    """The version that the step made; None where it made none, or it is gone."""
    if name not in record.tables:
        return None
    try:
        return store.load(name, version=record.tables[name])
    except StoreError:
        return None


def _of_tables(
    step: str, what: str, then: pl.DataFrame | None, now: pl.DataFrame | None
) -> Compared:
    if then is None or now is None:
        return _of_missing(step, what, then is None, None if then is None else table_hash(then))
    hashes = table_hash(then), table_hash(now)
    same = hashes[0] == hashes[1]
    return Compared(step, what, *hashes, None if same else first_difference(then, now))


def _of_documents(step: str, what: str, then: Any, now: Any) -> Compared:
    if then is None or now is None:
        return _of_missing(step, what, then is None, None if then is None else document_hash(then))
    hashes = document_hash(then), document_hash(now)
    # As JSON gives them back: a tuple is a list there.
    pair = canonical_document(then), canonical_document(now)
    same = hashes[0] == hashes[1]
    return Compared(step, what, *hashes, None if same else next(_differences(*pair), None))


def _of_missing(step: str, what: str, is_gone: bool, recorded: str | None) -> Compared:
    why = "what the run made is gone from the store" if is_gone else "it was not made again"
    return Compared(step, what, recorded, None, why)


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


def _differences(then: Any, now: Any, at: str = "") -> Iterator[str]:
    """Every place where two JSON contents differ, in order."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for name in sorted({*then, *now}):
            yield from _differences(then.get(name), now.get(name), f"{at}.{name}".lstrip("."))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for place, pair in enumerate(zip(then, now, strict=True)):
            yield from _differences(*pair, f"{at}[{place}]")
    elif then != now:
        yield f"{at} was {then!r:.80}, is {now!r:.80}"
