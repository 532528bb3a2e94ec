"""What a store holds, in a form that two runs of the same export have in common."""

import contextlib
import json
from collections.abc import Iterator, Mapping

import polars as pl

from dealcast.workflow.manifest import StepRecord, load_latest_steps, load_manifest, run_ids
from dealcast.workflow.store import RAW_INDEX, Store
from dealcast.workflow.tables import TABLES

# Who did it, and what the figures of a resumed run leave open: whether it was the killed one that
# promoted the model, and how much was computed anew (all, where the killed one had begun to write).
OF_A_RUN = (
    "run_id",
    "promotion",
    "promoted",
    "changed_opportunities",
    "snapshot_dates_renewed",
)

State = Mapping[str, pl.DataFrame]


def state_of(store: Store) -> State:
    """Every table by name: without ids of runs, each row once, in one order."""
    return {name: plain(store.load(name)) for name in TABLES if store.has(name)}


def pinned_state(store: Store, run_id: str) -> State:
    """The same of the versions that a run's manifest names."""
    steps = load_manifest(store, run_id).steps
    versions = {name: v for step in steps for name, v in step.tables.items()}
    return {name: plain(store.load(name, version=v)) for name, v in versions.items()}


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table, each once, without what only one run can say, in one order."""
    rows = frame.select(pl.all().exclude(OF_A_RUN))
    return rows.unique().sort(pl.struct(pl.all()).map_batches(_in_words, return_dtype=pl.String))


def _in_words(rows: pl.Series) -> pl.Series:
    return pl.Series([str(row) for row in rows])


def figures_of(store: Store) -> Mapping[str, str]:
    """What the steps say of what they made: by step and name, as JSON."""
    return {
        f"{name} {key}": json.dumps(figure, default=str, sort_keys=True)
        for name, record in load_latest_steps(store).items()
        for key, figure in record.figures.items()
        if key not in OF_A_RUN
    }


def differing(found: State, *expected: State) -> list[str]:
    """The tables that are as in none of the states."""
    return [name for name, frame in found.items() if not _is_in(name, frame, expected)]


def _is_in(name: str, frame: pl.DataFrame, states: tuple[State, ...]) -> bool:
    return any(name in state and frame.equals(state[name]) for state in states)


def check_records(store: Store) -> None:
    """Every manifest can be read, and what steps recorded is there in the version they say."""
    for run_id in run_ids(store):
        load_manifest(store, run_id)
    for record in load_latest_steps(store).values():
        for table, version in record.tables.items():
            store.load(table, version=version)
        keys = record.objects.values() if record.name != "ingest" else [_raw_index(record)]
        for key in keys:
            assert store.has_object(key), f"{record.name} recorded {key}, which is not there"


def _raw_index(record: StepRecord) -> str:
    return f"raw/{record.objects['raw']}/{RAW_INDEX}"


@contextlib.contextmanager
def told(doing: str) -> Iterator[None]:
    """Name what was done in whatever fails inside."""
    try:
        yield
    except BaseException as error:
        error.add_note(doing)
        raise
